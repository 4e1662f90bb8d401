//! Commands of ours that wait for their reply.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::gravitee::command::Reply;

/// By id; gone once the connection is.
#[derive(Debug)]
pub(super) struct Pending(Mutex<Option<HashMap<String, oneshot::Sender<Reply>>>>);

/// A place in the list, until it is dropped: whoever gives up waiting is not answered later.
pub(super) struct Place<'a> {
    pending: &'a Pending,
    id: String,
    pub(super) reply: oneshot::Receiver<Reply>,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Some(HashMap::new())))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Option<HashMap<String, oneshot::Sender<Reply>>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// `None` where the connection is gone.
    pub(super) fn expect(&self, id: &str) -> Option<Place<'_>> {
        let (sender, reply) = oneshot::channel();
        self.with(|waiting| waiting.as_mut().map(|waiting| waiting.insert(id.to_owned(), sender)))?;
        Some(Place { pending: self, id: id.to_owned(), reply })
    }

    /// Whether anybody still waited for it.
    pub(super) fn answer(&self, reply: Reply) -> bool {
        let id = reply.command_id.clone().unwrap_or_default();
        let sender = self.with(|waiting| waiting.as_mut().and_then(|waiting| waiting.remove(&id)));
        sender.is_some_and(|sender| sender.send(reply).is_ok())
    }

    /// All that wait are told that no reply will come.
    pub(super) fn close(&self) {
        self.with(|waiting| *waiting = None);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pending.with(|waiting| waiting.as_mut().map(|waiting| waiting.remove(&self.id)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gravitee::command::read_reply;

    fn reply(id: &str) -> Reply {
        read_reply(&format!(r#"{{"commandId":"{id}","commandStatus":"SUCCEEDED"}}"#)).unwrap()
    }

    #[tokio::test]
    async fn a_reply_finds_its_command_once_and_only_while_somebody_waits() {
        let pending = Pending::new();
        let (mut first, second) = (pending.expect("1").unwrap(), pending.expect("2").unwrap());
        assert!(pending.answer(reply("1")));
        assert!(!pending.answer(reply("1")) && !pending.answer(reply("3")));
        assert_eq!((&mut first.reply).await.unwrap().command_id.as_deref(), Some("1"));
        drop(second);
        assert_eq!(
            pending.with(|waiting| waiting.as_ref().map(HashMap::len)),
            Some(0),
            "nothing is kept for who is gone"
        );
        assert!(!pending.answer(reply("2")));
    }

    #[tokio::test]
    async fn whoever_waits_hears_of_the_connections_end() {
        let pending = Pending::new();
        let mut place = pending.expect("1").unwrap();
        pending.close();
        assert!((&mut place.reply).await.is_err());
        assert!(pending.expect("2").is_none() && !pending.answer(reply("1")));
    }
}
