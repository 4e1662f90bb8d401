//! The listener and its connections: at most so many, none for ever, and a quiet end.
//!
//! Where all places are taken, the connection that has been silent longest gives way: whoever opens connections and says nothing keeps
//! nobody from asking how the worker is.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backend::Backend;
use super::node;
use super::routes::{self, Site};

/// Connections at one time; for further ones the longest silent give way, and where all are being answered they wait.
const CONNECTIONS: usize = 128;
/// How long a request's head, and then its body, may take. It also ends connections that ask nothing more.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// What a request's head may hold: ours are short.
const HEAD: usize = 16 * 1024;
/// How long a connection lives, however it is used: one whose answers are never read must not keep its place.
const LIFETIME: Duration = Duration::from_mins(5);
/// How long an answer that is being given may still take at the end.
const FAREWELL: Duration = Duration::from_secs(5);
/// Before the next try, where no connection can be accepted, as when there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(500);

/// The listener cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen} for {purpose}: {}", reason(source))]
pub struct BindError {
    listen: SocketAddr,
    purpose: &'static str,
    source: io::Error,
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another process listens there; stop it, or choose another port".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        io::ErrorKind::PermissionDenied => "this process may not; choose a port above 1023".to_owned(),
        _ => error.to_string(),
    }
}

/// An open listener.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    local: SocketAddr,
}

impl Server {
    /// Begins to listen; connections wait until [`Server::serve`].
    ///
    /// # Errors
    /// The address is taken, not ours, or not allowed.
    pub async fn bind(listen: SocketAddr) -> Result<Self, BindError> {
        Self::bind_for(listen, "[http]").await
    }

    /// The same for [`Server::serve_node`].
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub async fn bind_node(listen: SocketAddr) -> Result<Self, BindError> {
        Self::bind_for(listen, "/_node/health").await
    }

    async fn bind_for(listen: SocketAddr, purpose: &'static str) -> Result<Self, BindError> {
        let opened = async {
            let listener = TcpListener::bind(listen).await?;
            let local = listener.local_addr()?;
            Ok(Self { listener, local })
        };
        opened.await.map_err(|source| BindError { listen, purpose, source })
    }

    /// Where it listens, with the port that the system chose if it was to choose one.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Answers until `cancel`; what is being answered then is brought to its end, for a short while.
    pub async fn serve(self, backend: Arc<dyn Backend>, cancel: CancellationToken) {
        let router = routes::router(Site::new(backend, self.local));
        self.answer(router, cancel).await;
    }

    /// Answers `/_node/health` alone, until `cancel`.
    pub async fn serve_node(self, backend: Arc<dyn Backend>, cancel: CancellationToken) {
        let router = node::router(Site::new(backend, self.local));
        self.answer(router, cancel).await;
    }

    async fn answer(self, router: Router, cancel: CancellationToken) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut seats = Seats::default();
        let open = TaskTracker::new();
        tracing::info!("http: listening on {}", self.local);
        let accepting = async {
            loop {
                let stream = match self.listener.accept().await {
                    Ok((stream, _peer)) => stream,
                    Err(error) => {
                        tracing::warn!("http: no connection can be accepted: {error}");
                        sleep(PAUSE).await;
                        continue;
                    }
                };
                if places.available_permits() == 0 {
                    seats.throw_out_the_longest_silent();
                }
                // Nobody closes the semaphore.
                let place = Arc::clone(&places).acquire_owned().await.ok();
                let connection = hold(stream, router.clone(), seats.take(), cancel.clone());
                open.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = accepting => {}
        }
        drop(self.listener);
        open.close();
        if timeout(FAREWELL, open.wait()).await.is_err() {
            tracing::debug!("http: {} connections were cut", open.len());
        }
    }
}

/// A connection's request is being answered.
const ANSWERING: u64 = 0;
/// It was told to go.
const LEAVING: u64 = u64::MAX;

/// A connection, as far as others want its place.
#[derive(Debug)]
struct Seat {
    /// Since when it is silent, in numbers that rise; or one of those above.
    silent_since: AtomicU64,
    silences: Arc<AtomicU64>,
    leave: CancellationToken,
}

impl Seat {
    /// A request has come, which is answered unless the connection was told to go.
    fn speak(self: &Arc<Self>) -> Option<Speech> {
        let answering = |since| (since != LEAVING).then_some(ANSWERING);
        let spoke = self.silent_since.fetch_update(Ordering::AcqRel, Ordering::Acquire, answering);
        spoke.ok().map(|_since| Speech(Arc::clone(self)))
    }

    /// Tells it to go, unless a request came meanwhile.
    fn throw_out(&self, since: u64) {
        if self.silent_since.compare_exchange(since, LEAVING, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.leave.cancel();
        }
    }
}

/// A request that is being answered; after it the connection is silent again.
struct Speech(Arc<Seat>);

impl Drop for Speech {
    fn drop(&mut self) {
        self.0.silent_since.store(self.0.silences.fetch_add(1, Ordering::AcqRel), Ordering::Release);
    }
}

/// The connections that there are.
#[derive(Debug)]
struct Seats {
    present: Vec<Weak<Seat>>,
    silences: Arc<AtomicU64>,
}

impl Default for Seats {
    fn default() -> Self {
        Self { present: Vec::new(), silences: Arc::new(AtomicU64::new(ANSWERING + 1)) }
    }
}

impl Seats {
    fn take(&mut self) -> Arc<Seat> {
        self.present.retain(|seat| seat.strong_count() > 0);
        let silences = Arc::clone(&self.silences);
        let silent_since = AtomicU64::new(silences.fetch_add(1, Ordering::AcqRel));
        let seat = Arc::new(Seat { silent_since, silences, leave: CancellationToken::new() });
        self.present.push(Arc::downgrade(&seat));
        seat
    }

    fn throw_out_the_longest_silent(&self) {
        let present = self.present.iter().filter_map(Weak::upgrade);
        let silent = present
            .map(|seat| (seat.silent_since.load(Ordering::Acquire), seat))
            .filter(|(since, _)| ![ANSWERING, LEAVING].contains(since));
        if let Some((since, seat)) = silent.min_by_key(|(since, _)| *since) {
            seat.throw_out(since);
        }
    }
}

/// Serves one connection to its end.
async fn hold(stream: TcpStream, router: Router, seat: Arc<Seat>, cancel: CancellationToken) {
    let leave = seat.leave.clone();
    let answers = TowerToHyperService::new(router);
    let service = service_fn(move |request| {
        let (speech, answering) = (seat.speak(), answers.call(request));
        async move {
            let _speech = speech.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionAborted))?;
            answering.await.map_err(io::Error::other)
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // Whoever went away or sent no HTTP learns nothing from our log.
        _ended = connection.as_mut() => return,
        () = leave.cancelled() => return,
        () = cancel.cancelled() => {}
        () = sleep(LIFETIME) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ended = timeout(FAREWELL, connection).await;
}
