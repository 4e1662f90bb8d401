//! The registry as a run uses it: every call leaves the asynchronous threads, and there may be no registry at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::closed::Standing;
use super::context::Request;
use super::holding;
use crate::config::{Config, Connection, Event};
use crate::inventory::{AccountTrouble, ApiId, Scope, ScopeState, Trouble};
use crate::plan::{Known, Plan};
use crate::registry::locks::{self, Lock, LockedBy, Locking};
use crate::registry::{
    AuditAction, Commit, CommitScope, Counts, Exported, Member, NewRun, Outcome, Reader, Registry, RegistryError,
    RunError, RunId, StoredDocument, Trigger, WantedExport,
};

/// An open registry, shared by the runs of a process; there is one writer.
pub type SharedRegistry = Arc<Mutex<Registry>>;

/// The registry that a process works with.
#[derive(Clone, Debug, Default)]
pub enum Shelf {
    /// There is none, and none is to be made.
    #[default]
    Empty,
    /// It is only looked at.
    Read(Arc<Mutex<Reader>>),
    /// It is written too.
    Write(SharedRegistry),
}

impl Shelf {
    /// A registry that is only looked at.
    #[must_use]
    pub fn read(reader: Reader) -> Self {
        Self::Read(Arc::new(Mutex::new(reader)))
    }

    /// A registry that is written.
    #[must_use]
    pub fn write(registry: Registry) -> Self {
        Self::Write(Arc::new(Mutex::new(registry)))
    }

    /// Looks something up; `None` where there is no registry.
    ///
    /// # Errors
    /// Whatever `body` refuses.
    pub fn look_up<T>(
        &self,
        body: impl FnOnce(&Reader) -> Result<T, RegistryError>,
    ) -> Result<Option<T>, RegistryError> {
        match self {
            Self::Empty => Ok(None),
            Self::Read(reader) => body(&reader.lock().unwrap_or_else(PoisonError::into_inner)).map(Some),
            Self::Write(registry) => body(&lock(registry)).map(Some),
        }
    }
}

/// The error of a run whose connection another one has.
pub(super) const ALREADY_RUNNING: &str = "already_running";

/// An interrupted run is carried on for this long; after that a new one looks at everything.
const RESUME_WITHIN: TimeDelta = TimeDelta::hours(6);

/// The registry of a run, or none.
#[derive(Clone, Debug)]
pub(super) struct Book {
    shelf: Shelf,
}

/// A run that was begun, with what makes it the only one of its connection.
#[derive(Debug)]
pub(super) struct Claim {
    /// Its number; absent where nothing is written.
    pub(super) run_id: Option<RunId>,
    /// The interrupted run that it carries on.
    pub(super) resumes: Option<RunId>,
    /// Scopes that the interrupted run read whole and committed.
    pub(super) done: BTreeSet<Scope>,
    /// Held until the run is over.
    _lock: Option<Lock>,
}

impl Claim {
    /// Of a run that writes nothing.
    pub(super) fn none() -> Self {
        Self { run_id: None, resumes: None, done: BTreeSet::new(), _lock: None }
    }
}

/// What is written of one scope.
#[derive(Debug)]
pub(super) struct ScopeCommit {
    pub(super) run_id: RunId,
    pub(super) connection: String,
    pub(super) known: Known,
    pub(super) plan: Plan,
    pub(super) account_name: Option<String>,
    pub(super) explained: bool,
    pub(super) calls: u64,
    pub(super) throttled: u64,
    pub(super) notes: Vec<String>,
    /// Targets that get a run's events in one message.
    pub(super) digests: Arc<BTreeSet<String>>,
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    pub(super) counts: Counts,
    pub(super) error: Option<RunError>,
}

impl Book {
    pub(super) fn new(shelf: Shelf) -> Self {
        Self { shelf }
    }

    /// Looks something up, away from the asynchronous threads; `None` where there is no registry.
    async fn look_up<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Reader) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<Option<T>, RegistryError> {
        let shelf = self.shelf.clone();
        away(move || shelf.look_up(body)).await
    }

    /// Writes something, away from the asynchronous threads; `None` where there is no registry to write to.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Registry) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<Option<T>, RegistryError> {
        let Shelf::Write(registry) = self.shelf.clone() else { return Ok(None) };
        away(move || body(&mut lock(&registry)).map(Some)).await
    }

    /// Makes the run the only one of its connection and begins it. It carries on what an interrupted run left, where that was
    /// asked for the same and is recent.
    pub(super) async fn claim(
        &self,
        connection: &Connection,
        request: &Request,
        now: DateTime<Utc>,
    ) -> Result<Claim, RunError> {
        let (name, may_resume, trigger, asked) =
            (connection.name.clone(), request.may_resume(), request.trigger, request.document(connection));
        let (selected, due) = (!request.apis.is_empty(), request.due);
        let by = (trigger == Trigger::Manual).then(|| request.by.clone());
        let claimed = self
            .with(move |registry| {
                let lock = match only_run(registry, &name, now)? {
                    Ok(lock) => lock,
                    Err(refused) => return Ok(Err(refused)),
                };
                let left = registry.resumable(&name)?;
                let left =
                    left.filter(|left| may_resume && left.request == asked && now - left.started_at <= RESUME_WITHIN);
                let resumes = left.as_ref().map(|left| left.run_id);
                let new = NewRun {
                    connection: &name,
                    trigger: if resumes.is_some() { Trigger::Resume } else { trigger },
                    due_at: due.map(|due| due.due_at).or_else(|| left.as_ref().and_then(|left| left.due_at)),
                    due: due.and_then(|due| due.due_id),
                    resumes,
                    selected,
                    request: &asked,
                    host: None,
                };
                let committed = left.as_ref().map(|left| left.committed.clone()).unwrap_or_default();
                let complete = committed.into_iter().filter(|(_, state)| *state == ScopeState::Complete);
                let done = complete.map(|(scope, _)| scope).collect();
                let asked = by.as_deref().map(|by| (by, AuditAction::ManualRun));
                begin(registry, lock, &new, asked, done, now).map(Ok)
            })
            .await;
        match claimed {
            Ok(Some(claim)) => claim,
            Ok(None) => Ok(Claim::none()),
            Err(error) => Err(super::run::registry_error(&error)),
        }
    }

    /// What is remembered of a scope; nothing where there is no registry.
    pub(super) async fn known(&self, connection: &str, scope: &Scope) -> Result<Known, RegistryError> {
        let (connection, scope) = (connection.to_owned(), scope.clone());
        let known = self.look_up(move |registry| registry.known(&connection, &scope)).await?;
        Ok(known.unwrap_or_else(first_look))
    }

    /// How the last looks at a connection's scopes ended.
    pub(super) async fn standing(&self, connection: &str) -> Result<Standing, RegistryError> {
        let connection = connection.to_owned();
        let known = move |registry: &Reader| {
            Ok(Standing::of(registry.coverage(Some(&connection))?, registry.members(&connection)?))
        };
        Ok(self.look_up(known).await?.unwrap_or_default())
    }

    /// Whether another connection has seen a scope whole since then.
    pub(super) async fn is_seen_by_others(
        &self,
        connection: &str,
        scope: &Scope,
        since: DateTime<Utc>,
    ) -> Result<bool, RegistryError> {
        let (connection, scope) = (connection.to_owned(), scope.clone());
        let seen = self.look_up(move |registry| registry.is_seen_by_others(&connection, &scope, since)).await?;
        Ok(seen.unwrap_or_default())
    }

    /// Writes down who is a member of a connection's organization.
    pub(super) async fn note_members(
        &self,
        connection: &str,
        members: Vec<Member>,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        let connection = connection.to_owned();
        self.with(move |registry| registry.note_members(&connection, &members, now)).await.map(|_| ())
    }

    /// Writes down an account that a run did not come to, which another one does.
    pub(super) async fn record_untouched_account(
        &self,
        run_id: RunId,
        account: AccountTrouble,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        self.with(move |registry| registry.record_untouched_account(run_id, &account, now)).await.map(|_| ())
    }

    /// How many APIs of a connection wait for approval, by scope.
    pub(super) async fn awaiting(&self, connection: &str) -> Result<BTreeMap<Scope, u64>, RegistryError> {
        let connection = connection.to_owned();
        let awaiting = self.look_up(move |registry| registry.awaiting_scopes(&connection)).await?;
        Ok(awaiting.unwrap_or_default())
    }

    pub(super) async fn commit(
        &self,
        scope: ScopeCommit,
        now: DateTime<Utc>,
    ) -> Result<(ScopeCommit, Commit), RegistryError> {
        let done = self
            .with(move |registry| {
                let commit = CommitScope {
                    run_id: scope.run_id,
                    connection: &scope.connection,
                    known: &scope.known,
                    plan: &scope.plan,
                    account_name: scope.account_name.as_deref(),
                    explained: scope.explained,
                    calls: scope.calls,
                    throttled: scope.throttled,
                    notes: &scope.notes,
                    digests: &scope.digests,
                    approved_by: None,
                };
                let done = registry.commit_scope(&commit, now)?;
                Ok((scope, done))
            })
            .await?;
        done.ok_or_else(|| unreachable!("a run that commits was claimed in a registry"))
    }

    pub(super) async fn record_account(
        &self,
        run_id: RunId,
        account: AccountTrouble,
        explained: bool,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        self.with(move |registry| registry.record_account(run_id, &account, explained, now)).await.map(|_| ())
    }

    /// Writes down scopes that a run did not come to, which another one does if it is `carried_on`.
    pub(super) async fn record_unreached(
        &self,
        run_id: RunId,
        scopes: Vec<(Scope, Trouble)>,
        carried_on: bool,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        let record = move |registry: &mut Registry| {
            scopes.iter().try_for_each(|(scope, trouble)| {
                if carried_on {
                    registry.record_untouched(run_id, scope, trouble, now)
                } else {
                    registry.record_scope(run_id, scope, None, trouble, false, now)
                }
            })
        };
        self.with(record).await.map(|_| ())
    }

    /// Ends a run, and forgets the details of those that are older than `keep`.
    pub(super) async fn finish(
        &self,
        run_id: RunId,
        ended: Ended,
        keep: Duration,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        let finish = move |registry: &mut Registry| {
            registry.finish_run(run_id, ended.outcome, &ended.counts, ended.error.as_ref(), now)?;
            // What is too much is forgotten by the next run as well; this one is none the worse for it.
            if let Err(error) = registry.prune(TimeDelta::from_std(keep).unwrap_or(TimeDelta::MAX), now) {
                tracing::warn!("old runs were not forgotten: {error}");
            }
            Ok(())
        };
        self.with(finish).await.map(|_| ())
    }

    /// The accounts in which something is to be exported before a connection's events leave.
    pub(super) async fn exporting_accounts(&self, connection: &str) -> Result<BTreeSet<String>, RegistryError> {
        let connection = connection.to_owned();
        Ok(self.look_up(move |registry| registry.exporting_accounts(&connection)).await?.unwrap_or_default())
    }

    /// What is to be exported before a connection's events leave.
    pub(super) async fn wanted_exports(&self, connection: &str) -> Result<Vec<WantedExport>, RegistryError> {
        let connection = connection.to_owned();
        Ok(self.look_up(move |registry| registry.wanted_exports(&connection)).await?.unwrap_or_default())
    }

    /// The text with that digest.
    pub(super) async fn stored_document(&self, digest: &str) -> Result<Option<StoredDocument>, RegistryError> {
        let digest = digest.to_owned();
        Ok(self.look_up(move |registry| registry.stored_document(&digest)).await?.flatten())
    }

    /// Stores what came of an API's export, and lets go the events that waited for it.
    pub(super) async fn store_export(
        &self,
        api: &ApiId,
        exported: Vec<Exported>,
        now: DateTime<Utc>,
    ) -> Result<(), RegistryError> {
        let api = api.clone();
        self.with(move |registry| registry.store_export(&api, &exported, now)).await.map(|_| ())
    }

    /// Queues everything that a connection onboarded for one target again; answers how many deliveries that are. `events` is what
    /// the target gets, `digest` that it gets them in one message at the end of the run.
    pub(super) async fn redeliver(
        &self,
        target: &str,
        events: &BTreeSet<Event>,
        connection: &str,
        digest: bool,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<u64, RegistryError> {
        let events = events.clone();
        let (target, connection, by) = (target.to_owned(), connection.to_owned(), by.to_owned());
        let queued =
            self.with(move |registry| registry.redeliver(&target, &events, &connection, digest, &by, now)).await?;
        Ok(queued.map_or(0, |queued| queued.first + queued.again))
    }
}

/// The targets that get a run's events in one message at its end.
pub(super) fn digests(config: &Config) -> BTreeSet<String> {
    config.targets.values().filter(|target| target.digest).map(|target| target.name.clone()).collect()
}

/// Runs what blocks where blocking is allowed.
pub(super) async fn away<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let span = tracing::Span::current();
    match tokio::task::spawn_blocking(move || span.in_scope(work)).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// The registry for a moment. A panic elsewhere left at most an open transaction, which its drop rolled back.
pub(super) fn lock(registry: &SharedRegistry) -> MutexGuard<'_, Registry> {
    registry.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins a run over what awaits approval; none where nothing does.
pub(super) fn claim_approval(
    registry: &mut Registry,
    connection: &Connection,
    by: &str,
    now: DateTime<Utc>,
) -> Result<Option<Claim>, RunError> {
    let tell = |error: RegistryError| super::run::registry_error(&error);
    // An approval that died may have left nothing but its open run; that is ended here all the same.
    let lock = only_run(registry, &connection.name, now).map_err(tell)??;
    let awaiting = registry.awaiting_scopes(&connection.name).map_err(tell)?;
    if !awaiting.keys().any(|scope| holding::names(connection, scope)) {
        return Ok(None);
    }
    let request = serde_json::json!({ "approve": true });
    let new = NewRun {
        connection: &connection.name,
        trigger: Trigger::Manual,
        due_at: None,
        due: None,
        resumes: None,
        selected: true,
        request: &request,
        host: None,
    };
    begin(registry, lock, &new, Some((by, AuditAction::Approved)), BTreeSet::new(), now).map(Some).map_err(tell)
}

/// Takes the lock of a connection's runs, and ends those whose process died.
fn only_run(
    registry: &mut Registry,
    connection: &str,
    now: DateTime<Utc>,
) -> Result<Result<Lock, RunError>, RegistryError> {
    match locks::lock_connection(registry.path(), connection, now) {
        Ok(Locking::Taken(lock)) => {
            registry.interrupt_dead_runs(connection, now)?;
            Ok(Ok(lock))
        }
        Ok(Locking::Held(holder)) => Ok(Err(running_already(connection, &holder))),
        Err(error) => Ok(Err(cannot_lock(connection, &error))),
    }
}

fn begin(
    registry: &mut Registry,
    mut lock: Lock,
    new: &NewRun<'_>,
    asked: Option<(&str, AuditAction)>,
    done: BTreeSet<Scope>,
    now: DateTime<Utc>,
) -> Result<Claim, RegistryError> {
    let run_id = registry.begin_run_for(new, asked, now)?;
    // What the lock's file says is only for the message to a second comer.
    let _ = lock.set_run(run_id);
    Ok(Claim { run_id: Some(run_id), resumes: new.resumes, done, _lock: Some(lock) })
}

/// Without a registry every look is the first one.
fn first_look() -> Known {
    let mut known = Known::default();
    known.scope.first_look = true;
    known
}

fn running_already(connection: &str, holder: &LockedBy) -> RunError {
    let run = holder.run_id.map(|run| format!(", run {run}")).unwrap_or_default();
    let pid = holder.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
    let since =
        holder.since.map(|since| format!(", since {}", since.format("%Y-%m-%d %H:%M:%S UTC"))).unwrap_or_default();
    RunError {
        kind: ALREADY_RUNNING.to_owned(),
        message: format!("a run of {connection} is under way{run}{pid}{since}"),
        hint: Some("wait for it to end; nothing was changed".to_owned()),
    }
}

fn cannot_lock(connection: &str, error: &std::io::Error) -> RunError {
    RunError {
        kind: "registry".to_owned(),
        message: format!("cannot take the lock of {connection} beside the registry: {error}"),
        hint: Some("the folder of the registry must be writable".to_owned()),
    }
}
