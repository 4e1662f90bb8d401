//! Reloading the schedule file while the worker runs: read whole, check strictly, compare, swap once.
//!
//! ```text
//! watch, poll, SIGHUP, command, edit ──► one queue ──► read ──► same as last time? ──► parse ──► guards ──► swap ──► state, log, audit
//! ```
//!
//! One task does it, one reload at a time; what is asked for meanwhile is answered by the next. Whatever goes wrong before the swap
//! leaves everything as it was. What a swap does to schedules and runs is not known here.

mod requests;
mod state;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

pub use requests::{Notice, Reloads};
pub use state::{Attempt, ReloadCount, ReloadRecord, ReloadReport, ReloadResult, ReloadState, ReloadTrigger, Trouble};

use requests::{Asked, Request};

use super::source::{self, Fault, FaultKind, Loaded, Text};
use crate::config::{self, Config, Diff, Problem};

/// How often a file that is being written is read again before it is left for the next look.
const READS_AT_MOST: usize = 20;

/// How many mistakes a log line holds.
const LOGGED_AT_MOST: usize = 10;

/// Why nothing is reloaded where there is no file.
pub(super) const FIXED: &str =
    "there is no schedule file; what is in force was set when the worker began, so restart it";

/// Takes a new schedule file over: the one moment in which a reload changes anything.
pub trait Swap: Send + Sync + 'static {
    /// Makes `new` the file in force, whole or not at all. `diff` says what it says otherwise.
    ///
    /// # Errors
    /// One sentence; then nothing has changed.
    fn swap(&self, new: Arc<Config>, diff: &Diff) -> impl Future<Output = Result<(), String>> + Send;

    /// A reload begins that somebody asked for, or that a changed file set off.
    fn begins(&self) {}

    /// It is over, be the file taken or not; what is known about the file is up to date.
    fn is_over(&self) {}
}

/// Writes a reload to the audit trail; it may block.
pub type Audit = Arc<dyn Fn(ReloadRecord) + Send + Sync>;

/// What a reload starts from: the file as the worker was started with it.
#[derive(Clone, Debug)]
pub struct Followed {
    /// The schedule file.
    pub file: PathBuf,
    /// The registry, beside which the last good file is kept.
    pub registry: PathBuf,
    /// What is in force.
    pub config: Arc<Config>,
    /// The text that it was made from.
    pub text: Text,
    /// What is suspicious in it.
    pub warnings: Vec<String>,
    /// Whether there is no such file, and what is in force was settled at the start.
    pub fixed: bool,
}

/// A reload task that has yet to learn what it swaps. The queue is open already.
#[derive(Debug)]
pub struct Prepared {
    followed: Followed,
    clock: fn() -> DateTime<Utc>,
    settle: Duration,
    requests: mpsc::UnboundedReceiver<Request>,
    state: watch::Sender<ReloadState>,
    attempted: Option<Seen>,
}

/// The task that reloads.
pub struct Reloader<S> {
    followed: Followed,
    swap: S,
    audit: Audit,
    clock: fn() -> DateTime<Utc>,
    settle: Duration,
    requests: mpsc::UnboundedReceiver<Request>,
    state: watch::Sender<ReloadState>,
    attempted: Option<Seen>,
}

impl<S> std::fmt::Debug for Reloader<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloader").field("file", &self.followed.file).finish_non_exhaustive()
    }
}

/// What a look found, as far as two looks are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    /// The hash of its text.
    Text(String),
    /// Why there is none, in the words that are shown: they must be those of the last look.
    Fault(FaultKind, String),
}

impl Seen {
    fn of(read: &Result<Text, Fault>) -> Self {
        match read {
            Ok(text) => Self::Text(text.hash.clone()),
            Err(fault) => Self::Fault(fault.kind(), fault.to_string()),
        }
    }

    fn hash(&self) -> Option<String> {
        match self {
            Self::Text(hash) => Some(hash.clone()),
            Self::Fault(..) => None,
        }
    }
}

/// A file that is in force now.
struct Taken {
    diff: Diff,
    warnings: Vec<Problem>,
    text: Text,
}

/// Why a file is not taken over.
struct Refusal {
    kind: FaultKind,
    diff: Option<Diff>,
    errors: Vec<String>,
    headlines: Vec<String>,
    warnings: Vec<String>,
}

impl Refusal {
    fn of(fault: &Fault) -> Self {
        Self {
            kind: fault.kind(),
            diff: None,
            errors: fault.errors(),
            headlines: fault.headlines(),
            warnings: Vec::new(),
        }
    }

    fn sentence(kind: FaultKind, diff: Diff, sentence: String, warnings: Vec<String>) -> Self {
        Self { kind, diff: Some(diff), errors: vec![sentence.clone()], headlines: vec![sentence], warnings }
    }
}

/// A reload task for `followed`, and the way to ask it. `settle` is how long a file that changed by itself must stay the same before it
/// is taken over.
#[must_use]
pub fn prepare(followed: Followed, clock: fn() -> DateTime<Utc>, settle: Duration) -> (Prepared, Reloads) {
    let state = ReloadState::new(followed.file.clone(), followed.text.hash.clone(), followed.warnings.clone(), clock());
    let (state, state_seen) = watch::channel(state);
    let (sender, requests) = mpsc::unbounded_channel();
    let reloads = Reloads { requests: sender, state: state_seen };
    let attempted = Some(Seen::Text(followed.text.hash.clone()));
    (Prepared { followed, clock, settle, requests, state, attempted }, reloads)
}

impl Prepared {
    /// Has it begin with a file that is not the one that it follows, because of this. The first look says so again, or finds it cured.
    pub fn begins_without_its_file(&mut self, fault: &Fault) {
        self.attempted = None;
        let trouble = Trouble::new((self.clock)(), fault.kind(), fault.headlines());
        self.state.send_modify(|state| {
            state.ok = false;
            state.trouble = Some(trouble);
        });
    }

    /// The task, which does nothing until it is run.
    #[must_use]
    pub fn with<S: Swap>(self, swap: S, audit: Audit) -> Reloader<S> {
        let Self { followed, clock, settle, requests, state, attempted } = self;
        Reloader { followed, swap, audit, clock, settle, requests, state, attempted }
    }
}

impl<S: Swap> Reloader<S> {
    /// Reloads whenever it is asked to, until `cancel`; a reload that has begun is finished.
    pub async fn run(mut self, cancel: CancellationToken) {
        let text = std::mem::replace(&mut self.followed.text, Text { text: String::new(), hash: String::new() });
        if !self.followed.fixed {
            self.keep(text).await;
        }
        loop {
            let first = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                request = self.requests.recv() => request,
            };
            let Some(first) = first else { return };
            let mut asked = None;
            self.gather(&mut asked, first);
            while let Ok(more) = self.requests.try_recv() {
                self.gather(&mut asked, more);
            }
            if let Some(asked) = asked {
                self.answer(asked, &cancel).await;
            }
        }
    }

    fn gather(&self, asked: &mut Option<Asked>, request: Request) {
        let (trigger, accept, by, reply) = match request {
            Request::Reload { trigger, accept, by, reply } => (trigger, accept, by, reply),
            Request::Notice(Notice::Look(trigger)) => (trigger, false, None, None),
            Request::Notice(Notice::Detached(detached)) => return self.detached(detached),
            Request::Notice(Notice::PollingOnly(why)) => return self.polling_only(why),
        };
        Asked::gather(asked, trigger, accept, by, reply);
    }

    fn detached(&self, detached: bool) {
        if self.state.borrow().detached == detached {
            return;
        }
        self.state.send_modify(|state| state.detached = detached);
        let file = self.followed.file.display();
        if detached {
            tracing::warn!("{}", state::detached_sentence(&file));
        } else {
            tracing::info!("{file} can be seen again");
        }
    }

    fn polling_only(&self, why: Option<String>) {
        if let (Some(why), None) = (&why, &self.state.borrow().polling_only) {
            let file = self.followed.file.display();
            tracing::warn!(
                "the file system does not tell of changes of {file}, so it is looked at from time to time only: {why}"
            );
        }
        self.state.send_modify(|state| state.polling_only = why);
    }

    async fn answer(&mut self, asked: Asked, stop: &CancellationToken) {
        let report = self.reload(&asked, stop).await;
        for reply in asked.replies {
            // Whoever went away needs no answer.
            let _ = reply.send(report.clone());
        }
    }

    async fn reload(&mut self, asked: &Asked, stop: &CancellationToken) -> ReloadReport {
        if self.followed.fixed {
            tracing::info!(trigger = asked.trigger.as_str(), "nothing is reloaded: {FIXED}");
            return ReloadReport { result: ReloadResult::Rejected, errors: vec![FIXED.to_owned()], ..self.unchanged() };
        }
        let read = if asked.trigger.is_asked() { self.read().await } else { self.read_settled().await };
        let Some(read) = read else { return self.unchanged() };
        let seen = Seen::of(&read);
        if self.attempted.as_ref() == Some(&seen) && !asked.trigger.is_asked() {
            return self.unchanged();
        }
        self.swap.begins();
        let report = self.decide(asked, stop, read, seen).await;
        self.swap.is_over();
        report
    }

    async fn decide(
        &mut self,
        asked: &Asked,
        stop: &CancellationToken,
        read: Result<Text, Fault>,
        seen: Seen,
    ) -> ReloadReport {
        if seen.hash().is_some_and(|hash| hash == self.state.borrow().hash) {
            self.attempted = Some(seen.clone());
            return self.as_before(asked, &seen).await;
        }
        self.attempted = Some(seen.clone());
        match self.take_over(read, asked.accept).await {
            Ok(taken) => self.applied(asked, &seen, taken).await,
            // The next start reads the file anyway.
            Err(refusal) if refusal.kind == FaultKind::NotTaken && stop.is_cancelled() => ReloadReport {
                result: ReloadResult::Rejected,
                diff: refusal.diff,
                errors: refusal.errors,
                ..self.unchanged()
            },
            Err(refusal) => {
                if refusal.kind == FaultKind::NotTaken {
                    // Nothing is wrong with the file, so it is tried again without having changed.
                    self.attempted = None;
                }
                self.refused(asked, &seen, refusal).await
            }
        }
    }

    async fn read(&self) -> Option<Result<Text, Fault>> {
        let file = self.followed.file.clone();
        spawn_blocking(move || source::read(&file)).await.ok()
    }

    /// Reads until two reads in a row find the same; none where they never do, and the next look has to.
    async fn read_settled(&self) -> Option<Result<Text, Fault>> {
        let mut before = self.read().await?;
        if self.attempted.as_ref() == Some(&Seen::of(&before)) {
            return Some(before);
        }
        for _ in 0..READS_AT_MOST {
            tokio::time::sleep(self.settle).await;
            let now = self.read().await?;
            if Seen::of(&before) == Seen::of(&now) {
                return Some(now);
            }
            before = now;
        }
        None
    }

    /// Everything up to and with the swap.
    async fn take_over(&mut self, read: Result<Text, Fault>, accept: bool) -> Result<Taken, Refusal> {
        let text = read.map_err(|fault| Refusal::of(&fault))?;
        let blank = text.is_blank();
        let (file, running) = (self.followed.file.clone(), Arc::clone(&self.followed.config));
        let checked = spawn_blocking(move || {
            let loaded = text.parse(&file)?;
            let diff = config::diff(&running, &loaded.config);
            Ok((diff, loaded))
        });
        let (diff, loaded) = match checked.await {
            Ok(checked) => checked.map_err(|fault: Fault| Refusal::of(&fault))?,
            Err(error) => {
                let sentence = format!("the file could not be checked: {error}");
                return Err(Refusal::sentence(FaultKind::NotTaken, Diff::default(), sentence, Vec::new()));
            }
        };
        let Loaded { config, warnings, text } = loaded;
        if !accept && let Some((kind, sentence)) = self.guard(blank, &diff) {
            return Err(Refusal::sentence(kind, diff, sentence, shown(&warnings)));
        }
        let new = config::in_force(&self.followed.config, config);
        if new != *self.followed.config {
            let new = Arc::new(new);
            if let Err(sentence) = self.swap.swap(Arc::clone(&new), &diff).await {
                return Err(Refusal::sentence(FaultKind::NotTaken, diff, sentence, shown(&warnings)));
            }
            self.followed.config = new;
        }
        Ok(Taken { diff, warnings, text })
    }

    /// What looks like an accident.
    fn guard(&self, blank: bool, diff: &Diff) -> Option<(FaultKind, String)> {
        const REMEDY: &str = "if that is meant, run `aboard reload --accept`";
        let file = self.followed.file.display();
        let before = self.followed.config.connections.len();
        if blank && before > 0 {
            let kind = FaultKind::Empty;
            Some((kind, format!("{file} is empty, which would remove every connection; {REMEDY}")))
        } else if diff.removes_most() {
            let removed = diff.removed.len();
            let kind = FaultKind::RemovesMost;
            Some((kind, format!("{file} would remove {removed} of {before} connections; {REMEDY}")))
        } else {
            None
        }
    }

    /// Nothing was done, and nothing is to be told.
    fn unchanged(&self) -> ReloadReport {
        let state = self.state.borrow();
        ReloadReport {
            result: ReloadResult::Unchanged,
            diff: None,
            errors: Vec::new(),
            warnings: state.warnings.clone(),
            needs_restart: state.needs_restart.clone(),
        }
    }

    /// The file holds what is in force already: nothing changed, or somebody put it back.
    async fn as_before(&self, asked: &Asked, seen: &Seen) -> ReloadReport {
        let cured = !self.state.borrow().ok;
        let file = self.followed.file.display();
        let trigger = asked.trigger.as_str();
        if cured {
            tracing::info!(trigger, "{file} holds again what is in force");
        } else {
            tracing::info!(trigger, "{file} is in force already");
        }
        let at = (self.clock)();
        self.state.send_modify(|state| {
            state.ok = true;
            state.trouble = None;
            state.attempted(at, asked.trigger, seen.hash(), ReloadResult::Unchanged);
        });
        if cured {
            self.record(asked, at, seen, ReloadResult::Unchanged, None, Vec::new()).await;
        }
        self.unchanged()
    }

    async fn applied(&self, asked: &Asked, seen: &Seen, taken: Taken) -> ReloadReport {
        let at = (self.clock)();
        let Taken { diff, warnings, text } = taken;
        let hash = text.hash.clone();
        let file = self.followed.file.display();
        let details = diff.details();
        let separator = if details.is_empty() { "" } else { "; " };
        let (trigger, by) = (asked.trigger.as_str(), asked.by());
        tracing::info!(trigger, by, hash, "reloaded {file}: {diff}{separator}{details}");
        for warning in warnings.iter().take(LOGGED_AT_MOST) {
            tracing::warn!("{}", warning.headline());
        }
        let warnings = shown(&warnings);
        let needs_restart = diff.restart_only.clone();
        self.state.send_modify(|state| {
            state.hash.clone_from(&hash);
            state.loaded_at = at;
            state.ok = true;
            state.trouble = None;
            state.diff = Some(diff.clone());
            state.warnings.clone_from(&warnings);
            state.needs_restart.clone_from(&needs_restart);
            state.attempted(at, asked.trigger, Some(hash), ReloadResult::Applied);
        });
        self.keep(text).await;
        self.record(asked, at, seen, ReloadResult::Applied, Some(&diff), Vec::new()).await;
        ReloadReport { result: ReloadResult::Applied, diff: Some(diff), errors: Vec::new(), warnings, needs_restart }
    }

    async fn refused(&self, asked: &Asked, seen: &Seen, refusal: Refusal) -> ReloadReport {
        let Refusal { kind, diff, errors, headlines, warnings } = refusal;
        let result = match kind {
            FaultKind::Empty | FaultKind::RemovesMost => ReloadResult::NeedsAccept,
            _ => ReloadResult::Rejected,
        };
        let at = (self.clock)();
        let (trigger, by) = (asked.trigger.as_str(), asked.by());
        let shown = headlines.get(..LOGGED_AT_MOST).unwrap_or(&headlines).join("; ");
        let more = headlines.len().saturating_sub(LOGGED_AT_MOST);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let start = if kind.prevents_start() { "; this file will not load at the next start" } else { "" };
        let (file, hash) = (self.followed.file.display(), seen.hash());
        tracing::warn!(trigger, by, hash, "rejected {file}, what was in force stays: {shown}{more}{start}");
        let (errors, headlines) = (state::first(errors), state::first(headlines));
        self.state.send_modify(|state| {
            let since = state.trouble.as_ref().map_or(at, |trouble| trouble.since);
            state.ok = false;
            state.trouble = Some(Trouble::new(since, kind, headlines.clone()));
            state.attempted(at, asked.trigger, seen.hash(), result);
        });
        self.record(asked, at, seen, result, diff.as_ref(), headlines).await;
        let needs_restart = self.state.borrow().needs_restart.clone();
        ReloadReport { result, diff, errors, warnings, needs_restart }
    }

    /// Keeps the last good file beside the registry. Without it the worker runs as well; it is only missed at a start that needs it.
    async fn keep(&self, text: Text) {
        let registry = self.followed.registry.clone();
        let kept = spawn_blocking(move || source::keep_last_good(&registry, &text)).await;
        if let Ok(Err(error)) = kept {
            let copy = source::last_good(&self.followed.registry);
            tracing::warn!("cannot keep a copy of the schedule file in {}: {error}", copy.display());
        }
    }

    async fn record(
        &self,
        asked: &Asked,
        at: DateTime<Utc>,
        seen: &Seen,
        result: ReloadResult,
        diff: Option<&Diff>,
        errors: Vec<String>,
    ) {
        let text = |diff: &Diff| match diff.details() {
            details if details.is_empty() => diff.to_string(),
            details => format!("{diff}; {details}"),
        };
        let diff = diff.map(text).unwrap_or_default();
        let record =
            ReloadRecord { at, trigger: asked.trigger, by: asked.by(), result, diff, hash: seen.hash(), errors };
        let audit = Arc::clone(&self.audit);
        if let Err(error) = spawn_blocking(move || audit(record)).await {
            tracing::error!("a reload could not be recorded: {error}");
        }
    }
}

fn shown(warnings: &[Problem]) -> Vec<String> {
    warnings.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests;
