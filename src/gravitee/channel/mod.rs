//! One connection to one server for one integration, kept up for as long as the process runs.
//!
//! The life of a connection: connect and upgrade, HELLO, then commands both ways. What breaks is begun anew, endpoint after endpoint,
//! after waits that grow. Where this differs from the original (`gravitee-exchange-connector/…/connector/websocket/WebSocketExchangeConnector.java`):
//!
//! - A refused hello, a close with 1000 and a farewell without `reconnect` end the original for good, until somebody restarts
//!   it; but the server also refuses a hello when its database is away, and closes with 1000 in rolling upgrades. Here the next attempt
//!   comes after a minute, then less and less often.
//! - A link on which nothing is heard for 30 s is given up. Waits have jitter, and so has the one after a farewell with `reconnect`.
//! - The first endpoint is tried again first after a hello that was accepted, not after each upgrade: an endpoint that refuses every hello
//!   would shut out those behind it.

mod backoff;
mod dial;
mod endpoint;
mod error;
mod handler;
mod heard;
mod link;
mod pending;
mod proxy;
mod serve;
mod session;
mod settings;
mod status;
mod tls;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use backoff::Series;
pub use endpoint::{Endpoint, EndpointError};
pub use error::ChannelError;
pub use handler::{Given, Handler};
pub use settings::{Authority, Header, Limits, Proxy, Settings};
pub use status::{Farewell, State, Status};

use super::command;
use super::ingest::Chunk;
use link::Link;
use serve::Desk;
use session::{End, Session};
use status::Board;

/// A connection, kept up by [`Channel::run`]; copies are the same one.
#[derive(Clone)]
pub struct Channel {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    board: Board,
    link: watch::Sender<Up>,
}

/// The connection that commands can be sent over.
#[derive(Clone)]
enum Up {
    No,
    Yes(Arc<Link>),
    Never,
}

impl Shared {
    fn linked(&self, link: &Arc<Link>) {
        self.link.send_replace(Up::Yes(Arc::clone(link)));
        self.board.connected();
    }

    fn unlink(&self) {
        self.link.send_if_modified(|up| {
            let is_up = matches!(up, Up::Yes(_));
            if is_up {
                *up = Up::No;
            }
            is_up
        });
    }

    fn stop(&self) {
        self.link.send_replace(Up::Never);
    }
}

/// How often, and for how long, a chunk that was not taken is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resend {
    /// How often it is sent at most.
    pub attempts: u32,
    /// How long all of that may take, waits for a connection included.
    pub within: Duration,
}

impl Default for Resend {
    /// Five times, within 15 minutes. The server calls a job timed out 5 minutes after its last chunk, but still takes what comes later.
    fn default() -> Self {
        Self { attempts: 5, within: Duration::from_mins(15) }
    }
}

impl Channel {
    /// A connection that [`Channel::run`] will make.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let board = Board::new(&settings.name);
        Self { shared: Arc::new(Shared { settings, board, link: watch::Sender::new(Up::No) }) }
    }

    /// How the connection is, now and after each change.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.shared.board.subscribe()
    }

    /// Sends a chunk once, and waits until the server has stored it.
    ///
    /// # Errors
    /// There is no connection, it went, the server did not reply in time, or it refuses the chunk.
    pub async fn ingest(&self, chunk: &Chunk) -> Result<(), ChannelError> {
        let up = self.shared.link.borrow().clone();
        match up {
            Up::Yes(link) => self.send(&link, chunk).await,
            Up::No => Err(ChannelError::NotConnected),
            Up::Never => Err(ChannelError::Stopped),
        }
    }

    /// Sends a chunk, over later connections too, until the server has stored it. A chunk may be stored twice: the server updates what
    /// it has of an API by the API's identity.
    ///
    /// # Errors
    /// The server refuses it, the process ends, or `resend` is used up.
    pub async fn ingest_surely(&self, chunk: &Chunk, resend: Resend) -> Result<(), ChannelError> {
        let by = Instant::now() + resend.within;
        let mut used: Option<(Arc<Link>, ChannelError)> = None;
        for attempt in 1.. {
            let link = match (tokio::time::timeout_at(by, self.link_after(used.as_ref())).await, used.take()) {
                (Ok(link), _) => link?,
                (Err(_), Some((_, error))) => return Err(error),
                (Err(_), None) => return Err(ChannelError::NotConnected),
            };
            match self.send(&link, chunk).await {
                Err(error) if error.may_pass() && attempt < resend.attempts => used = Some((link, error)),
                outcome => return outcome,
            }
        }
        Err(ChannelError::NotConnected)
    }

    /// A connection, but not one that went before; one on which only time ran out will do again.
    async fn link_after(&self, used: Option<&(Arc<Link>, ChannelError)>) -> Result<Arc<Link>, ChannelError> {
        let gone = used.filter(|(_, error)| !matches!(error, ChannelError::TimedOut(_))).map(|(link, _)| link);
        let mut links = self.shared.link.subscribe();
        let up = links.wait_for(|up| match up {
            Up::No => false,
            Up::Yes(link) => gone.is_none_or(|gone| !Arc::ptr_eq(gone, link)),
            Up::Never => true,
        });
        match up.await.map(|up| up.clone()) {
            Ok(Up::Yes(link)) => Ok(link),
            Ok(Up::No | Up::Never) | Err(_) => Err(ChannelError::Stopped),
        }
    }

    async fn send(&self, link: &Link, chunk: &Chunk) -> Result<(), ChannelError> {
        let id = command::new_id();
        let parts = chunk.message(&id, self.shared.settings.limits.max_message)?;
        link.ask(&id, parts).await?;
        Ok(())
    }

    /// Keeps the connection up until `cancel`; then lets commands under way come to an end, and closes with 1000.
    pub async fn run(&self, handler: Arc<dyn Handler>, cancel: CancellationToken) {
        let settings = &self.shared.settings;
        let limits = &settings.limits;
        let tasks = TaskTracker::new();
        // Waiting for the tasks then means waiting for those that there are.
        tasks.close();
        let desk = Arc::new(Desk {
            handler,
            tasks,
            room: Arc::new(Semaphore::new(limits.commands_in_flight.saturating_add(limits.commands_waiting))),
            hands: Arc::new(Semaphore::new(limits.commands_in_flight.max(1))),
            cancel: cancel.clone(),
            name: settings.name.clone(),
            max_message: limits.max_message,
            // The server waits no longer than that, however patient we are with it.
            reply: limits.reply.min(Limits::default().reply),
            ingest_delay: limits.ingest_delay,
        });
        self.keep_up(&desk).await;
        self.shared.stop();
        let _ = timeout(limits.drain, desk.tasks.wait()).await;
        self.shared.board.stopped();
    }

    async fn keep_up(&self, desk: &Arc<Desk>) {
        let Shared { settings, board, .. } = &*self.shared;
        let mut next_endpoint = 0;
        let mut failures = Failures::default();
        while !desk.cancel.is_cancelled() {
            let Some(endpoint) = settings.endpoints.get(next_endpoint) else {
                board.waiting(false, "no endpoint is configured", 1, 0);
                desk.cancel.cancelled().await;
                return;
            };
            next_endpoint = (next_endpoint + 1) % settings.endpoints.len();
            board.connecting(&endpoint.to_string());
            let Some(dialled) = desk.cancel.run_until_cancelled(dial::dial(settings, endpoint)).await else { return };
            let (end, began) = match dialled {
                Ok((socket, heard)) => Session::run(&self.shared, desk, socket, heard).await,
                Err(error) => (End::Lost(error.to_string()), None),
            };
            if began.is_some() {
                next_endpoint = 0;
            }
            if began.is_some_and(|began| began.elapsed() >= settings.limits.stable) {
                failures = Failures::default();
            }
            let Some((series, error)) = failures.after(end) else { return };
            let series = if series == Pace::Slow { &settings.limits.retry_refused } else { &settings.limits.retry };
            let wait = series.wait(failures.count, fastrand::f64());
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            board.waiting(began.is_some(), &error, failures.count, wait_ms);
            if desk.cancel.run_until_cancelled(sleep(wait)).await.is_none() {
                return;
            }
        }
    }
}

/// Failures of one kind in a row.
#[derive(Default)]
struct Failures {
    pace: Option<Pace>,
    count: u32,
}

/// How soon to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// After trouble that passes.
    Usual,
    /// After an end that was meant.
    Slow,
}

impl Failures {
    /// Counts an end; `None` where no other attempt is to follow.
    fn after(&mut self, end: End) -> Option<(Pace, String)> {
        let (pace, error) = match end {
            End::Stopped => return None,
            End::Refused(why) => (Pace::Slow, format!("the hello was refused: {why}")),
            End::GoodBye { reconnect: false } => (Pace::Slow, "the server said goodbye".to_owned()),
            End::GoodBye { reconnect: true } => {
                *self = Self::default();
                (Pace::Usual, "the server said goodbye, and to come back".to_owned())
            }
            End::Closed { code, reason } => {
                let pace = if code == 1000 { Pace::Slow } else { Pace::Usual };
                let reason = if reason.is_empty() { reason } else { format!(" ({reason})") };
                (pace, format!("closed with {code}{reason}"))
            }
            End::Lost(why) => (Pace::Usual, why),
        };
        if self.pace != Some(pace) {
            *self = Self { pace: Some(pace), count: 0 };
        }
        self.count = self.count.saturating_add(1);
        Some((pace, error))
    }
}
