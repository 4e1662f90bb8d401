//! Stopping time for a test: calls that wait to be let through, and things to do right before an answer.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

type Callback = Box<dyn FnOnce() + Send>;

/// The gate that calls pass on arrival, and the list of what to do before answers.
#[derive(Debug)]
pub(crate) struct Gate {
    /// The number of the first call to hold; none = open.
    hold_from: watch::Sender<Option<u64>>,
    waiting: Mutex<Waiting>,
    changed: Condvar,
    before_answer: Mutex<BTreeMap<u64, Vec<CallbackSlot>>>,
}

/// Calls at the gate. A release starts a new era: those of the old one are on their way and count no more.
#[derive(Debug, Default)]
struct Waiting {
    era: u64,
    calls: usize,
}

struct CallbackSlot(Callback);

impl std::fmt::Debug for CallbackSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("callback")
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            hold_from: watch::Sender::new(None),
            waiting: Mutex::default(),
            changed: Condvar::new(),
            before_answer: Mutex::default(),
        }
    }
}

impl Gate {
    pub(crate) fn hold_at(&self, call: u64) {
        self.hold_from.send_replace(Some(call));
    }

    pub(crate) fn release(&self) {
        let mut waiting = self.lock();
        waiting.era += 1;
        waiting.calls = 0;
        self.hold_from.send_replace(None);
    }

    /// Blocks until a call waits at the gate; false where none does within `timeout`.
    pub(crate) fn wait_until_held(&self, timeout: Duration) -> bool {
        let waiting = self.lock();
        let (waiting, _) = self
            .changed
            .wait_timeout_while(waiting, timeout, |waiting| waiting.calls == 0)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.calls > 0
    }

    /// Lets call number `call` through, now or when the gate opens.
    pub(crate) async fn pass(&self, call: u64) {
        let open = |from: &Option<u64>| from.is_none_or(|from| call < from);
        let mut hold_from = self.hold_from.subscribe();
        if open(&hold_from.borrow()) {
            return;
        }
        let _place = Place::take(self);
        // The sender lives in `self`, so the wait ends by the gate opening only.
        let _ = hold_from.wait_for(open).await;
    }

    pub(crate) fn at_answer(&self, answer: u64, callback: Callback) {
        let mut callbacks = self.before_answer.lock().unwrap_or_else(PoisonError::into_inner);
        callbacks.entry(answer).or_default().push(CallbackSlot(callback));
    }

    /// Does what was asked for before answer number `answer`.
    pub(crate) fn run_before(&self, answer: u64) {
        let due = self.before_answer.lock().unwrap_or_else(PoisonError::into_inner).remove(&answer);
        for CallbackSlot(callback) in due.into_iter().flatten() {
            callback();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call's place at the gate, given up also when its client goes away.
struct Place<'a> {
    gate: &'a Gate,
    era: u64,
}

impl<'a> Place<'a> {
    fn take(gate: &'a Gate) -> Self {
        let mut waiting = gate.lock();
        waiting.calls += 1;
        gate.changed.notify_all();
        Self { gate, era: waiting.era }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.gate.lock();
        if waiting.era == self.era {
            waiting.calls -= 1;
        }
    }
}
