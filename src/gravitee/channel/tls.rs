//! TLS to the server, by the process's one stack: rustls with aws-lc-rs, the system's certificate authorities and those of the settings.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::dial::DialError;
use super::settings::Authority;
use crate::trust;

/// Whom to trust, read now: a certificate authority that is exchanged needs no restart.
pub(super) fn connector(authorities: &[Authority]) -> Result<TlsConnector, DialError> {
    let mut roots = RootCertStore::empty();
    // What of the system's cannot be read is left out: the rest may do, and if not, the handshake says so.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for authority in authorities {
        match authority {
            Authority::File(path) => add(&mut roots, &trust::pem(path)?)?,
            Authority::Text(text) => add(&mut roots, text.as_bytes())?,
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(DialError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Adds every certificate of a text in PEM, of which there must be one.
fn add(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), DialError> {
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| DialError::Authority)?;
        roots.add(certificate).map_err(|_| DialError::Authority)?;
    }
    if roots.len() > before { Ok(()) } else { Err(DialError::Authority) }
}

/// TLS over a stream, with the host that the certificate has to name.
pub(super) async fn over<S>(stream: S, connector: &TlsConnector, host: &str) -> Result<TlsStream<S>, DialError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from(host.to_owned()).map_err(|_| DialError::Name)?;
    connector.connect(name, stream).await.map_err(DialError::Handshake)
}
