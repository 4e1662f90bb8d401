//! The bar that shows how far runs have come. Only on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::is_interactive;
use crate::discovery::Progress;

/// How often the bar is drawn.
const EVERY: Duration = Duration::from_millis(100);

/// A bar that follows counters until it is dropped.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    drawer: tokio::task::JoinHandle<()>,
}

impl Bar {
    /// Starts to follow; draws nothing where standard error is no terminal, or `quiet`.
    #[must_use]
    pub(super) fn follow(progress: Progress, quiet: bool) -> Self {
        let shown = is_interactive() && !quiet;
        let bar = ProgressBar::with_draw_target(
            Some(0),
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() },
        );
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} [{bar:24}] {pos}/{len} scopes  {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        let drawn = bar.clone();
        let drawer = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            loop {
                ticks.tick().await;
                draw(&drawn, &progress);
            }
        });
        Self { bar, drawer }
    }
}

impl Bar {
    /// Takes the bar away while something else is printed.
    pub(super) fn hide_while<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

fn draw(bar: &ProgressBar, progress: &Progress) {
    let now = progress.read();
    bar.set_length(now.scopes_total);
    bar.set_position(now.scopes_done);
    bar.set_message(format!("{} APIs  {} calls  {} throttled", now.apis, now.calls, now.throttled));
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.drawer.abort();
        self.bar.finish_and_clear();
    }
}
