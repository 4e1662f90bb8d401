//! An answer over HTTP: what is read of it, and what one that refuses says.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use super::client::failure;
use super::{Effect, Failure};

/// The most of a stranger's words that is shown, in characters.
const LONGEST_EXCERPT: usize = 200;

/// How much of a refusal is read to quote from it, in bytes.
const REFUSAL: usize = 4 * 1024;

/// An answer whose head has come.
#[derive(Debug)]
pub(super) struct Answer {
    response: Response,
    place: String,
    timeout: Duration,
}

/// A text without these secrets, which a receiver or a program may have repeated; also where only one word of one was.
pub(super) fn hidden<'a>(text: String, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = text;
    for secret in secrets {
        for part in std::iter::once(secret).chain(secret.split_whitespace()) {
            // Shorter ones would blacken every second word.
            if part.len() >= 6 {
                text = text.replace(part, "***");
            }
        }
    }
    text
}

impl Answer {
    pub(super) fn new(response: Response, place: String, timeout: Duration) -> Self {
        Self { response, place, timeout }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Who answered: scheme, host and port.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The whole body.
    ///
    /// # Errors
    /// It broke off, did not come in time, or is longer than `most` bytes.
    pub(super) async fn whole(mut self, most: usize) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        loop {
            match self.response.chunk().await {
                Ok(Some(piece)) if body.len() + piece.len() > most => {
                    let message = format!("{} answered with more than {most} bytes", self.place);
                    return Err(Failure { status: Some(self.status().as_u16()), ..Failure::passing(message) });
                }
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => return Ok(body),
                Err(error) => return Err(failure(&error, &self.place, self.timeout)),
            }
        }
    }

    /// The first bytes of the body, as far as they come.
    pub(super) async fn beginning(&mut self, most: usize) -> Vec<u8> {
        let mut body = Vec::new();
        while let Ok(Some(piece)) = self.response.chunk().await {
            body.extend_from_slice(&piece);
            if body.len() >= most {
                break;
            }
        }
        body.truncate(most);
        body
    }

    /// The failure that an answer with another status than one of success is: a pause where the receiver is overloaded (429, 502, 503,
    /// 504; Standard Webhooks 1.0.0, "Delivery"), another attempt otherwise. What else a status means to a target is the target's business.
    pub(super) async fn refused(mut self, now: DateTime<Utc>) -> Failure {
        let status = self.status();
        let retry_after = retry_after(self.headers(), now);
        let said = excerpt(&self.beginning(REFUSAL).await);
        let mut message = format!("{} answered {status}", self.place);
        if !said.is_empty() {
            message.push_str(": ");
            message.push_str(&said);
        }
        let effect = match status.as_u16() {
            429 | 502 | 503 | 504 => Effect::Pause,
            _ => Effect::Retry,
        };
        Failure { message, status: Some(status.as_u16()), retry_after, effect }
    }
}

/// What `Retry-After` asks for (RFC 9110 §10.2.3): seconds, or a date, which `now` is compared with; one that has passed is no wait.
pub(super) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds are still a wish to be left alone.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let until = DateTime::<Utc>::from(httpdate::parse_http_date(text).ok()?);
    Some((until - now).to_std().unwrap_or_default())
}

/// A stranger's words as they may be shown: one line, without control characters, not long.
pub(super) fn excerpt(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    // Control characters, and those that turn the direction of text or have no width.
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let plain: String = text.chars().map(|c| if hidden(c) { ' ' } else { c }).collect();
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LONGEST_EXCERPT) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())])
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_each_form_of_a_date() {
        let now = "2026-11-06T08:49:37Z".parse().unwrap();
        for (text, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(u64::from(u32::MAX))),
            ("Fri, 06 Nov 2026 08:50:37 GMT", Some(60)),
            ("Friday, 06-Nov-26 08:50:37 GMT", Some(60)),
            ("Fri Nov  6 08:50:37 2026", Some(60)),
            ("Fri, 06 Nov 2026 08:00:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(&headers(text), now), seconds.map(Duration::from_secs), "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn an_excerpt_is_one_short_line_without_what_a_terminal_would_obey() {
        assert_eq!(excerpt(b"\x1b[31mno\r\n\tway\0 \xff"), "[31mno way \u{fffd}");
        assert_eq!(excerpt("a\u{202e}b\u{feff}".as_bytes()), "a b");
        assert_eq!(excerpt(b" \n"), "");
        assert_eq!(excerpt("é".repeat(200).as_bytes()), "é".repeat(200));
        assert_eq!(excerpt("é".repeat(201).as_bytes()), format!("{}…", "é".repeat(200)));
    }
}
