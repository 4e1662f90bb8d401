//! Dying on purpose at a commit, so that tests can prove that nothing is lost and nothing is done twice.
//!
//! Debug builds only. Schema migrations, which happen before any run, are not counted.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::signal::{Signal, raise};

/// On which side of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Everything is written, nothing is committed.
    Before,
    /// It is committed, and nobody has been told.
    After,
}

static ARMED: OnceLock<(Side, u64)> = OnceLock::new();
static COMMITS: AtomicU64 = AtomicU64::new(0);

/// Arms the process by the text of `ABOARD_CRASH_AT`: `before-commit:N` or `after-commit:N`, N counting from 1 over every
/// transaction that writes, whichever registry it is in. Only the first call counts.
///
/// # Errors
/// One sentence, where the text is of another form.
pub fn arm_crash(text: &str) -> Result<(), String> {
    let malformed = || format!("`{text}` is neither before-commit:N nor after-commit:N");
    let (side, count) = text.split_once(':').ok_or_else(malformed)?;
    let side = match side {
        "before-commit" => Side::Before,
        "after-commit" => Side::After,
        _ => return Err(malformed()),
    };
    let count = count.parse().ok().filter(|count| *count > 0).ok_or_else(malformed)?;
    ARMED.get_or_init(|| (side, count));
    Ok(())
}

/// Counts a commit, and kills the process by SIGKILL where it is the armed one.
pub(super) fn point(side: Side) {
    let commit = match side {
        Side::Before => COMMITS.fetch_add(1, Ordering::SeqCst) + 1,
        Side::After => COMMITS.load(Ordering::SeqCst),
    };
    if ARMED.get() == Some(&(side, commit)) {
        // The signal cannot be caught; should raising it fail, the process must not go on all the same.
        let _raised = raise(Signal::SIGKILL);
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_documented_forms_arm_it() {
        for text in ["", "before-commit", "before-commit:0", "after-commit:x", "during-commit:1"] {
            assert!(arm_crash(text).is_err(), "{text}");
        }
    }
}
