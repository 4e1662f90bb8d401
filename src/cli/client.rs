//! The client's end of the control socket: finds the running worker, tells it what to do, and shows what it says.

use std::io::{self, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use super::args::Global;
use super::desk::Desk;
use super::exit::{Exit, Failure};
use super::output::{Output, is_interactive};
use super::pick::Terminal;
use super::progress::Bar;
use super::{places, setup};
use crate::environment;
use crate::registry::locks::{self, LockedBy};
use crate::worker::control::{self, Answer, Ask, Call, FileId, Opening, Reply};
use crate::worker::service::{ReloadReport, Status};
use crate::worker::{Candidate, Pick};

/// A worker that has just started listens within this time.
pub(super) const STARTS: Duration = Duration::from_secs(3);
/// Where the control socket of a service that is configured under `/etc/aboard` is.
const SYSTEM_RUNTIME: &str = "/run/aboard";
const AGAIN: Duration = Duration::from_millis(50);
/// A worker that is well says at once how it is.
pub(super) const ANSWERS: Duration = Duration::from_secs(5);

/// The running worker, ready to be told.
#[derive(Debug)]
pub(super) struct Worker {
    stream: UnixStream,
    holder: LockedBy,
    /// The registry by which it was found.
    registry: Option<FileId>,
}

/// The worker that has a command's registry, if any. A file that is not valid is no reason to look no further here: whoever
/// carries the command out says what is wrong with it.
///
/// # Errors
/// It is there and does not answer.
pub(super) async fn worker(global: &Global) -> Result<Option<Worker>, Failure> {
    find(global, STARTS).await
}

/// The same, which is given some time to listen.
///
/// # Errors
/// It is there and does not answer.
pub(super) async fn find(global: &Global, patience: Duration) -> Result<Option<Worker>, Failure> {
    // Within its service a worker is found whatever becomes of its file.
    let of_system = || setup::is_of_system(&setup::file(global)).then(|| SYSTEM_RUNTIME.into());
    let runtime = environment::path("RUNTIME_DIRECTORY").or_else(of_system);
    let runtime = runtime.and_then(|runtime| control::in_runtime(&runtime));
    let loaded = setup::load(global);
    if let (None, Some(socket)) = (&global.registry, runtime)
        && loaded.is_err()
        && let Ok(stream) = control::connect(&socket)
    {
        return Ok(Some(Worker {
            stream,
            holder: LockedBy { socket: Some(socket), ..LockedBy::default() },
            registry: None,
        }));
    }
    for place in places::registries_by(global, loaded) {
        if let Some(worker) = worker_of(&place, patience).await? {
            return Ok(Some(worker));
        }
    }
    Ok(None)
}

/// No worker was found.
pub(super) fn none(global: &Global) -> Failure {
    let place = places::registries(global).first().map(|place| format!(" on {}", place.display())).unwrap_or_default();
    Failure::failed(format!("no worker is running{place}"))
}

/// What a person should know about a schedule file that a worker's client finds and cannot use: its first mistake.
pub(super) fn bad_file(global: &Global) -> Option<String> {
    let is_needed = global.registry.is_none() || global.config.is_some() || setup::file(global).exists();
    let bad = setup::load(global).err().filter(|_| is_needed && !global.quiet)?;
    bad.message.lines().next().map(str::to_owned)
}

/// What to do where the files of a worker may not be read.
const AS_WHOM: &str = "use the user that the worker runs as, or root";

/// The worker of the registry at `path`, which is given some time to listen.
///
/// # Errors
/// It is there and does not answer.
pub(super) async fn worker_of(path: &Path, patience: Duration) -> Result<Option<Worker>, Failure> {
    let asked = tokio::time::Instant::now();
    loop {
        let holder = locks::worker_of(path).map_err(|error| {
            let failure =
                Failure::failed(format!("cannot tell whether a worker has the registry {}: {error}", path.display()));
            match error.kind() {
                io::ErrorKind::PermissionDenied => failure.hint(AS_WHOM),
                _ => failure,
            }
        })?;
        let Some(holder) = holder else { return Ok(None) };
        let answer = holder.socket.as_deref().map(control::connect);
        let refusal = match answer {
            Some(Ok(stream)) => return Ok(Some(Worker { stream, holder, registry: FileId::of(path) })),
            Some(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => Some(error),
            Some(Err(_)) | None => None,
        };
        if refusal.is_some() || asked.elapsed() >= patience {
            return Err(silent(path, &holder, refusal.as_ref()));
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn silent(path: &Path, holder: &LockedBy, refusal: Option<&io::Error>) -> Failure {
    let worker = named(holder);
    let path = path.display();
    match (refusal, &holder.socket) {
        (Some(error), Some(socket)) => Failure::failed(format!(
            "{worker} has the registry {path}, and its control socket {} refuses: {error}",
            socket.display()
        ))
        .hint(AS_WHOM),
        (_, Some(socket)) => Failure::failed(format!(
            "{worker} has the registry {path} and does not answer at its control socket {}",
            socket.display()
        ))
        .hint("it may just be ending; try again in a moment"),
        (_, None) => Failure::failed(format!("{worker} has the registry {path} and takes no commands"))
            .hint("it may just be starting or ending; try again in a moment, or see its log"),
    }
}

/// A worker as it is named in messages.
fn named(holder: &LockedBy) -> String {
    match holder.pid {
        Some(pid) => format!("the worker, process {pid},"),
        None => "a worker".to_owned(),
    }
}

/// A command line for the worker: the words as they were typed, without what names a file, which the worker has.
///
/// # Errors
/// They are no text.
pub(super) fn call(global: &Global, words: &[std::ffi::OsString]) -> Result<Call, Failure> {
    let text = |word: &std::ffi::OsString| {
        word.to_str().map(str::to_owned).ok_or_else(|| Failure::usage("the command line is not UTF-8"))
    };
    let words = words.iter().skip(1).map(text).collect::<Result<Vec<_>, _>>()?;
    let file = setup::file(global).canonicalize().ok();
    Ok(Call {
        args: without_files(&words),
        file: file.and_then(|file| file.to_str().map(str::to_owned)),
        hash: setup::load(global).ok().map(|loaded| loaded.text.hash),
        terminal: Terminal::new().is_ok(),
        bar: is_interactive() && !global.quiet,
    })
}

fn without_files(words: &[String]) -> Vec<String> {
    const FILES: [&str; 2] = ["--config", "--registry"];
    let mut kept = Vec::with_capacity(words.len());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let is_joined = FILES.iter().any(|file| word.strip_prefix(file).is_some_and(|rest| rest.starts_with('=')));
        if word == "--" {
            kept.push(word.clone());
            kept.extend(words.by_ref().cloned());
        } else if FILES.contains(&word.as_str()) {
            words.next();
        } else if !is_joined {
            kept.push(word.clone());
        }
    }
    kept
}

impl Worker {
    /// The worker as it is named in messages.
    pub(super) fn name(&self) -> String {
        named(&self.holder).trim_end_matches(',').to_owned()
    }

    /// Lets the worker carry out a command, and shows what it says.
    ///
    /// # Errors
    /// The worker went away, or what it says cannot be shown.
    pub(super) async fn carry_out<W: Write>(
        self,
        desk: &Desk,
        call: Call,
        ends_cleanly: bool,
        output: &mut Output<W>,
    ) -> Result<Exit, Failure> {
        let mut talk = self.ask(Ask::Command(call), None)?;
        // What needs no clean end is ended as without a worker: at once. The worker notices.
        let _watch = ends_cleanly.then(|| desk.watch());
        let bar = Bar::new(desk.global.quiet);
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut asked: Option<JoinHandle<Result<Vec<bool>, String>>> = None;
        let mut told_to_end = false;
        let exit = loop {
            let answer = tokio::select! {
                answer = talk.answers.recv() => answer,
                () = desk.cancel.cancelled(), if !told_to_end => {
                    told_to_end = true;
                    talk.reply(&Reply::Cancel(true));
                    continue;
                }
                picked = picked(&mut asked) => {
                    asked = None;
                    match picked {
                        Ok(picked) => talk.reply(&Reply::Picked(picked)),
                        Err(why) => {
                            desk.say(&why);
                            talk.reply(&Reply::Cancel(true));
                        }
                    }
                    continue;
                }
            };
            match answer {
                Some(Answer::Out(text)) => bar.hide_while(|| output.text(&text))?,
                Some(Answer::Err(text)) => bar.hide_while(|| say_as_it_is(&text)),
                Some(Answer::Progress(counters)) => bar.draw(counters),
                Some(Answer::Candidate(candidate)) => candidates.push(candidate),
                Some(Answer::Ask(_)) => {
                    let candidates = std::mem::take(&mut candidates);
                    asked = Some(tokio::task::spawn_blocking(move || {
                        Terminal::new().map_err(|failure| failure.message)?.pick(&candidates)
                    }));
                }
                Some(Answer::Status(_) | Answer::Report(_)) => {}
                Some(Answer::Exit(code)) => break Some(code),
                None => break None,
            }
        };
        bar.clear();
        exit.map(Exit::of_code).ok_or_else(|| talk.gone())
    }

    /// Asks the worker how it is.
    ///
    /// # Errors
    /// It does not say so in time.
    pub(super) async fn status(self, within: Duration) -> Result<Status, Failure> {
        let mut talk = self.ask(Ask::Health, Some(within))?;
        while let Some(answer) = talk.answers.recv().await {
            match answer {
                Answer::Status(status) => {
                    return serde_json::from_value(*status)
                        .map_err(|error| Failure::failed(format!("the worker's status is not understood: {error}")));
                }
                Answer::Err(text) => say_as_it_is(&text),
                Answer::Exit(_) => break,
                _ => {}
            }
        }
        let worker = named(&talk.holder);
        Err(Failure::failed(format!("{worker} does not say how it is")))
    }

    /// Has the worker read its file anew; with `wait` what came of it. `edited` says that this command has just changed it.
    ///
    /// # Errors
    /// It does not answer in time.
    pub(super) async fn reload(
        self,
        wait: bool,
        accept: bool,
        edited: bool,
        within: Duration,
    ) -> Result<Option<ReloadReport>, Failure> {
        let mut talk = self.ask(Ask::Reload { wait, accept, edited }, Some(within))?;
        let mut report = None;
        while let Some(answer) = talk.answers.recv().await {
            match answer {
                Answer::Report(told) => report = Some(*told),
                Answer::Err(text) => say_as_it_is(&text),
                Answer::Exit(code) if code != 0 && report.is_none() => {
                    return Err(Failure::failed(format!(
                        "{} did not reload",
                        named(&talk.holder).trim_end_matches(',')
                    )));
                }
                Answer::Exit(_) if report.is_some() == wait => {
                    let understood = report.map(serde_json::from_value).transpose();
                    return understood
                        .map_err(|error| Failure::failed(format!("the worker's answer is not understood: {error}")));
                }
                Answer::Exit(_) => break,
                _ => {}
            }
        }
        let (worker, within) = (named(&talk.holder), humantime::format_duration(within));
        Err(Failure::failed(format!("{worker} did not say within {within} what came of the reload"))
            .hint("`aboard health` says which file is in force"))
    }

    /// Sends a request; its answers can be waited for.
    ///
    /// # Errors
    /// The worker went away.
    fn ask(self, ask: Ask, within: Option<Duration>) -> Result<Talk, Failure> {
        let Self { stream, holder, registry } = self;
        let (sender, answers) = unbounded_channel();
        let mut talk = Talk { stream, holder, answers };
        let begin = || -> io::Result<()> {
            talk.stream.set_read_timeout(within)?;
            let mut from = BufReader::new(talk.stream.try_clone()?);
            // What the worker says is taken at once, whatever becomes of our own output: it is not to wait for us.
            std::thread::spawn(move || {
                while let Ok(Some(line)) = control::next_line(&mut from) {
                    // A newer worker's words that are not known here say nothing that is needed.
                    if let Ok(answer) = serde_json::from_str::<Answer>(&line)
                        && sender.send(answer).is_err()
                    {
                        break;
                    }
                }
            });
            talk.stream.write_all(&control::line(&Opening { registry, ..Opening::new(ask) })?)
        };
        match begin() {
            Ok(()) => Ok(talk),
            // A worker that refuses has said why before it closed.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(talk),
            Err(_) => Err(talk.gone()),
        }
    }
}

/// A request that is under way.
#[derive(Debug)]
struct Talk {
    stream: UnixStream,
    holder: LockedBy,
    answers: UnboundedReceiver<Answer>,
}

impl Talk {
    fn reply(&mut self, reply: &Reply) {
        // A worker that is gone is noticed by what it does not say.
        let _ = control::line(reply).and_then(|line| self.stream.write_all(&line));
    }

    fn gone(&self) -> Failure {
        Failure::failed(format!("{} went away before the command was over", named(&self.holder)))
            .hint("what was committed stays; `aboard runs` shows it")
    }
}

/// What a person chose; never where nobody was asked.
async fn picked(asked: &mut Option<JoinHandle<Result<Vec<bool>, String>>>) -> Result<Vec<bool>, String> {
    match asked {
        Some(asked) => asked.await.unwrap_or_else(|error| Err(error.to_string())),
        None => std::future::pending().await,
    }
}

fn say_as_it_is(text: &str) {
    // Where standard error is closed nobody can be told.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_file_stays_at_home() {
        for (typed, sent) in [
            ("--config a.toml onboard --all", "onboard --all"),
            ("onboard shop --registry=x.db -o json", "onboard shop -o json"),
            ("ignore orders --reason why --config=b", "ignore orders --reason why"),
            ("ignore --reason x -- --config", "ignore --reason x -- --config"),
            ("onboard --config", "onboard"),
        ] {
            let words: Vec<String> = typed.split(' ').map(str::to_owned).collect();
            assert_eq!(without_files(&words).join(" "), sent, "{typed}");
        }
    }
}
