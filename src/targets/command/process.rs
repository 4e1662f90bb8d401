//! One run of a program: fed, listened to, and ended with all its children where it takes too long or nobody waits for it any more.
//!
//! It is the leader of a process group of its own, which is what gets killed; a child that leaves the group escapes that.

use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::future::{Either, join3, select};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How much of a line is kept, in bytes.
const LONGEST_LINE: usize = 4 * 1024;

/// How long the output is listened to after the program ended: a child that it left behind may hold the pipe for ever.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How a program ended by itself.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// Of its standard output.
    pub(super) first_line: Vec<u8>,
    /// Of its standard error.
    pub(super) last_line: Vec<u8>,
}

/// Why it did not.
#[derive(Debug)]
pub(super) enum Broken {
    NotStarted(io::Error),
    NotWatched(io::Error),
    TooLong { last_line: Vec<u8> },
}

/// Runs a program with `input` on its standard input, for no longer than `limit`. Dropped, it takes the program with it.
pub(super) async fn run(mut command: Command, input: Vec<u8>, limit: Duration) -> Result<Ended, Broken> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.process_group(0).kill_on_drop(true).spawn().map_err(Broken::NotStarted)?;
    let mut group = Group::led_by(&child);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut first, mut last) = (Vec::new(), Vec::new());
    let ended = {
        let talk = join3(feed(stdin, &input), first_line(stdout, &mut first), last_line(stderr, &mut last));
        let whole = async {
            match select(pin!(child.wait()), pin!(talk)).await {
                Either::Left((status, talk)) => {
                    // From here on its number may be given to another.
                    group.is_over();
                    let _ = timeout(LAST_WORDS, talk).await;
                    status
                }
                Either::Right((_, wait)) => {
                    let status = wait.await;
                    group.is_over();
                    status
                }
            }
        };
        // On the heap: it holds the pieces that are read.
        Box::pin(timeout(limit, whole)).await
    };
    match ended {
        Ok(Ok(status)) => Ok(Ended { status, first_line: first, last_line: last_of(&last) }),
        Ok(Err(error)) => Err(Broken::NotWatched(error)),
        Err(_) => {
            group.kill();
            let _ = child.wait().await;
            group.is_over();
            Err(Broken::TooLong { last_line: last_of(&last) })
        }
    }
}

/// A process group whose leader has not been waited for, so that its number is still its own.
struct Group(Option<Pid>);

impl Group {
    fn led_by(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    fn kill(&self) {
        if let Some(leader) = self.0 {
            // It may have ended by itself.
            let _ = killpg(leader, Signal::SIGKILL);
        }
    }

    fn is_over(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Writes the input and closes. A program need not read it: that it closed its end is no failure.
async fn feed(pipe: Option<impl AsyncWrite + Unpin>, input: &[u8]) {
    if let Some(mut pipe) = pipe {
        let _ = pipe.write_all(input).await;
        let _ = pipe.shutdown().await;
    }
}

/// Keeps the first line and reads on to the end, so that the program is not held up by a full pipe.
async fn first_line(pipe: Option<impl AsyncRead + Unpin>, line: &mut Vec<u8>) {
    let mut open = true;
    listen(pipe, |piece| {
        let end = piece.iter().position(|byte| *byte == b'\n');
        if open {
            line.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
            line.truncate(LONGEST_LINE);
        }
        open &= end.is_none() && line.len() < LONGEST_LINE;
    })
    .await;
}

/// Keeps the end of the output.
async fn last_line(pipe: Option<impl AsyncRead + Unpin>, tail: &mut Vec<u8>) {
    listen(pipe, |piece| {
        tail.extend_from_slice(piece);
        tail.drain(..tail.len().saturating_sub(LONGEST_LINE));
    })
    .await;
}

fn last_of(tail: &[u8]) -> Vec<u8> {
    let lines = tail.split(|byte| *byte == b'\n');
    lines.rev().find(|line| !line.trim_ascii().is_empty()).unwrap_or_default().to_owned()
}

async fn listen(pipe: Option<impl AsyncRead + Unpin>, mut keep: impl FnMut(&[u8])) {
    let Some(mut pipe) = pipe else { return };
    let mut piece = [0; 4 * 1024];
    while let Ok(length @ 1..) = pipe.read(&mut piece).await {
        keep(&piece[..length]);
    }
}
