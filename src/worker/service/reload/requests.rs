//! Asking for reloads: the queue, and how several requests become one.

use tokio::sync::{mpsc, oneshot, watch};

use super::state::{ReloadReport, ReloadResult, ReloadState, ReloadTrigger};

/// Something that the watch noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The file may have changed.
    Look(ReloadTrigger),
    /// Whether the file is mounted by itself and was replaced outside.
    Detached(bool),
    /// The file system does not tell of changes, and why; none where it does again.
    PollingOnly(Option<String>),
}

/// Asks for reloads and knows how they ended. Clones ask the same task.
#[derive(Clone, Debug)]
pub struct Reloads {
    pub(super) requests: mpsc::UnboundedSender<Request>,
    pub(super) state: watch::Receiver<ReloadState>,
}

/// What stands in the queue.
#[derive(Debug)]
pub(super) enum Request {
    Notice(Notice),
    Reload { trigger: ReloadTrigger, accept: bool, by: Option<String>, reply: Option<oneshot::Sender<ReloadReport>> },
}

impl Reloads {
    /// Reloads and waits for the end. `accept` says that an empty file or the removal of most connections is meant.
    pub async fn reload(&self, trigger: ReloadTrigger, accept: bool, by: Option<String>) -> ReloadReport {
        let (reply, answer) = oneshot::channel();
        let request = Request::Reload { trigger, accept, by, reply: Some(reply) };
        let answer = match self.requests.send(request) {
            Ok(()) => answer.await.ok(),
            Err(_) => None,
        };
        answer.unwrap_or_else(|| ReloadReport {
            result: ReloadResult::Rejected,
            diff: None,
            errors: vec!["the worker is stopping; the file counts at its next start".to_owned()],
            warnings: Vec::new(),
            needs_restart: self.state().needs_restart,
        })
    }

    /// Asks for a reload and does not wait.
    pub fn ask(&self, trigger: ReloadTrigger, accept: bool, by: Option<String>) {
        // Where the task has ended the worker is stopping, and nothing is to be reloaded.
        let _ = self.requests.send(Request::Reload { trigger, accept, by, reply: None });
    }

    /// Tells what the watch noticed.
    pub fn notice(&self, notice: Notice) {
        let _ = self.requests.send(Request::Notice(notice));
    }

    /// How things stand.
    #[must_use]
    pub fn state(&self) -> ReloadState {
        self.state.borrow().clone()
    }

    /// Gets to know of every change of the state.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<ReloadState> {
        self.state.clone()
    }
}

/// What is to be done, by everyone who asked since the last reload.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) trigger: ReloadTrigger,
    pub(super) accept: bool,
    pub(super) by: Vec<String>,
    pub(super) replies: Vec<oneshot::Sender<ReloadReport>>,
}

impl Asked {
    /// One more request; they are carried out as one, by the trigger that tells most about what was meant.
    pub(super) fn gather(
        asked: &mut Option<Self>,
        trigger: ReloadTrigger,
        accept: bool,
        by: Option<String>,
        reply: Option<oneshot::Sender<ReloadReport>>,
    ) {
        let asked = asked.get_or_insert_with(|| Self { trigger, accept: false, by: Vec::new(), replies: Vec::new() });
        asked.trigger = asked.trigger.max(trigger);
        asked.accept |= accept;
        asked.by.extend(by.filter(|by| !asked.by.contains(by)));
        asked.replies.extend(reply);
    }

    /// Who asked, as one text.
    pub(super) fn by(&self) -> Option<String> {
        (!self.by.is_empty()).then(|| self.by.join(", "))
    }
}
