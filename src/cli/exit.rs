//! How a command ends: exit codes, and failures as a person reads them.

use std::collections::BTreeMap;
use std::fmt;
use std::process::ExitCode;

use crate::discovery::AwsSetupError;
use crate::registry::{Outcome, RegistryError, Tally};
use crate::worker::report::RunReport;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// Usage, invalid or rejected file, ambiguous name.
    Usage,
    /// Partly: an unexplained scope failure, a delivery that was given up, approval awaited.
    Partly,
    /// Interrupted.
    Interrupted,
}

impl Exit {
    /// The number that the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partly => 3,
            Self::Interrupted => 130,
        }
    }

    /// What a number says; one that is not ours says that something failed.
    #[must_use]
    pub fn of_code(code: u8) -> Self {
        let all = [Self::Done, Self::Failed, Self::Usage, Self::Partly, Self::Interrupted];
        all.into_iter().find(|exit| exit.code() == code).unwrap_or(Self::Failed)
    }

    /// How one run counts.
    #[must_use]
    pub fn of_run(report: &RunReport) -> Self {
        match report.outcome {
            Outcome::Interrupted => Self::Interrupted,
            Outcome::Failed => Self::Failed,
            Outcome::Partial | Outcome::Running => Self::Partly,
            Outcome::Succeeded if report.awaiting > 0 || gave_up(&report.targets) => Self::Partly,
            Outcome::Succeeded => Self::Done,
        }
    }

    /// How several connections count together: interrupted before all, failed only if every one failed, partly if any fell short.
    #[must_use]
    pub fn of_all(exits: &[Self]) -> Self {
        if exits.contains(&Self::Interrupted) {
            Self::Interrupted
        } else if !exits.is_empty() && exits.iter().all(|exit| *exit == Self::Failed) {
            Self::Failed
        } else if exits.iter().any(|exit| *exit != Self::Done) {
            Self::Partly
        } else {
            Self::Done
        }
    }
}

/// Whether a delivery to a target was given up.
#[must_use]
pub(super) fn gave_up(targets: &BTreeMap<String, Tally>) -> bool {
    targets.values().any(|tally| tally.dead > 0)
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command could not be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What happened.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Failure {
    /// The command failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into(), hint: None }
    }

    /// The command was not understood, or the file is not valid.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), hint: None }
    }

    /// The same with what to do.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\n  {hint}"))
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self { exit: Exit::Failed, message: error.to_string(), hint: None }
    }
}

impl From<AwsSetupError> for Failure {
    fn from(error: AwsSetupError) -> Self {
        Self::failed(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit::{Done, Failed, Interrupted, Partly};
    use super::*;

    #[test]
    fn several_connections_end_as_their_worst_but_fail_only_together() {
        for (exits, expected) in [
            (vec![], Done),
            (vec![Done, Done], Done),
            (vec![Failed, Failed], Failed),
            (vec![Failed, Done], Partly),
            (vec![Failed, Partly], Partly),
            (vec![Done, Partly], Partly),
            (vec![Failed, Interrupted], Interrupted),
        ] {
            assert_eq!(Exit::of_all(&exits), expected, "{exits:?}");
        }
    }
}
