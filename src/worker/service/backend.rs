//! What the HTTP server asks the worker.
//!
//! It reads through connections of its own to the registry, so that no reader keeps the dispatcher or a run waiting.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::cursors;
use super::ledger::Ledger;
use super::reload::ReloadCount;
use super::{Phase, ReloadReport, ReloadResult, ReloadState, ReloadTrigger, Service};
use crate::config::{Config, Connection, SecretRef, TargetKind};
use crate::http::{
    ApisQuery, Backend, CoverageQuery, DeliveriesQuery, Figures, Health, Listing, Paging, PauseRequest, Refusal,
    RefusalKind, ReloadFigures, RunsQuery,
};
use crate::registry::{
    ApiFilter, ApiPlace, DeliveryFilter, Pause, Reader, Registry, RegistryError, RegistryErrorKind, RunFilter,
    TimelineFilter,
};
use crate::worker::book::lock;
use crate::worker::coverage::{self, CoverageFilter, Missed, Place, Watched};
use crate::worker::documents::{self, Known, Outlook};
use crate::zones::ZoneData;

/// A dispatcher that has not gone round for so long hangs: it does so every two seconds, and waits ten for a registry that is busy.
const TICK_LIMIT: Duration = Duration::from_mins(1);
/// Due instants shown of each connection, as many as `check` shows.
const NEXT: usize = 3;

/// The worker as the HTTP server sees it.
#[derive(Debug)]
pub(super) struct Desk {
    service: Service,
    zones: Mutex<ZoneData>,
    ledger: Mutex<Ledger>,
    /// Why the last scrape could not read the registry.
    trouble: Mutex<Option<String>>,
}

impl Desk {
    /// Begins to count.
    ///
    /// # Errors
    /// What SQLite and the disk may refuse.
    pub(super) fn open(service: Service, zones: ZoneData) -> Result<Self, RegistryError> {
        let ledger = Ledger::open(Registry::open_read(service.registry_path())?)?;
        Ok(Self { service, zones: Mutex::new(zones), ledger: Mutex::new(ledger), trouble: Mutex::default() })
    }

    fn reader(&self) -> Result<Reader, Refusal> {
        Registry::open_read(self.service.registry_path()).map_err(unreadable)
    }

    fn reload_figures(&self) -> ReloadFigures {
        let ReloadState { ok, loaded_at, hash, counts, .. } = self.service.reload_state();
        let total = counts.into_iter().map(|ReloadCount { result, trigger, count }| {
            ((trigger.as_str().to_owned(), result.as_str().to_owned()), count)
        });
        ReloadFigures { successful: ok, last_success: Some(loaded_at), hash, total: total.collect() }
    }

    /// The entry of one connection.
    fn entry(&self, connection: &Connection, reader: &Reader, pauses: &[Pause]) -> Result<Value, RegistryError> {
        let filter = RunFilter { connection: Some(connection.name.clone()), limit: Some(1), ..RunFilter::default() };
        let last = reader.runs(&filter)?.pop();
        let (zones, now) = (held(&self.zones), self.service.now());
        let outlook = Outlook::of(connection, &zones, now, NEXT);
        let known = Known { last: last.as_ref(), pauses: Some(pauses), zones: &zones, now };
        Ok(documents::connection(connection, &outlook, known))
    }

    /// Writes something about one connection, and has the dispatcher look again.
    fn change(
        &self,
        name: &str,
        body: impl FnOnce(&mut Registry) -> Result<(), RegistryError>,
    ) -> Result<Value, Refusal> {
        let config = self.service.config();
        let connection = known(&config, name)?;
        body(&mut lock(&self.service.0.registry)).map_err(unreadable)?;
        self.service.poke();
        let reader = self.reader()?;
        reader.pauses().and_then(|pauses| self.entry(connection, &reader, &pauses)).map_err(unreadable)
    }
}

impl Backend for Desk {
    fn token(&self) -> Option<SecretRef> {
        // What the file says of [http] counts from the next start; what the reference leads to counts at once.
        self.service.config().http.as_ref()?.token.clone()
    }

    fn health(&self) -> Health {
        let status = self.service.status();
        let tick_age = Duration::from_millis(status.tick_age_ms);
        let mut degraded = Vec::new();
        let mut note = |is: bool, word: &'static str| degraded.extend(is.then_some(word));
        note(status.phase == Phase::WaitingForClock, Health::WAITING_FOR_CLOCK);
        note(status.trouble.is_some(), Health::REGISTRY_TROUBLE);
        let reload = self.service.reload_state();
        let waits = reload.trouble.as_ref().is_some_and(|trouble| trouble.kind.needs_accept());
        note(!reload.ok, if waits { Health::NEEDS_ACCEPT } else { Health::FILE_REJECTED });
        note(reload.detached, Health::FILE_DETACHED);
        note(!reload.needs_restart.is_empty(), Health::NEEDS_RESTART);
        Health {
            // While it stops it waits for its runs, however long they take to their next commit.
            ticking: tick_age < TICK_LIMIT || status.phase == Phase::Stopping,
            tick_age: tick_age.as_secs_f64(),
            ready: matches!(status.phase, Phase::Running | Phase::WaitingForClock),
            degraded,
        }
    }

    fn figures(&self) -> Figures {
        let (config, status, now) = (self.service.config(), self.service.status(), self.service.now());
        let mut zones = held(&self.zones);
        if zones.version() != status.tz_version {
            *zones = zones.anew();
        }
        let mut ledger = held(&self.ledger);
        let trouble = ledger.catch_up(&config, now).err().map(|error| error.to_string());
        let mut before = held(&self.trouble);
        if let Some(trouble) = trouble.as_ref().filter(|_| trouble != *before) {
            tracing::warn!("metrics show what was counted before, for the registry cannot be read: {trouble}");
        }
        *before = trouble;
        ledger.figures(&config, &status, self.reload_figures(), &zones, now)
    }

    fn connections(&self, paging: &Paging) -> Result<Listing, Refusal> {
        let (config, reader) = (self.service.config(), self.reader()?);
        let pauses = reader.pauses().map_err(unreadable)?;
        let after = paging.cursor.as_deref();
        let mut list: Vec<&Connection> = config.connections.values().collect();
        list.sort_by(|one, other| one.name.cmp(&other.name));
        let list = list.into_iter().filter(|connection| after.is_none_or(|after| connection.name.as_str() > after));
        let (list, next) = part(list, paging.limit, |connection| connection.name.clone());
        let entries = list.into_iter().map(|connection| self.entry(connection, &reader, &pauses));
        Ok(Listing { items: entries.collect::<Result<_, _>>().map_err(unreadable)?, next })
    }

    fn integrations(&self, paging: &Paging) -> Result<Listing, Refusal> {
        let after = paging.cursor.as_deref();
        let list = self.service.status().integrations;
        let list = list.into_iter().filter(|integration| after.is_none_or(|after| integration.name.as_str() > after));
        let (list, next) = part(list, paging.limit, |integration| integration.name.clone());
        Ok(Listing { items: list.iter().map(|integration| json!(integration)).collect(), next })
    }

    fn apis(&self, query: &ApisQuery) -> Result<Listing, Refusal> {
        let (config, reader) = (self.service.config(), self.reader()?);
        let filter = ApiFilter {
            connection: query.connection.clone(),
            state: query.state,
            decision: query.decision,
            reason: query.reason,
            account_id: query.account.clone(),
            region: query.region.clone(),
            protocol: query.protocol,
            name: query.name.clone(),
            tag: query.tag.clone(),
            dropped: false,
            after: query.paging.cursor.as_deref().map(cursors::api).transpose()?,
            limit: Some(query.paging.limit + 1),
        };
        let apis = reader.apis(&filter).map_err(unreadable)?;
        if apis.is_empty() {
            must_be_known(&config, &reader, query.connection.as_deref())?;
        }
        let watched = Watched::of(&config, &reader, self.service.now()).map_err(unreadable)?;
        let (apis, next) = part(apis, query.paging.limit, |api| cursors::api_text(&ApiPlace::of(api)));
        Ok(Listing { items: apis.iter().map(|api| documents::api(Some(&watched), api)).collect(), next })
    }

    fn runs(&self, query: &RunsQuery) -> Result<Listing, Refusal> {
        let Paging { limit, cursor } = &query.paging;
        let after = cursor.as_deref().map(cursors::mark).transpose()?;
        let filter = TimelineFilter { connection: query.connection.clone(), after, limit: Some(limit + 1) };
        let (config, reader) = (self.service.config(), self.reader()?);
        let happened = reader.timeline(&filter).map_err(unreadable)?;
        if happened.is_empty() {
            must_be_known(&config, &reader, query.connection.as_deref())?;
        }
        let (happened, next) = part(happened, *limit, |happening| cursors::mark_text(&happening.mark()));
        Ok(Listing { items: happened.iter().map(documents::happening).collect(), next })
    }

    fn deliveries(&self, query: &DeliveriesQuery) -> Result<Listing, Refusal> {
        let Paging { limit, cursor } = &query.paging;
        if let Some(target) = &query.target {
            known_target(&self.service.config(), target)?;
        }
        let filter = DeliveryFilter {
            state: query.state,
            target: query.target.clone(),
            before: cursor.as_deref().map(cursors::number).transpose()?,
            limit: Some(limit + 1),
            ..DeliveryFilter::default()
        };
        let rows = self.reader()?.deliveries(&filter).map_err(unreadable)?;
        let (rows, next) = part(rows, *limit, |row| row.delivery_id.to_string());
        Ok(Listing { items: rows.iter().map(documents::delivery).collect(), next })
    }

    fn coverage(&self, query: &CoverageQuery) -> Result<Listing, Refusal> {
        let CoverageQuery { paging: Paging { limit, cursor }, connection, account, region, state, stale } =
            query.clone();
        let after = cursor.as_deref().map(cursors::covered).transpose()?;
        let filter = CoverageFilter { connection, account, region, state, stale };
        let (config, reader) = (self.service.config(), self.reader()?);
        let covered = coverage::coverage(&reader, Some(&config), &filter, self.service.now()).map_err(unreadable)?;
        let mut entries = covered.entries;
        if entries.is_empty() {
            must_be_known(&config, &reader, filter.connection.as_deref())?;
            must_be_seen(&reader, &filter)?;
        }
        entries.retain(|entry| after.as_ref().is_none_or(|after| Place::of(entry) > *after));
        let (entries, next) = part(entries, limit, |entry| cursors::covered_text(&Place::of(entry)));
        Ok(Listing { items: entries.iter().map(documents::coverage).collect(), next })
    }

    fn run(&self, run_id: i64) -> Result<Value, Refusal> {
        let (run, scopes) = self.reader()?.run(run_id).map_err(unreadable)?;
        Ok(documents::run_with_scopes(&run, &scopes))
    }

    fn catalog(&self, target: &str) -> Result<Vec<u8>, Refusal> {
        let config = self.service.config();
        let Some(TargetKind::Backstage(settings)) = config.targets.get(target).map(|target| &target.kind) else {
            let catalogs = config.targets.values().filter(|target| matches!(target.kind, TargetKind::Backstage(_)));
            let names: Vec<&str> = catalogs.map(|target| target.name.as_str()).collect();
            let refusal = Refusal::new(RefusalKind::NotFound, format!("no Backstage target is named {target}"));
            return Err(if names.is_empty() {
                refusal
            } else {
                refusal.hint(format!("there are {}", names.join(", ")))
            });
        };
        std::fs::read(&settings.path).map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                return Refusal::new(RefusalKind::NotFound, format!("nothing was written for {target} yet"));
            }
            // The sentence names a path, which is for the log and not for whoever asks.
            tracing::error!("the catalog file {} cannot be read: {error}", settings.path.display());
            Refusal::new(RefusalKind::Failed, "the file cannot be read").hint("the worker's log says why")
        })
    }

    fn reload(&self, accept: bool, by: String) -> BoxFuture<'static, Result<Value, Refusal>> {
        let service = self.service.clone();
        Box::pin(async move { reloaded(&service.reload(ReloadTrigger::Command, accept, Some(by)).await) })
    }

    fn pause(&self, connection: &str, pause: &PauseRequest, by: &str) -> Result<Value, Refusal> {
        let now = self.service.now();
        if pause.until.is_some_and(|until| until <= now) {
            return Err(Refusal::new(RefusalKind::BadRequest, "until is in the past"));
        }
        self.change(connection, |registry| {
            registry.pause(Some(connection), pause.until, pause.note.as_deref(), by, now)
        })
    }

    fn resume(&self, connection: &str, by: &str) -> Result<Value, Refusal> {
        let now = self.service.now();
        let (mut ended, mut all_rest) = (false, false);
        let entry = self.change(connection, |registry| {
            ended = registry.resume(Some(connection), by, now)? > 0;
            all_rest = registry.pauses()?.iter().any(|pause| pause.connection.is_none() && pause.is_on(now));
            Ok(())
        })?;
        if all_rest {
            let said = documents::resumed(ended, all_rest);
            return Err(Refusal::new(RefusalKind::Conflict, format!("{connection}: {said}")));
        }
        Ok(entry)
    }
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn known_target(config: &Arc<Config>, name: &str) -> Result<(), Refusal> {
    if config.targets.contains_key(name) {
        return Ok(());
    }
    let refusal = Refusal::new(RefusalKind::NotFound, format!("no target is named {name}"));
    Err(match crate::config::nearest(name, config.targets.keys().map(String::as_str)) {
        Some(near) => refusal.hint(format!("did you mean {near}?")),
        None => refusal,
    })
}

fn known<'a>(config: &'a Arc<Config>, name: &str) -> Result<&'a Connection, Refusal> {
    config.connections.get(name).ok_or_else(|| no_connection(name, config.connections.keys()))
}

/// Refuses a connection that neither the file nor the registry has ever had: its empty lists would be good news for ever.
fn must_be_known(config: &Config, reader: &Reader, name: Option<&str>) -> Result<(), Refusal> {
    let Some(name) = name else { return Ok(()) };
    let mut known = reader.connections().map_err(unreadable)?;
    known.extend(config.connections.keys().cloned());
    if known.contains(name) { Ok(()) } else { Err(no_connection(name, &known)) }
}

fn no_connection<'a>(name: &str, known: impl IntoIterator<Item = &'a String>) -> Refusal {
    missing(&format!("no connection is named {name}"), name, known, "/api/v1/connections lists them")
}

/// Refuses an account or a region where nobody ever looked, as `coverage` does.
fn must_be_seen(reader: &Reader, filter: &CoverageFilter) -> Result<(), Refusal> {
    let lists = "/api/v1/coverage lists where anybody looked";
    let missed = coverage::missed(reader, filter).map_err(unreadable)?;
    missed.map_or(Ok(()), |Missed { what, name, seen }| {
        Err(missing(&format!("nobody ever looked at {what} {name}"), &name, &seen, lists))
    })
}

/// A name that is none, with the nearest right one or else where the right ones are.
fn missing<'a>(message: &str, name: &str, known: impl IntoIterator<Item = &'a String>, lists: &str) -> Refusal {
    let near = crate::config::nearest(name, known.into_iter().map(String::as_str));
    let hint = near.map_or_else(|| lists.to_owned(), |near| format!("did you mean {near}?"));
    Refusal::new(RefusalKind::NotFound, message).hint(hint)
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where errors are mapped")]
fn unreadable(error: RegistryError) -> Refusal {
    let kind = match error.kind {
        RegistryErrorKind::UnknownRun(_) => RefusalKind::NotFound,
        RegistryErrorKind::Busy => RefusalKind::Unavailable,
        _ => RefusalKind::Failed,
    };
    Refusal::new(kind, error.to_string())
}

fn reloaded(report: &ReloadReport) -> Result<Value, Refusal> {
    let failed = |kind| Refusal::new(kind, report.errors.join("\n"));
    match report.result {
        ReloadResult::Applied | ReloadResult::Unchanged => Ok(json!(report)),
        ReloadResult::Rejected => {
            Err(failed(RefusalKind::FileRejected).hint("the file that was in force stays; aboard check shows the same"))
        }
        ReloadResult::NeedsAccept => {
            Err(failed(RefusalKind::Conflict).hint("send {\"accept\":true} if that is meant; what was in force stays"))
        }
    }
}

/// The first `limit` of a list, and the cursor of the last of them where there are more.
fn part<T>(list: impl IntoIterator<Item = T>, limit: usize, cursor: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
    let mut list = list.into_iter();
    let part: Vec<T> = list.by_ref().take(limit).collect();
    let next = list.next().and(part.last()).map(cursor);
    (part, next)
}
