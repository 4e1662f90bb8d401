//! Ctrl-C and SIGTERM: the first ends runs cleanly, the second ends the process. SIGHUP: the worker reads its file anew.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Exit;

/// Ends the watch when it is dropped.
#[derive(Debug)]
pub(super) struct Watch(tokio::task::JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a command says at the first signal.
pub(super) const ENDING: &str = "interrupted: ending cleanly, what was committed stays; once more to stop at once";

/// What the worker says at the first signal.
pub(super) const STOPPING: &str =
    "stopping: runs in flight have 20 s to come to their next commit; once more to stop at once";

/// Cancels on the first SIGINT or SIGTERM, and tells so; the next one ends the process on the spot, with the exit code of an interrupted command.
pub(super) fn cancel_on_interrupt(cancel: CancellationToken, tell: impl FnOnce() + Send + 'static) -> Watch {
    // Not in the task, which begins when a thread has time for it: until then a signal would end the process.
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    Watch(tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = signals else { return };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // First: whoever tells may have to wait for what is just being shown.
        cancel.cancel();
        tell();
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // Nothing is lost: a commit is one transaction, and the next start marks the run as interrupted.
        stop();
    }))
}

/// Begins to listen to SIGHUP; until then it ends the process. What comes before somebody receives is kept, as one.
pub(super) fn hangup() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "whatever the process waits for is not waited for any more"
)]
fn stop() -> ! {
    std::process::exit(i32::from(Exit::Interrupted.code()))
}
