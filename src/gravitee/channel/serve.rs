//! Carries a command to the handler and its outcome back.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::Map;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::handler::{Given, Handler};
use super::writer::{First, Outgoing};
use crate::gravitee::command::{self, Asked, Command, types};
use crate::gravitee::frame::EncodeError;

/// Where commands are worked on; outlives connections, for what was begun is brought to an end.
pub(super) struct Desk {
    pub(super) handler: Arc<dyn Handler>,
    pub(super) tasks: TaskTracker,
    /// All that are worked on or wait.
    pub(super) room: Arc<Semaphore>,
    /// Those that are worked on.
    pub(super) hands: Arc<Semaphore>,
    pub(super) cancel: CancellationToken,
    pub(super) name: String,
    pub(super) max_message: usize,
    pub(super) reply: Duration,
    pub(super) ingest_delay: Duration,
}

/// The way back of one command's reply.
struct Back {
    id: String,
    kind: &'static str,
    to: mpsc::Sender<First>,
    began: Instant,
}

impl Desk {
    /// Takes a command that a handler has to do. Never waits.
    pub(super) fn take(self: &Arc<Self>, command: Command, to: &mpsc::Sender<First>) -> Result<(), Refusal> {
        let Some(kind) = kind(&command.asked) else { return Ok(()) };
        let refuse = |why| Refusal { id: command.id.clone(), kind, why };
        if self.cancel.is_cancelled() {
            return Err(refuse("the agent is ending"));
        }
        let room = Arc::clone(&self.room).try_acquire_owned();
        let room = room.map_err(|_| refuse("the agent has too many commands to deal with"))?;
        let back = Back { id: command.id, kind, to: to.clone(), began: Instant::now() };
        let desk = Arc::clone(self);
        self.tasks.spawn(async move {
            // Closed never: an error would mean the same as no place.
            let hands = desk.hands.acquire().await;
            desk.work(command.asked, back).await;
            drop((hands, room));
        });
        Ok(())
    }

    async fn work(self: &Arc<Self>, asked: Asked, back: Back) {
        match asked {
            Asked::Discover => {
                let outcome = self.handler.discover().await;
                self.reply(&back, outcome.as_ref()).await;
            }
            Asked::StartIngest(asked) => {
                let outcome = self.handler.start_ingest(asked.clone()).await;
                let arrived = self.reply(&back, outcome.as_ref()).await;
                if arrived && outcome.is_ok_and(|started| started.total > 0) {
                    let (desk, job) = (Arc::clone(self), asked.ingest_job_id.clone());
                    self.tasks.spawn(async move {
                        let ingest = async {
                            sleep(desk.ingest_delay).await;
                            desk.handler.ingest(asked).await;
                        };
                        if desk.cancel.run_until_cancelled(ingest).await.is_none() {
                            warn!(
                                integration = desk.name,
                                "ingest {job} ends unfinished with its connection, and Gravitee will call it timed out"
                            );
                        }
                    });
                }
            }
            Asked::Subscribe(asked) => {
                let (outcome, take_back) = match self.handler.subscribe(asked).await {
                    Ok(Given { answer, take_back }) => (Ok(answer), Some(take_back)),
                    Err(why) => (Err(why), None),
                };
                let arrived = self.reply(&back, outcome.as_ref()).await;
                if let Some(take_back) = take_back.filter(|_| !arrived || back.began.elapsed() >= self.reply) {
                    warn!(
                        integration = self.name,
                        "a subscription was made but Gravitee did not hear of it in time; it is taken back"
                    );
                    take_back.await;
                }
            }
            Asked::Unsubscribe(asked) => {
                let outcome = self.handler.unsubscribe(asked).await.map(|()| Map::new());
                self.reply(&back, outcome.as_ref()).await;
            }
            Asked::Primary(_) | Asked::HealthCheck | Asked::GoodBye(_) | Asked::NotForUs(_) | Asked::Unknown => {}
        }
    }

    /// Whether all of the reply was written.
    async fn reply<P: Serialize>(&self, back: &Back, outcome: Result<&P, &String>) -> bool {
        let message = match outcome {
            Ok(payload) => command::succeeded(&back.id, back.kind, payload, self.max_message).or_else(|error| {
                warn!(integration = self.name, "the reply to {} cannot be sent: {error}", back.kind);
                self.failed(back, &error.to_string())
            }),
            Err(details) => {
                warn!(integration = self.name, "{} failed: {details}", back.kind);
                self.failed(back, details)
            }
        };
        let Ok(message) = message else { return false };
        let (written, is_written) = oneshot::channel();
        let outgoing = Outgoing { parts: vec![message.into()], written: Some(written) };
        back.to.send(First::Reply(outgoing)).await.is_ok() && is_written.await.is_ok()
    }

    fn failed(&self, back: &Back, details: &str) -> Result<Vec<u8>, EncodeError> {
        command::failed(&back.id, back.kind, details, self.max_message)
    }
}

/// A command that nobody works on.
pub(super) struct Refusal {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) why: &'static str,
}

/// The type of a command that a handler has to do.
fn kind(asked: &Asked) -> Option<&'static str> {
    match asked {
        Asked::Discover => Some(types::DISCOVER),
        Asked::StartIngest(_) => Some(types::START_INGEST),
        Asked::Subscribe(_) => Some(types::SUBSCRIBE),
        Asked::Unsubscribe(_) => Some(types::UNSUBSCRIBE),
        Asked::Primary(_) | Asked::HealthCheck | Asked::GoodBye(_) | Asked::NotForUs(_) | Asked::Unknown => None,
    }
}
