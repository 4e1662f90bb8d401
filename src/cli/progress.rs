//! The bar that shows how far runs have come. Only on a terminal.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::is_interactive;
use crate::discovery::Progress;
use crate::worker::control::Counters;

/// How often the bar is drawn.
const EVERY: Duration = Duration::from_millis(100);

/// A bar on standard error.
#[derive(Clone, Debug)]
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// Draws nothing where standard error is no terminal, or `quiet`.
    #[must_use]
    pub(super) fn new(quiet: bool) -> Self {
        let shown = is_interactive() && !quiet;
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} [{bar:24}] {pos}/{len} scopes  {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self(bar)
    }

    /// Shows the counters as they are now.
    pub(super) fn draw(&self, now: Counters) {
        self.0.set_length(now.scopes_total);
        self.0.set_position(now.scopes_done);
        self.0.set_message(format!("{} APIs  {} calls  {} throttled", now.apis, now.calls, now.throttled));
    }

    /// Takes the bar away while something else is printed.
    pub(super) fn hide_while<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }

    /// Takes the bar away for good.
    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// Shows counters until it is dropped, on a thread of its own: whoever shows them may be slow, and the bar is held while a result is
/// printed, which nobody may be reading yet.
#[derive(Debug)]
pub(super) struct Follower {
    bar: Option<Bar>,
    goes_on: Option<Sender<()>>,
}

impl Follower {
    /// By a bar on standard error.
    #[must_use]
    pub(super) fn bar(progress: Progress, quiet: bool) -> Self {
        let bar = Bar::new(quiet);
        let drawn = bar.clone();
        let mut follower = Self::tell(progress, move |counters| drawn.draw(counters));
        follower.bar = Some(bar);
        follower
    }

    /// By telling somebody else.
    #[must_use]
    pub(super) fn tell(progress: Progress, tell: impl Fn(Counters) + Send + 'static) -> Self {
        let (goes_on, over) = channel();
        std::thread::spawn(move || {
            while over.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                tell(progress.read().into());
            }
        });
        Self { bar: None, goes_on: Some(goes_on) }
    }

    /// Nobody wants to see them.
    #[must_use]
    pub(super) fn nobody() -> Self {
        Self { bar: None, goes_on: None }
    }

    /// Takes the bar away while something else is printed.
    pub(super) fn hide_while<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.hide_while(print),
            None => print(),
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.goes_on.take();
        if let Some(bar) = &self.bar {
            bar.clear();
        }
    }
}
