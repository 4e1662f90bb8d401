//! The only reader of the wall clock; everything else takes `now` as a parameter.

use chrono::{DateTime, SubsecRound, Utc};

/// The present instant, cut to milliseconds, which is what the registry keeps.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}
