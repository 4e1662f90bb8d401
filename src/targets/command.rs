//! `command`: a program that is run for each event, with the event on its standard input.
//!
//! | how the program ends | what follows |
//! |---|---|
//! | exit code 0 | delivered; the first line of its output is kept as a note |
//! | 65 (`EX_DATAERR` of `sysexits.h`: the input itself is wrong) | given up until a person retries it |
//! | another code, such as 75 (`EX_TEMPFAIL`), a signal, or the time limit | tried again |
//!
//! No shell is involved. The program gets a few variables of ours and what [`INHERITED`] names, so that neither AWS keys nor the secrets of
//! other targets reach it; those that it needs are named in `environment` and read anew for each event.

mod process;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{self, Path, PathBuf};

use futures_util::future::{BoxFuture, join_all};
use secrecy::{ExposeSecret, SecretString};

use super::answer::{excerpt, hidden};
use super::{Delivery, Effect, Failure, Memory, Target, Verdict, event};
use crate::config::{CommandTarget, SecretRef};
use crate::notice::Notice;
use crate::{environment, secret};
use process::{Broken, Ended};

/// The variables of this process that a program finds, where they are set.
const INHERITED: [&str; 16] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "all_proxy",
    "no_proxy",
];

/// `EX_DATAERR` of `sysexits.h`: the input data was incorrect in some way.
const WRONG_INPUT: i32 = 65;

/// A program that takes events.
#[derive(Debug)]
pub(super) struct Command {
    settings: CommandTarget,
    /// A bare name, to be looked for in `PATH`, or an absolute path.
    program: PathBuf,
    folder: PathBuf,
}

impl Command {
    pub(super) fn new(settings: &CommandTarget) -> Result<Self, Failure> {
        // The program is run in another folder than this process.
        let absolute = |path: &Path| {
            path::absolute(path)
                .map_err(|error| Failure::passing(format!("the working directory is not known: {error}")))
        };
        let beside = if settings.folder.as_os_str().is_empty() { Path::new(".") } else { &settings.folder };
        let folder = absolute(beside)?;
        let program = Path::new(&settings.program);
        let program = if settings.program.contains('/') { folder.join(program) } else { program.to_owned() };
        Ok(Self { settings: settings.clone(), program, folder })
    }

    async fn deliver_one(&self, delivery: &Delivery) -> Verdict {
        match self.run(delivery).await {
            Ok(note) => Verdict::Delivered(note),
            Err(failure) => Verdict::Failed(failure),
        }
    }

    /// Runs the program; answers the first line of what it printed.
    async fn run(&self, delivery: &Delivery) -> Result<Option<String>, Failure> {
        let body = event::body(delivery).map_err(|error| Failure {
            effect: Effect::GiveUp,
            ..Failure::passing(format!("the event cannot be written as JSON: {error}"))
        })?;
        let references = self.settings.environment.clone();
        let secrets = tokio::task::spawn_blocking(move || read_secrets(&references)).await;
        let secrets =
            secrets.unwrap_or_else(|_| Err("the secrets could not be read".to_owned())).map_err(Failure::passing)?;

        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.settings.arguments).current_dir(&self.folder).env_clear();
        command.envs(INHERITED.into_iter().filter_map(|name| Some((name, environment::path(name)?))));
        command.envs(secrets.iter().map(|(name, value)| (name, value.expose_secret())));
        command.envs(variables(delivery));
        let ended = match process::run(command, body, self.settings.timeout).await {
            Ok(ended) => self.judge(&ended),
            Err(broken) => Err(self.broken(&broken)),
        };
        let given = || secrets.iter().map(|(_, value)| value.expose_secret());
        match ended {
            Ok(note) => Ok(note.map(|note| hidden(note, given()))),
            Err(failure) => Err(Failure { message: hidden(failure.message, given()), ..failure }),
        }
    }

    fn judge(&self, ended: &Ended) -> Result<Option<String>, Failure> {
        let code = ended.status.code();
        if code == Some(0) {
            let note = excerpt(&ended.first_line);
            return Ok((!note.is_empty()).then_some(note));
        }
        let how = match code {
            Some(code) => format!("ended with exit code {code}"),
            None => format!("did not end by itself ({})", ended.status),
        };
        let effect = if code == Some(WRONG_INPUT) { Effect::GiveUp } else { Effect::Retry };
        let status = code.and_then(|code| u16::try_from(code).ok());
        Err(Failure { status, effect, ..Failure::passing(self.sentence(&how, &ended.last_line)) })
    }

    fn broken(&self, broken: &Broken) -> Failure {
        let message = match broken {
            Broken::NotStarted(error) => {
                format!("{} cannot be started in {}: {error}", self.program.display(), self.folder.display())
            }
            Broken::NotWatched(error) => self.sentence(&format!("could not be watched ({error})"), &[]),
            Broken::TooLong { last_line } => {
                let limit = humantime::format_duration(self.settings.timeout);
                self.sentence(&format!("did not end within {limit} and was killed"), last_line)
            }
        };
        Failure::passing(message)
    }

    /// What became of the program, and the last thing that it complained of.
    fn sentence(&self, what: &str, last_line: &[u8]) -> String {
        let name = self.program.file_name().unwrap_or(self.program.as_os_str()).display();
        let said = excerpt(last_line);
        if said.is_empty() { format!("{name} {what}") } else { format!("{name} {what}: {said}") }
    }
}

impl Target for Command {
    fn in_flight(&self) -> usize {
        self.settings.in_flight
    }

    fn deliver<'a>(&'a self, deliveries: &'a [Delivery], _memory: &'a dyn Memory) -> BoxFuture<'a, Vec<Verdict>> {
        Box::pin(join_all(deliveries.iter().map(|delivery| self.deliver_one(delivery))))
    }

    fn test<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(async move {
            let note = self.run(&event::trial(notice)).await?;
            Ok(self.sentence("took a test event", note.unwrap_or_default().as_bytes()))
        })
    }
}

fn read_secrets(references: &BTreeMap<String, SecretRef>) -> Result<Vec<(String, SecretString)>, String> {
    let read = |(name, reference): (&String, &SecretRef)| Ok((name.clone(), secret::resolve(reference)?));
    references.iter().map(read).collect::<Result<_, secret::SecretError>>().map_err(|error| error.to_string())
}

/// What scripts mostly need, without having to read the event. Of an event about a run the variables of the API are absent.
fn variables(delivery: &Delivery) -> Vec<(&'static str, OsString)> {
    let notice = &delivery.notice;
    let mut variables = vec![
        ("ABOARD_EVENT", notice.event.clone()),
        ("ABOARD_KEY", delivery.key.clone()),
        ("ABOARD_CONNECTION", notice.connection.clone()),
        ("ABOARD_TARGET", notice.target.clone()),
    ];
    if let Some(run_id) = notice.run_id {
        variables.push(("ABOARD_RUN_ID", run_id.to_string()));
    }
    if let Some(api) = &notice.api {
        variables.push(("ABOARD_ACCOUNT_ID", api.account_id.clone()));
        variables.push(("ABOARD_REGION", api.region.clone()));
        variables.push(("ABOARD_API_ID", api.api_id.clone()));
        variables.push(("ABOARD_API_NAME", api.name.clone()));
    }
    // A variable cannot hold NUL; AWS's names do not either.
    variables.into_iter().map(|(name, value)| (name, value.replace('\0', "").into())).collect()
}

#[cfg(test)]
mod tests;
