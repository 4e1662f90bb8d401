//! The signature of Standard Webhooks 1.0.0: HMAC-SHA256 over id, timestamp and body.
//!
//! The crate `standardwebhooks` signs the same way; it would bring a second base64, a second SHA-256 and a library of dates for these lines.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// How long a secret must be, in bytes, by the specification ("Signature scheme").
const LENGTH: std::ops::RangeInclusive<usize> = 24..=64;

/// Secrets are written with or without the padding at their end.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a receiver shares with us.
pub(super) struct Key(Zeroizing<Vec<u8>>);

impl Key {
    /// Reads `whsec_` and base64.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that begins with its place.
    pub(super) fn parse(secret: &SecretString) -> Result<Self, String> {
        let text = secret.expose_secret();
        if text.starts_with("whsk_") || text.starts_with("whpk_") {
            return Err("holds a key for ed25519 signatures; only whsec_ secrets are supported".to_owned());
        }
        let bytes = text.strip_prefix("whsec_").and_then(|encoded| LENIENT.decode(encoded).ok()).map(Zeroizing::new);
        match bytes {
            Some(bytes) if LENGTH.contains(&bytes.len()) => Ok(Self(bytes)),
            Some(bytes) => Err(format!("holds a webhook secret of {} bytes; it must have 24 to 64", bytes.len())),
            None => Err("holds no webhook secret, which is whsec_ and 24 to 64 bytes in base64".to_owned()),
        }
    }

    /// The entry of this key in `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            // HMAC takes keys of any length (RFC 2104 §3).
            return String::new();
        };
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", general_purpose::STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: &str) -> Result<Key, String> {
        Key::parse(&SecretString::from(secret))
    }

    /// From the tests of the specification's own libraries.
    #[test]
    fn the_specifications_own_test_vector_is_signed_as_it_says() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_has_a_prefix_and_24_to_64_bytes_and_is_never_quoted() {
        let of = |bytes: usize| format!("whsec_{}", general_purpose::STANDARD.encode(vec![b'x'; bytes]));
        for good in [of(24), of(25), of(64), of(25).trim_end_matches('=').to_owned()] {
            assert!(key(&good).is_ok(), "{good}");
        }
        for (bad, why) in [
            (of(23), "of 23 bytes; it must have 24 to 64"),
            (of(65), "of 65 bytes; it must have 24 to 64"),
            (of(24)["whsec_".len()..].to_owned(), "holds no webhook secret"),
            ("whsec_eHh4!".to_owned(), "holds no webhook secret"),
            (of(24).replace("whsec_", "whsk_"), "only whsec_ secrets are supported"),
            ("hunter2".to_owned(), "holds no webhook secret"),
        ] {
            let said = key(&bad).err().unwrap();
            assert!(said.contains(why) && !said.contains("eHh4") && !said.contains("hunter2"), "{bad}: {said}");
        }
    }
}
