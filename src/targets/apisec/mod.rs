//! `[targets.NAME.apisec]`: each API becomes an application of `APIsec`, each of its addresses an instance of it.
//!
//! ```text
//! kept id ──► still there? ──yes──────────────────────────────► instances ──► specifications
//!                 │ no, or none kept                               ▲
//!                 ▼                                                │
//!          all applications (once a run) ──one is it──► keep ──────┤
//!                 │ none                                           │
//!                 ▼                                                │
//!          announce in memory ──► create ──► keep its id ──────────┘
//! ```
//!
//! Creating is two calls without a key for idempotency, so each is announced in [`kept`] before it is sent. Whoever meets an
//! announcement looks for what it may have left before anything is sent again, and waits as long as the server may still be at it
//! ([`SETTLE`]). What stays possible: a server that carries a request out later than that, or that hides what it created for longer,
//! gets it twice; then the application's name, which is the API's alone, makes both of them candidates, and a person is asked.
//!
//! Nothing is ever deleted in `APIsec`: of an API or an address that is gone, memory says so. WebSocket APIs are not sent: `APIsec`
//! takes `OpenAPI` only.

mod adopting;
mod application;
mod finding;
mod instances;
mod kept;
mod listing;
mod specifications;
mod stand_in;
mod wire;

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::config::{ApisecConfig, Event, NetworkConfig, Placeholder};
use crate::document::ApiDocument;
use crate::inventory::{ApiId, Instance, Protocol};
use crate::notice::Notice;
use crate::targets::client::Client;
use crate::targets::{Adoption, Delivery, Failure, Memory, Target, Verdict};
use kept::Kept;
use listing::Listing;
use wire::Session;

/// For how many times the limit of a request the server may still be carrying one out of which no answer came.
const SETTLE: u32 = 2;

/// The target.
#[derive(Debug)]
pub(super) struct Apisec {
    config: ApisecConfig,
    client: Client,
    listing: Listing,
}

impl Apisec {
    pub(super) fn open(config: &ApisecConfig, network: &NetworkConfig) -> Result<Self, Failure> {
        let client = Client::new(network, config.timeout)?;
        Ok(Self { config: config.clone(), client, listing: Listing::default() })
    }

    async fn session(&self) -> Result<Session<'_>, Failure> {
        Session::open(&self.client, &self.config.url, &self.config.token).await
    }

    /// How long after a request without an answer its effect is waited for.
    fn settle(&self) -> Duration {
        self.config.timeout * SETTLE
    }

    async fn deliver_one(&self, delivery: &Delivery, memory: &dyn Memory) -> Result<Verdict, Failure> {
        let notice = &delivery.notice;
        let (Some(event), Some(api)) = (Event::parse(&notice.event), &notice.api) else {
            return Ok(Verdict::Unchanged);
        };
        if matches!(event, Event::RunFinished | Event::RunSummary) {
            return Ok(Verdict::Unchanged);
        }
        if api.protocol == Protocol::WebSocket {
            // Not `Unchanged`: whoever asks why the API is not in APIsec should find this sentence.
            return Ok(Verdict::Delivered(Some("APIsec takes no WebSocket APIs; nothing was sent".to_owned())));
        }
        let id = api.id();
        let kept = Kept::recall(memory, &id).await?;
        if matches!(event, Event::Gone | Event::InstanceRemoved) {
            return record(kept, event, notice, &id, memory).await;
        }
        let session = self.session().await?;
        let mut job = Job { apisec: self, session, memory, delivery, notice, api, event, id, kept, said: Vec::new() };
        job.register().await?;
        Ok(Verdict::Delivered((!job.said.is_empty()).then(|| job.said.join("; "))))
    }
}

/// Writes down what is gone. `APIsec` is not asked.
async fn record(
    mut kept: Kept,
    event: Event,
    notice: &Notice,
    id: &ApiId,
    memory: &dyn Memory,
) -> Result<Verdict, Failure> {
    let Some(application) = kept.application_id.clone() else {
        return Ok(Verdict::Delivered(Some("nothing was registered in APIsec; nothing was sent".to_owned())));
    };
    let what = if event == Event::Gone {
        kept.gone = true;
        format!("application {application}")
    } else {
        for instance in &notice.instances {
            if let Some(kept) = kept.instances.get_mut(&instance.url) {
                kept.removed = true;
            }
        }
        format!("its instances in application {application}")
    };
    kept.save(memory, id).await?;
    Ok(Verdict::Delivered(Some(format!("recorded; {what} stay as they are, nothing is deleted in APIsec"))))
}

/// One delivery that registers something.
struct Job<'a> {
    apisec: &'a Apisec,
    session: Session<'a>,
    memory: &'a dyn Memory,
    delivery: &'a Delivery,
    notice: &'a Notice,
    api: &'a ApiDocument,
    event: Event,
    id: ApiId,
    kept: Kept,
    /// What was done, for people.
    said: Vec<String>,
}

impl Job<'_> {
    async fn register(&mut self) -> Result<(), Failure> {
        let Some(application) = self.application().await? else { return Ok(()) };
        self.instances(application).await?;
        self.specifications().await
    }

    async fn save(&self) -> Result<(), Failure> {
        self.kept.save(self.memory, &self.id).await
    }

    /// The addresses that the application is to have: those of the API, and those of the event.
    fn wanted(&self) -> Vec<&Instance> {
        let mut wanted: Vec<&Instance> = Vec::new();
        for instance in self.api.instances.iter().chain(&self.notice.instances) {
            if wanted.iter().all(|other| other.url != instance.url) {
                wanted.push(instance);
            }
        }
        wanted
    }

    /// Whether the event is about this address.
    fn concerns(&self, url: &str) -> bool {
        self.notice.instances.iter().any(|instance| instance.url == url)
    }
}

/// What an application is called that is created for an API.
fn name(config: &ApisecConfig, api: &ApiDocument) -> String {
    config.name.render(|placeholder| match placeholder {
        Placeholder::Name => &api.name,
        Placeholder::AccountId => &api.account_id,
        Placeholder::AccountName => api.account_name.as_deref().unwrap_or(&api.account_id),
        Placeholder::Region => &api.region,
        Placeholder::ApiId => &api.api_id,
    })
}

impl Target for Apisec {
    fn in_flight(&self) -> usize {
        self.config.in_flight
    }

    fn wants_documents(&self) -> bool {
        true
    }

    fn deliver<'a>(&'a self, deliveries: &'a [Delivery], memory: &'a dyn Memory) -> BoxFuture<'a, Vec<Verdict>> {
        async move {
            let mut verdicts = Vec::with_capacity(deliveries.len());
            for delivery in deliveries {
                let verdict = self.deliver_one(delivery, memory).await;
                verdicts.push(verdict.unwrap_or_else(Verdict::Failed));
            }
            verdicts
        }
        .boxed()
    }

    fn test<'a>(&'a self, _notice: &'a Notice) -> BoxFuture<'a, Result<String, Failure>> {
        async move {
            let page = self.session().await?.applications(None).await?;
            let more = if page.next_token.is_some_and(|token| !token.is_empty()) { " on the first page" } else { "" };
            let count = page.applications.len();
            let s = if count == 1 { "" } else { "s" };
            // Creating something is the only proof that it may be done, and nothing could be deleted afterwards.
            Ok(format!("the token may read: {count} application{s}{more}; nothing was created, so the scope Create App was not tried"))
        }
        .boxed()
    }

    fn adopt<'a>(
        &'a self,
        apis: &'a [ApiDocument],
        dry_run: bool,
        memory: &'a dyn Memory,
    ) -> BoxFuture<'a, Result<Vec<Adoption>, Failure>> {
        self.adopt_all(apis, dry_run, memory).boxed()
    }
}
