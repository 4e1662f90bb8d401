//! The one place that reads the wall clock: sessions expire by it.

use chrono::{DateTime, Utc};

#[expect(clippy::disallowed_methods, reason = "sessions must expire by the clock that their client reads")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}
