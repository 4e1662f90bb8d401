//! `run`: the worker.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::args::{self, Global, LogFormat};
use super::exit::{Exit, Failure};
use super::hosted::Hosted;
use super::output::when;
use super::setup::Loaded;
use super::start::Start;
use super::{setup, signals};
use crate::discovery::Aws;
use crate::registry::Registry;
use crate::registry::locks::{self, LockedBy, Locking};
use crate::worker::control;
use crate::worker::service::watch::WatchTimes;
use crate::worker::service::{self, ServeError, Settings};
use crate::zones::ZoneData;
use crate::{clock, environment};

/// What runs in flight have at the end to come to their next commit; said by [`signals::STOPPING`]. Together with what is to be written
/// down then it is less than the 30 s that Kubernetes waits where nobody says otherwise.
const FAREWELL: Duration = Duration::from_secs(20);

/// Follows the schedules until it is told to stop.
pub(super) async fn run(global: &Global, asked: &args::Run, begun: Instant) -> Result<Exit, Failure> {
    // First of all: the kernel keeps from process 1, which this is in a container, what it has no handler for.
    let hangup = signals::hangup();
    let hangup = hangup.map_err(|error| Failure::failed(format!("SIGHUP cannot be listened to: {error}")))?;
    let stop = CancellationToken::new();
    let _signals = signals::cancel_on_interrupt(
        stop.clone(),
        match global.log_format {
            // Whoever reads a log line by line reads nothing else.
            LogFormat::Json => || tracing::warn!("{}", signals::STOPPING),
            LogFormat::Text => || super::say(signals::STOPPING),
        },
    );
    // Clients stand in other folders; a file that is not there is named as it was looked for.
    let file = std::path::absolute(setup::file(global)).ok().filter(|file| file.exists());
    let global = &Global { config: file.or_else(|| global.config.clone()), ..global.clone() };
    let Start { loaded, registry, refused } = Start::find(global, asked.allow_last_good)?;
    let registry = Registry::create_or_open(&registry)?;
    let lock = match locks::lock_worker(registry.path(), clock::now()) {
        Ok(Locking::Taken(lock)) => lock,
        Ok(Locking::Held(holder)) => return Err(second(&registry, &holder)),
        Err(error) => {
            let cannot = format!("cannot take the worker's lock beside {}: {error}", registry.path().display());
            return Err(Failure::failed(cannot).hint("the folder of the registry must be writable"));
        }
    };
    let Loaded { config, file, warnings, text, agent } = loaded;
    let aws = Aws::new(&config.network, &config.limits).await?;
    let socket = control::place(registry.path(), environment::path("RUNTIME_DIRECTORY").as_deref());
    let settings = Settings {
        config,
        file: std::path::absolute(&file).unwrap_or(file),
        fixed: agent.is_some(),
        text,
        warnings,
        refused,
        watch: if agent.is_some() { None } else { watch_times()? },
        registry,
        lock,
        aws: Arc::new(aws),
        zones: ZoneData::load(environment::path("TZDIR").map(PathBuf::from).as_deref()),
        clock: clock::now,
        socket,
        commands: Arc::new(Hosted),
        hangup,
        begun,
        farewell: farewell()?,
    };
    service::serve(settings, stop).await.map_err(failure)?;
    Ok(Exit::Done)
}

/// Debug builds look for changes of the file as often as `ABOARD_WATCH` says, so that tests need not wait for a minute: `STAT,READ,QUIET`
/// in milliseconds, or `never`.
#[cfg(debug_assertions)]
fn watch_times() -> Result<Option<WatchTimes>, Failure> {
    const WATCH: &str = "ABOARD_WATCH";
    let Some(text) = environment::text(WATCH).map_err(|error| Failure::usage(error.to_string()))? else {
        return Ok(Some(WatchTimes::default()));
    };
    if text == "never" {
        return Ok(None);
    }
    let times: Result<Vec<u64>, _> = text.split(',').map(str::parse).collect();
    match times.as_deref().map(|times| times.iter().copied().map(Duration::from_millis).collect::<Vec<_>>()).as_deref()
    {
        Ok(&[stat, read, quiet]) => Ok(Some(WatchTimes { stat, read, quiet, ..WatchTimes::default() })),
        _ => {
            Err(Failure::usage(format!("{WATCH}: write three times in milliseconds, such as 5000,60000,300, or never")))
        }
    }
}

/// Debug builds give runs in flight the milliseconds of `ABOARD_FAREWELL` at the end, so that tests need not wait.
#[cfg(debug_assertions)]
fn farewell() -> Result<Duration, Failure> {
    const FAREWELL_IN_MS: &str = "ABOARD_FAREWELL";
    let text = environment::text(FAREWELL_IN_MS).map_err(|error| Failure::usage(error.to_string()))?;
    let Some(text) = text else { return Ok(FAREWELL) };
    let millis = text.parse().map_err(|_| Failure::usage(format!("{FAREWELL_IN_MS}: write milliseconds")))?;
    Ok(Duration::from_millis(millis))
}

#[cfg(not(debug_assertions))]
#[expect(clippy::unnecessary_wraps, reason = "the other one may fail")]
fn farewell() -> Result<Duration, Failure> {
    Ok(FAREWELL)
}

#[cfg(not(debug_assertions))]
#[expect(clippy::unnecessary_wraps, reason = "the other one may fail")]
fn watch_times() -> Result<Option<WatchTimes>, Failure> {
    Ok(Some(WatchTimes::default()))
}

fn second(registry: &Registry, holder: &LockedBy) -> Failure {
    let pid = holder.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
    let since = holder.since.map(|since| format!(", since {}", when(since))).unwrap_or_default();
    Failure::failed(format!("a worker is running on {} already{pid}{since}", registry.path().display()))
        .hint("one worker serves a registry; it follows the whole schedule file")
}

fn failure(error: ServeError) -> Failure {
    match error {
        ServeError::Registry(error) => error.into(),
        error @ (ServeError::Alarm(_) | ServeError::Http(_)) => Failure::failed(error.to_string()),
    }
}
