//! What becomes of a due instant, in the words that the registry keeps.

use serde::{Deserialize, Serialize};

/// What became of a due instant; each has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It ran on time.
    Run,
    /// It ran later, to make up for what was missed.
    CaughtUp,
    /// It passed while nothing could run it.
    Missed,
    /// It was left out on purpose.
    Skipped,
}

/// Why a due instant did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The connection's previous run had not ended.
    StillRunning,
    /// The schedule is off in the file.
    Disabled,
    /// The connection is paused.
    Paused,
    /// It was later than `misfire_grace` allows.
    TooLate,
    /// The schedule asks for no catching up.
    CatchUpOff,
    /// A newer instant came due before this one could be served.
    Superseded,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Run, Self::CaughtUp, Self::Missed, Self::Skipped];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::CaughtUp => "caught_up",
            Self::Missed => "missed",
            Self::Skipped => "skipped",
        }
    }

    /// What a word means.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fate| fate.as_str() == word)
    }

    /// Whether a run came of it.
    #[must_use]
    pub const fn runs(self) -> bool {
        matches!(self, Self::Run | Self::CaughtUp)
    }
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::StillRunning, Self::Disabled, Self::Paused, Self::TooLate, Self::CatchUpOff, Self::Superseded];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StillRunning => "still_running",
            Self::Disabled => "disabled",
            Self::Paused => "paused",
            Self::TooLate => "too_late",
            Self::CatchUpOff => "catch_up_off",
            Self::Superseded => "superseded",
        }
    }

    /// What a word means.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_were_written() {
        assert!(Fate::ALL.iter().all(|fate| Fate::parse(fate.as_str()) == Some(*fate)));
        assert!(Reason::ALL.iter().all(|reason| Reason::parse(reason.as_str()) == Some(*reason)));
        assert_eq!((Fate::parse("ran"), Reason::parse("")), (None, None));
    }
}
