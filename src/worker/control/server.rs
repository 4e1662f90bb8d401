//! The worker's end of the control socket: who may use it, and how one client is served.
//!
//! Each client has threads of its own, where blocking is allowed: a registry that is busy or a client that does not read holds up
//! neither the dispatcher nor another client.

use std::io::{self, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use nix::unistd::{Uid, User};
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::protocol::{self, Answer, Ask, Counters, Opening, Reply};
use super::socket::{self, FileId};
use crate::worker::{Candidate, Pick};

/// Clients that something is carried out for at a time. Who only asks how the worker is needs no such place.
const MOST_CLIENTS: usize = 32;

/// Clients that have not said yet what they want; one more, and the one that has been silent longest goes.
const MOST_SILENT: usize = 64;

/// A client says what it wants within this time, however it comes in pieces.
const OPENING: Duration = Duration::from_secs(10);

/// A client takes what it is told within this time. It keeps reading whatever becomes of its own output, so one that does not is
/// stopped or broken.
const TAKING: Duration = Duration::from_secs(20);

/// At the end of the worker clients have this time to take its last words.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What was carried out for clients has this time after that to come to its end.
const LAST_WORK: Duration = Duration::from_secs(2);

/// Pieces of output are at most this long; as JSON one may grow to six times that.
const PIECE: usize = 32 * 1024;

/// How long to wait where the system has no room for another client.
const NO_ROOM: Duration = Duration::from_millis(100);

/// Carries out what clients want.
pub trait Host: Send + Sync + 'static {
    /// Carries out a request on a thread of its own, and answers its exit code.
    fn serve(&self, opening: Opening, client: &Client) -> u8;
}

/// A client whose request is being carried out. Clones are the same client.
#[derive(Clone, Debug)]
pub struct Client(Arc<Line>);

#[derive(Debug)]
struct Line {
    to: Mutex<UnixStream>,
    picked: Mutex<Receiver<Vec<bool>>>,
    by: String,
    cancel: CancellationToken,
    /// A write failed, maybe in the middle of a line: whatever came after it would not be understood.
    is_broken: AtomicBool,
}

/// The connection of a client, for the server to end.
#[derive(Debug)]
struct Seat {
    stream: UnixStream,
    has_asked: AtomicBool,
}

impl Seat {
    fn is_silent(&self) -> bool {
        !self.has_asked.load(Ordering::Acquire)
    }

    /// Wakes whoever reads from it or writes to it.
    fn close(&self) {
        // A client that is gone has closed it already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// The clients that are connected, in the order in which they came.
#[derive(Debug, Default)]
struct Seats(Vec<Weak<Seat>>);

impl Seats {
    fn take(&mut self, stream: UnixStream) -> Arc<Seat> {
        self.0.retain(|seat| seat.strong_count() > 0);
        let silent = self.present().filter(|seat| seat.is_silent());
        let too_many = (silent.count() + 1).saturating_sub(MOST_SILENT);
        self.present().filter(|seat| seat.is_silent()).take(too_many).for_each(|seat| seat.close());
        let seat = Arc::new(Seat { stream, has_asked: AtomicBool::new(false) });
        self.0.push(Arc::downgrade(&seat));
        seat
    }

    fn present(&self) -> impl Iterator<Item = Arc<Seat>> {
        self.0.iter().filter_map(Weak::upgrade)
    }
}

impl Client {
    /// Who it is: the user's name, else `uid N`.
    #[must_use]
    pub fn by(&self) -> &str {
        &self.0.by
    }

    /// Cancelled when the client is gone or no longer wants it, and when the worker stops.
    #[must_use]
    pub fn cancel(&self) -> &CancellationToken {
        &self.0.cancel
    }

    /// Tells the client something. One that cannot be told any more is gone, and what it wanted is cancelled.
    pub fn tell(&self, answer: &Answer) {
        let mut to = self.0.to.lock().unwrap_or_else(PoisonError::into_inner);
        // Each further write would wait as long as the one that failed.
        if self.0.is_broken.load(Ordering::Acquire) {
            return;
        }
        let told = protocol::line(answer).and_then(|line| to.write_all(&line));
        if let Err(error) = told {
            self.0.is_broken.store(true, Ordering::Release);
            if !self.0.cancel.is_cancelled() {
                tracing::debug!("a client at the control socket is gone: {error}");
            }
            self.0.cancel.cancel();
        }
    }

    /// Text for its standard output.
    pub fn out(&self, text: &str) {
        pieces(text).for_each(|piece| self.tell(&Answer::Out(piece.to_owned())));
    }

    /// Text for its standard error.
    pub fn err(&self, text: &str) {
        pieces(text).for_each(|piece| self.tell(&Answer::Err(piece.to_owned())));
    }

    /// How far its runs have come.
    pub fn progress(&self, counters: Counters) {
        self.tell(&Answer::Progress(counters));
    }
}

impl Pick for Client {
    fn pick(&self, candidates: &[Candidate]) -> Result<Vec<bool>, String> {
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.0.picked.lock().unwrap_or_else(PoisonError::into_inner);
        for candidate in candidates {
            self.tell(&Answer::Candidate(candidate.clone()));
        }
        self.tell(&Answer::Ask(candidates.len() as u64));
        match answers.recv() {
            Ok(picked) if picked.len() == candidates.len() => Ok(picked),
            Ok(picked) => Err(format!("{} answers came to {} questions", picked.len(), candidates.len())),
            Err(_) => Err("the client was gone before an answer; nothing was registered".to_owned()),
        }
    }
}

/// Text in pieces that end where characters do.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        rest = after;
        Some(piece).filter(|piece| !piece.is_empty())
    })
}

/// A control socket that clients can connect to.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    bound: Option<FileId>,
}

impl Server {
    /// Listens at `path`; within a runtime. Only the worker that holds the registry's lock may.
    ///
    /// # Errors
    /// Another process answers there, or the folder does not allow it.
    pub fn bind(path: &Path) -> io::Result<Self> {
        // Clients may stand elsewhere.
        let path = std::path::absolute(path)?;
        let listener = socket::listen(&path)?;
        listener.set_nonblocking(true)?;
        let bound = FileId::of(&path);
        Ok(Self { listener: UnixListener::from_std(listener)?, path, bound })
    }

    /// Where it listens, from the root.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Serves clients until `stop`. Then no new ones are served and what the others wanted is cancelled. They are waited for some
    /// seconds, whatever they do.
    pub async fn serve(self, host: Arc<dyn Host>, stop: CancellationToken) {
        let room = Arc::new(Semaphore::new(MOST_CLIENTS));
        let mut clients = JoinSet::new();
        let mut seats = Seats::default();
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(_) = clients.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!("a client could not connect to the control socket: {error}");
                    tokio::time::sleep(NO_ROOM).await;
                    continue;
                }
            };
            let served = match stream.peer_cred() {
                Ok(peer) if may(Uid::from_raw(peer.uid())) => Ok(name(Uid::from_raw(peer.uid()))),
                Ok(_) => Err("only the worker's own user and root may use its control socket"),
                Err(_) => Err("the system does not say who you are"),
            };
            let by = match served {
                Ok(by) => by,
                Err(why) => {
                    refuse(&stream, why);
                    continue;
                }
            };
            match stream.into_std().and_then(|stream| Ok((stream.try_clone()?, stream))) {
                Ok((stream, ours)) => {
                    let (host, room, cancel) = (Arc::clone(&host), Arc::clone(&room), stop.child_token());
                    let seat = seats.take(ours);
                    clients.spawn_blocking(move || {
                        if let Err(error) = talk(stream, &seat, by, host.as_ref(), &room, cancel) {
                            tracing::debug!("a client at the control socket was not served: {error}");
                        }
                    });
                }
                Err(error) => tracing::warn!("a client at the control socket could not be served: {error}"),
            }
        }
        drop(self);
        seats.present().filter(|seat| seat.is_silent()).for_each(|seat| seat.close());
        if !all_end(&mut clients, LAST_WORDS).await {
            seats.present().for_each(|seat| seat.close());
            if !all_end(&mut clients, LAST_WORK).await {
                tracing::warn!("what was carried out for clients has not ended; what was committed stays");
                // Blocking work cannot be aborted: dropping the set leaves it behind.
            }
        }
    }
}

/// Whether all of them end within this time.
async fn all_end(clients: &mut JoinSet<()>, within: Duration) -> bool {
    tokio::time::timeout(within, async { while clients.join_next().await.is_some() {} }).await.is_ok()
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whoever holds the lock next makes a socket anew, and may have done so here already.
        if self.bound.is_none() || FileId::of(&self.path) != self.bound {
            return;
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!("the control socket was not removed: {error}");
        }
    }
}

fn may(uid: Uid) -> bool {
    uid.is_root() || uid == Uid::effective()
}

/// A user as the history names them.
fn name(uid: Uid) -> String {
    match User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        _ => format!("uid {uid}"),
    }
}

/// What fits into an empty socket needs no wait; who does not get it is refused all the same.
fn refuse(stream: &tokio::net::UnixStream, why: &str) {
    for answer in [Answer::Err(format!("aboard: {why}\n")), Answer::Exit(1)] {
        if let Ok(line) = protocol::line(&answer) {
            let _ = stream.try_write(&line);
        }
    }
}

/// Reads from a client until a time, if there is one.
#[derive(Debug)]
struct Ear {
    stream: UnixStream,
    until: Option<Instant>,
}

impl Read for Ear {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(left)?;
        self.stream.read(into)
    }
}

fn talk(
    stream: UnixStream,
    seat: &Seat,
    by: String,
    host: &dyn Host,
    room: &Semaphore,
    cancel: CancellationToken,
) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(TAKING))?;
    let mut from = BufReader::new(Ear { stream: stream.try_clone()?, until: Some(Instant::now() + OPENING) });
    let (sender, picked) = channel();
    let client = Client(Arc::new(Line {
        to: Mutex::new(stream),
        picked: Mutex::new(picked),
        by,
        cancel,
        is_broken: AtomicBool::new(false),
    }));
    let Some(line) = protocol::next_line(&mut from)? else { return Ok(()) };
    seat.has_asked.store(true, Ordering::Release);
    let refuse = |why: &str| {
        client.err(&format!("aboard: {why}\n"));
        client.tell(&Answer::Exit(1));
    };
    let opening = match Opening::parse(&line) {
        Ok(opening) => opening,
        Err(why) => {
            refuse(&why);
            return Ok(());
        }
    };
    let place = (opening.ask != Ask::Health).then(|| room.try_acquire());
    if matches!(place, Some(Err(_))) {
        refuse("the worker serves as many clients as it can; try again in a moment");
        return Ok(());
    }
    from.get_mut().until = None;
    let cancel = client.cancel().clone();
    let listens = std::thread::spawn(move || listen(from, &sender, &cancel));
    // A fault of ours in one request is that request's end and no more.
    let served = std::panic::AssertUnwindSafe(|| host.serve(opening, &client));
    let exit = std::panic::catch_unwind(served).unwrap_or_else(|_| {
        client.err("aboard: the worker could not carry this out, by a fault of its own; see its log\n");
        1
    });
    client.tell(&Answer::Exit(exit));
    // The other thread waits for words that nobody needs any more.
    seat.close();
    let _ = listens.join();
    Ok(())
}

/// Hears what a client adds until it is gone.
fn listen(mut from: BufReader<Ear>, picked: &Sender<Vec<bool>>, cancel: &CancellationToken) {
    while let Ok(Some(line)) = protocol::next_line(&mut from) {
        match serde_json::from_str(&line) {
            Ok(Reply::Picked(choice)) => {
                // Where nothing was asked nobody waits for it.
                let _ = picked.send(choice);
            }
            Ok(Reply::Cancel(false)) => {}
            // What is not understood is no way to go on.
            Ok(Reply::Cancel(true)) | Err(_) => cancel.cancel(),
        }
    }
    cancel.cancel();
}
