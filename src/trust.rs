//! Which certificates outgoing connections trust besides the system's.

use std::io;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::config::NetworkConfig;
use crate::environment;

/// Why a certificate file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It could not be read.
    #[error("certificate file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It holds something else than certificates.
    #[error("certificate file {} is not usable: {reason}; it must hold PEM certificates", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// The file with certificates of one's own: `[network].ca_file`, else `$AWS_CA_BUNDLE`.
#[must_use]
pub fn ca_file(network: &NetworkConfig) -> Option<PathBuf> {
    network.ca_file.clone().or_else(|| environment::path("AWS_CA_BUNDLE").map(PathBuf::from))
}

/// The content of a PEM file, once it is sure that TLS can use all of it: the AWS SDK panics on what it cannot.
///
/// Blocks for as long as the file system takes.
///
/// # Errors
/// The file cannot be read, or holds no certificate or a broken one.
pub fn pem(path: &Path) -> Result<Vec<u8>, TrustError> {
    let pem = std::fs::read(path).map_err(|source| TrustError::Unreadable { path: path.to_owned(), source })?;
    let invalid = |reason: String| TrustError::Invalid { path: path.to_owned(), reason };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
        store.add(certificate).map_err(|error| invalid(error.to_string()))?;
    }
    if store.is_empty() { Err(invalid("it holds no certificate".to_owned())) } else { Ok(pem) }
}
