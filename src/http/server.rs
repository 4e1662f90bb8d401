//! The listener and its connections: at most so many, none for ever, and a quiet end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backend::Backend;
use super::routes::{self, Site};

/// Connections at one time; further ones wait to be accepted.
const CONNECTIONS: usize = 64;
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
#[error("cannot listen on {listen} for [http]: {}", reason(source))]
pub struct BindError {
    listen: SocketAddr,
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
        let opened = async {
            let listener = TcpListener::bind(listen).await?;
            let local = listener.local_addr()?;
            Ok(Self { listener, local })
        };
        opened.await.map_err(|source| BindError { listen, source })
    }

    /// Where it listens, with the port that the system chose if it was to choose one.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Answers until `cancel`; what is being answered then is brought to its end, for a short while.
    pub async fn serve(self, backend: Arc<dyn Backend>, cancel: CancellationToken) {
        let router = routes::router(Site::new(backend, self.local));
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let open = TaskTracker::new();
        tracing::info!("http: listening on {}", self.local);
        loop {
            let next = async {
                // Nobody closes the semaphore.
                let place = Arc::clone(&places).acquire_owned().await.ok();
                (place, self.listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                () = cancel.cancelled() => break,
                next = next => next,
            };
            match accepted {
                Ok((stream, _peer)) => {
                    let connection = hold(stream, router.clone(), cancel.clone());
                    open.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!("http: no connection can be accepted: {error}");
                    tokio::select! {
                        () = cancel.cancelled() => break,
                        () = sleep(PAUSE) => {}
                    }
                }
            }
        }
        drop(self.listener);
        open.close();
        if timeout(FAREWELL, open.wait()).await.is_err() {
            tracing::debug!("http: {} connections were cut", open.len());
        }
    }
}

/// Serves one connection to its end.
async fn hold(stream: TcpStream, router: Router, cancel: CancellationToken) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // Whoever went away or sent no HTTP learns nothing from our log.
        _ended = connection.as_mut() => return,
        () = cancel.cancelled() => {}
        () = sleep(LIFETIME) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ended = timeout(FAREWELL, connection).await;
}
