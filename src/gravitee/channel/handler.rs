//! What a server asks of an agent.

use futures_util::future::BoxFuture;

use crate::gravitee::model::{Discovered, IngestStarted, StartIngest, Subscribe, Subscribed, Unsubscribe};

/// What a consumer is given, and the way back.
pub struct Given {
    /// What the server is told.
    pub answer: Subscribed,
    /// Takes it back: to be awaited where the server never got the answer, or got it too late and has rejected the subscription; else
    /// dropped. It goes by what the subscription was made by, whatever has changed since.
    pub take_back: BoxFuture<'static, ()>,
}

/// Does what the server asks. Each call runs by itself, beside others: an UNSUBSCRIBE may come while an INGEST of ours waits for
/// its reply, and has to be answered first. An error is one sentence, which goes to the server's log; it names no secret.
///
/// A call goes on when its connection breaks, for what it began has to be brought to an end.
pub trait Handler: Send + Sync {
    /// Which APIs there are. The server waits 60 s, and shows what it gets.
    ///
    /// # Errors
    /// They could not be listed.
    fn discover(&self) -> BoxFuture<'_, Result<Discovered, String>>;

    /// How many APIs an ingest will bring. The server waits 60 s.
    ///
    /// # Errors
    /// There will be no ingest.
    fn start_ingest(&self, asked: StartIngest) -> BoxFuture<'_, Result<IngestStarted, String>>;

    /// Sends the APIs of an ingest ([`super::Channel::ingest_surely`]). Called once the server has its reply to `start_ingest` and has had time
    /// to make the job; not called where the reply did not arrive, or said that there is nothing. Dropped at the end of the process.
    fn ingest(&self, asked: StartIngest) -> BoxFuture<'_, ()>;

    /// Gives a consumer access. After 60 s the server has rejected the subscription, whatever comes then.
    ///
    /// # Errors
    /// The consumer has no access, and nothing is left behind.
    fn subscribe(&self, asked: Subscribe) -> BoxFuture<'_, Result<Given, String>>;

    /// Ends a consumer's access. One that has ended before is a success: the server does not close the subscription otherwise.
    ///
    /// # Errors
    /// The consumer may still have access.
    fn unsubscribe(&self, asked: Unsubscribe) -> BoxFuture<'_, Result<(), String>>;
}
