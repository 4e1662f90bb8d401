//! The part of a run after its commits: exporting the specifications that go with the events it queued.
//!
//! An event that carries specifications waits for them ([`Reader::wanted_exports`]) so that targets are told of an API once, with what
//! it can do. Nothing here keeps an API from being registered, or an event from leaving for long: what cannot be exported is written
//! down with its cause and the event goes without; what a run that was stopped did not come to is wanted still, and is exported by the
//! next one or by [`leftovers`], until the event leaves without it.
//!
//! [`Reader::wanted_exports`]: crate::registry::Reader::wanted_exports

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::stream;

use super::book::{Book, away};
use super::context::Context;
use crate::config::Connection;
use crate::discovery::{self, Account, Door, ExportFailure, Exporter};
use crate::inventory::{AccountTrouble, Trouble};
use crate::registry::{
    Exported, ExportedBefore, ExportedDocument, FailedExport, RegistryError, StoredDocument, WantedExport,
};
use crate::specification::{self, AwsExport, Layout, SpecificationFormat, Subject};

/// What came of exporting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exports {
    /// Stages whose document was stored.
    pub stored: u64,
    /// Stages that could not be exported.
    pub failed: u64,
    /// Of which the first, as `account/region/id stage`, and why.
    pub first_failure: Option<(String, String)>,
    /// Requests sent to API Gateway, retries included.
    pub calls: u64,
    /// Answers with status 429 among them.
    pub throttled: u64,
}

impl Exports {
    fn note(&mut self, api: &WantedExport, exported: &[Exported]) {
        for stage in exported {
            match &stage.document {
                Ok(_) => self.stored += 1,
                Err(failure) => {
                    self.failed += 1;
                    let name = || (format!("{} {}", api.api, stage.stage), failure.cause.clone());
                    self.first_failure.get_or_insert_with(name);
                }
            }
        }
    }

    /// What is to be said of failures, one sentence.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let (first, cause) = self.first_failure.as_ref()?;
        Some(match self.failed {
            1 => format!("the specification of {first} could not be exported: {cause}"),
            more => format!("the specifications of {more} stages could not be exported; the first, {first}: {cause}"),
        })
    }
}

/// How the accounts of a connection are reached.
#[derive(Debug, Default)]
pub(super) struct Ways {
    /// Those that were entered.
    pub(super) accounts: BTreeMap<String, Arc<Account>>,
    /// Those that can be.
    pub(super) doors: BTreeMap<String, Door>,
    /// Those that cannot, with the cause.
    pub(super) shut: BTreeMap<String, String>,
    /// What is wrong with every other account; absent = their exports wait for somebody who can enter them.
    pub(super) otherwise: Option<String>,
}

/// One account's part of what is to be exported.
#[derive(Debug)]
struct Task {
    account_id: String,
    apis: Vec<WantedExport>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Entered(Arc<Account>),
    Door(Door),
    Shut(String),
    Nobody,
}

/// Exports what waits for it on a connection outside of a run: what runs that died left, and what an approval queued.
///
/// Nothing is given up where the connection's accounts cannot even be named: it goes on waiting.
///
/// # Errors
/// What the registry refuses.
pub async fn leftovers(context: &Context, connection: &Connection) -> Result<Exports, RegistryError> {
    let book = Book::new(context.registry.clone());
    if book.exporting_accounts(&connection.name).await?.is_empty() {
        return Ok(Exports::default());
    }
    let entered = tokio::select! {
        biased;
        () = stopped(context) => return Ok(Exports::default()),
        entered = discovery::enter(&context.aws, connection) => entered,
    };
    let entrance = match entered {
        Ok(entrance) => entrance,
        Err(AccountTrouble { trouble: Trouble { cause, .. }, .. }) => {
            tracing::warn!(
                connection = connection.name,
                cause,
                "specifications wait, because no account can be entered"
            );
            return Ok(Exports::default());
        }
    };
    let mut ways = Ways { otherwise: Some(not_in_scope(connection)), ..Ways::default() };
    ways.doors.extend(entrance.doors.into_iter().map(|door| (door.account_id.clone(), door)));
    ways.note_shut(&entrance.shut);
    let exports = export(context, &connection.name, &book, ways).await?;
    if let Some(warning) = exports.warning() {
        tracing::warn!(connection = connection.name, "{warning}");
    }
    Ok(exports)
}

impl Ways {
    /// Remembers why accounts could not be entered.
    pub(super) fn note_shut<'a>(&mut self, shut: impl IntoIterator<Item = &'a AccountTrouble>) {
        for AccountTrouble { account_id, trouble, .. } in shut {
            match account_id {
                Some(account_id) => {
                    self.shut.insert(account_id.clone(), trouble.cause.clone());
                }
                None => self.otherwise = Some(trouble.cause.clone()),
            }
        }
    }

    fn to(&mut self, account_id: &str) -> Way {
        if let Some(account) = self.accounts.remove(account_id) {
            return Way::Entered(account);
        }
        if let Some(door) = self.doors.remove(account_id) {
            return Way::Door(door);
        }
        self.shut.remove(account_id).or_else(|| self.otherwise.clone()).map_or(Way::Nobody, Way::Shut)
    }
}

/// What is said of an account that a connection does not reach any more.
pub(super) fn not_in_scope(connection: &Connection) -> String {
    format!("the account is not in the scope of {}", connection.name)
}

/// Exports all that is wanted on a connection, accounts side by side; what it is stopped before is wanted still.
pub(super) async fn export(
    context: &Context,
    connection: &str,
    book: &Book,
    mut ways: Ways,
) -> Result<Exports, RegistryError> {
    let mut by_account: BTreeMap<String, Vec<WantedExport>> = BTreeMap::new();
    for wanted in book.wanted_exports(connection).await? {
        by_account.entry(wanted.api.account_id.clone()).or_default().push(wanted);
    }
    let tasks: Vec<Task> =
        by_account.into_iter().map(|(account_id, apis)| Task { way: ways.to(&account_id), account_id, apis }).collect();
    drop(ways);
    let pass = Pass { context, book, done: Mutex::default(), exporters: Mutex::default() };
    let width = context.config.limits.accounts_in_flight;
    let mut ended = stream::iter(tasks).map(|task| pass.one_account(task)).buffer_unordered(width);
    loop {
        tokio::select! {
            biased;
            () = stopped(context) => break,
            next = ended.next() => match next {
                Some(ended) => ended?,
                None => break,
            },
        }
    }
    drop(ended);
    Ok(pass.exports())
}

async fn stopped(context: &Context) {
    tokio::select! {
        () = context.cancel.cancelled() => {}
        () = context.wind_down.cancelled() => {}
    }
}

/// What the accounts of one pass share.
#[derive(Debug)]
struct Pass<'a> {
    context: &'a Context,
    book: &'a Book,
    done: Mutex<Exports>,
    /// All that were made: whoever is stopped has made calls too.
    exporters: Mutex<Vec<Arc<Exporter>>>,
}

impl Pass<'_> {
    fn exports(self) -> Exports {
        let mut exports = self.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        for exporter in self.exporters.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let (calls, throttled) = exporter.spent();
            exports.calls += calls;
            exports.throttled += throttled;
        }
        exports
    }

    async fn one_account(&self, task: Task) -> Result<(), RegistryError> {
        let Task { account_id, apis, way } = task;
        // Nobody is entered for what was exported before.
        let (apis, ready): (Vec<_>, Vec<_>) = apis.into_iter().partition(|wanted| !wanted.stages.is_empty());
        for wanted in ready {
            self.store(&wanted, BTreeMap::new()).await?;
        }
        if apis.is_empty() {
            return Ok(());
        }
        let account = match way {
            Way::Entered(account) => account,
            Way::Nobody => return Ok(()),
            Way::Shut(cause) => return self.fail(&apis, &cause).await,
            Way::Door(door) => {
                let only = apis.first().map(|wanted| wanted.api.region.clone());
                match door.open(&self.context.aws, only.as_deref(), BTreeSet::new()).await {
                    Ok(account) => Arc::new(account),
                    Err(trouble) => return self.fail(&apis, &trouble.trouble.cause).await,
                }
            }
        };
        let mut by_region: BTreeMap<String, Vec<WantedExport>> = BTreeMap::new();
        for wanted in apis {
            by_region.entry(wanted.api.region.clone()).or_default().push(wanted);
        }
        let regions = by_region.into_iter().map(|(region, apis)| self.one_region(&account, region, apis));
        let mut regions = stream::iter(regions).buffer_unordered(REGIONS_IN_FLIGHT);
        while let Some(ended) = regions.next().await {
            ended?;
        }
        drop(regions);
        tracing::debug!(account = account_id, "specifications exported");
        account.rest();
        Ok(())
    }

    async fn one_region(
        &self,
        account: &Account,
        region: String,
        apis: Vec<WantedExport>,
    ) -> Result<(), RegistryError> {
        let Context { aws, progress, .. } = self.context;
        let exporter = Arc::new(Exporter::new(aws, account, &region, progress));
        self.exporters.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&exporter));
        let width = exporter.width().min(APIS_IN_FLIGHT);
        let exporter = &exporter;
        let mut ended = stream::iter(apis)
            .map(|wanted| async move {
                let exports = exporter.export(&wanted.api, wanted.protocol, wanted.stages.keys()).await;
                self.store(&wanted, exports).await
            })
            .buffer_unordered(width);
        while let Some(ended) = ended.next().await {
            ended?;
        }
        Ok(())
    }

    async fn fail(&self, apis: &[WantedExport], cause: &str) -> Result<(), RegistryError> {
        for wanted in apis {
            let failure = ExportFailure { cause: cause.to_owned(), passing: true };
            let exports = wanted.stages.keys().map(|stage| (stage.clone(), Err(failure.clone()))).collect();
            self.store(wanted, exports).await?;
        }
        Ok(())
    }

    /// Stores what came of an API's stages; its events go on.
    async fn store(
        &self,
        wanted: &WantedExport,
        exports: BTreeMap<String, Result<AwsExport, ExportFailure>>,
    ) -> Result<(), RegistryError> {
        let mut exported = Vec::new();
        let subject = Arc::new(wanted.subject.clone());
        for (stage, export) in exports {
            let deployment_id = wanted.stages.get(&stage).cloned().flatten();
            let document = match export {
                Ok(export) => write(export, Arc::clone(&subject), stage.clone()).await,
                Err(ExportFailure { cause, passing }) => Err(FailedExport { cause, passing }),
            };
            exported.push(Exported { stage, deployment_id, document });
        }
        for (stage, before) in &wanted.exported {
            exported.extend(self.served_anew(&subject, stage, before).await?);
        }
        self.done.lock().unwrap_or_else(PoisonError::into_inner).note(wanted, &exported);
        self.book.store_export(&wanted.api, exported, (self.context.clock)()).await?;
        self.context.courier.kick();
        Ok(())
    }

    /// The document of a stage whose addresses have changed while its deployment has not.
    async fn served_anew(
        &self,
        subject: &Arc<Subject>,
        stage: &str,
        before: &ExportedBefore,
    ) -> Result<Option<Exported>, RegistryError> {
        let Some(StoredDocument { format, text }) = self.book.stored_document(&before.digest).await? else {
            return Ok(None);
        };
        let Some(format) = SpecificationFormat::parse(&format) else { return Ok(None) };
        let (subject, of) = (Arc::clone(subject), stage.to_owned());
        let text = away(move || specification::served_anew(&text, format, &subject, &of)).await;
        Ok(text.map(|text| Exported {
            stage: stage.to_owned(),
            deployment_id: before.deployment_id.clone(),
            document: Ok(ExportedDocument { format: format.as_str(), text }),
        }))
    }
}

/// Exports under way in one region at most, however large its share of the quota: a document may weigh megabytes.
const APIS_IN_FLIGHT: usize = 8;

/// Regions of one account at a time.
const REGIONS_IN_FLIGHT: usize = 4;

async fn write(export: AwsExport, subject: Arc<Subject>, stage: String) -> Result<ExportedDocument, FailedExport> {
    let written = away(move || specification::write(&export, &subject, &stage, Layout::Lines)).await;
    // What AWS gives of a deployment it gives again.
    let written = written.map_err(|cause| FailedExport { cause, passing: false })?;
    Ok(ExportedDocument { format: written.format.as_str(), text: written.text })
}
