//! One account that was entered, and each of its regions: clients, meters, and asking with both.
//!
//! How the account was entered is [`super::credentials`]' business.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::identity::SharedIdentityCache;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::sync::OnceCell;

use super::aws::{self, Aws};
use super::classify::{Ask, Failure, Kind};
use super::http::Meter;
use super::limiter::Bucket;
use super::progress::Progress;
use crate::inventory::{Family, Scope, ScopeState, Trouble};

/// An account for the length of one run. Its clients are made once per region and are dropped with it.
#[derive(Debug)]
pub struct Account {
    /// `aws`, `aws-cn`, …, from the ARN of the identity or role.
    pub partition: String,
    /// Twelve digits, from the credentials and never from an answer of API Gateway.
    pub account_id: String,
    /// The account's name, where Organizations told it.
    pub account_name: Option<String>,
    /// The regions to look at.
    pub regions: Vec<String>,
    /// Regions that would be looked at if the account had them switched on.
    pub disabled: Vec<String>,
    /// Why its regions had to be tried one by one, where every region is asked for and they could not be listed.
    pub regions_probed: Option<Trouble>,
    /// Whether it was entered by the central role because the child role could not be: being denied there is meant.
    pub stands_in: bool,
    identity: Arc<Identity>,
    places: Mutex<BTreeMap<String, Arc<Place>>>,
}

impl Account {
    pub(super) fn new(partition: String, account_id: String, regions: Vec<String>, identity: Identity) -> Self {
        let identity = Arc::new(identity);
        Self {
            partition,
            account_id,
            account_name: None,
            regions,
            disabled: Vec::new(),
            regions_probed: None,
            stands_in: false,
            identity,
            places: Mutex::default(),
        }
    }

    /// SDK settings for the account's own credentials in one region.
    pub(super) fn config(&self, aws: &Aws, region: &str) -> SdkConfig {
        self.identity.config(aws, region)
    }

    /// Drops the clients. They are what an account weighs; whoever asks once more makes them anew.
    pub fn rest(&self) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The account in one region; made at the first call, whose `progress` it keeps.
    pub(super) fn place(&self, aws: &Aws, region: &str, progress: &Progress) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(region) {
            return Arc::clone(place);
        }
        let bucket = aws.buckets.of(&self.account_id, region);
        let generation = self.identity.current().generation;
        let (rest_meter, http_meter) =
            (Meter::new(Arc::clone(&bucket), progress.clone()), Meter::new(Arc::clone(&bucket), progress.clone()));
        let config = self.config(aws, region);
        let (rest, http) = aws::clients(&config, &aws.http, (&self.account_id, region), &rest_meter, &http_meter);
        let place = Arc::new(Place {
            partition: self.partition.clone(),
            account_id: self.account_id.clone(),
            region: region.to_owned(),
            bucket,
            rest_meter,
            http_meter,
            clients: Mutex::new(Clients { generation, rest, http }),
            identity: Arc::clone(&self.identity),
            config,
            http_client: aws.http.clone(),
        });
        places.insert(region.to_owned(), Arc::clone(&place));
        place
    }
}

/// Who asks: a credentials provider that the SDK caches, and that can be made to forget.
#[derive(Debug)]
pub(super) struct Identity {
    /// Gives fresh credentials whenever it is asked.
    source: SharedCredentialsProvider,
    /// Gives what is there already, and is asked first.
    first: SharedCredentialsProvider,
    current: Mutex<Current>,
    /// Where STS answered when the account was entered.
    sts_region: String,
    /// Whether the credentials still work there; asked at most once a run.
    still_works: OnceCell<bool>,
}

/// The provider with a cache of its own, both made anew at each renewal.
#[derive(Clone, Debug)]
struct Current {
    generation: u64,
    provider: SharedCredentialsProvider,
    cache: SharedIdentityCache,
}

impl Identity {
    /// Of what `source` gives, which STS answers in `sts_region`.
    pub(super) fn new(source: SharedCredentialsProvider, sts_region: String) -> Self {
        Self::sharing(source.clone(), source, sts_region)
    }

    /// Of a session that others use too: `first` gives that of all, `source` begins a new one for all.
    pub(super) fn sharing(
        first: SharedCredentialsProvider,
        source: SharedCredentialsProvider,
        sts_region: String,
    ) -> Self {
        let current = Current { generation: 0, provider: first.clone(), cache: aws::identity_cache() };
        Self { source, first, current: Mutex::new(current), sts_region, still_works: OnceCell::new() }
    }

    /// The same with a cache of its own, for an account that is entered by what entered others.
    pub(super) fn again(&self) -> Self {
        Self::sharing(self.first.clone(), self.source.clone(), self.sts_region.clone())
    }

    /// STS answered there.
    pub(super) fn works_in(&mut self, sts_region: String) {
        self.sts_region = sts_region;
    }

    /// SDK settings for asking as this identity in one region.
    pub(super) fn config(&self, aws: &Aws, region: &str) -> SdkConfig {
        let Current { provider, cache, .. } = self.current();
        aws.config(provider, region).into_builder().identity_cache(cache).build()
    }

    /// The same after forgetting what was cached, for where it is refused as expired.
    pub(super) fn renewed_config(&self, aws: &Aws, region: &str) -> SdkConfig {
        let used = self.current().generation;
        let Current { provider, cache, .. } = self.renew(used);
        aws.config(provider, region).into_builder().identity_cache(cache).build()
    }

    fn current(&self) -> Current {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the cached credentials of generation `used`, unless somebody else already did.
    fn renew(&self, used: u64) -> Current {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.generation == used {
            let provider = SharedCredentialsProvider::new(self.source.clone());
            *current = Current { generation: used + 1, provider, cache: aws::identity_cache() };
        }
        current.clone()
    }
}

/// The clients of both families.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    generation: u64,
    pub(super) rest: aws_sdk_apigateway::Client,
    pub(super) http: aws_sdk_apigatewayv2::Client,
}

/// One account in one region.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) partition: String,
    pub(super) account_id: String,
    pub(super) region: String,
    pub(super) rest_meter: Arc<Meter>,
    pub(super) http_meter: Arc<Meter>,
    bucket: Arc<Bucket>,
    clients: Mutex<Clients>,
    identity: Arc<Identity>,
    config: SdkConfig,
    http_client: SharedHttpClient,
}

impl Place {
    pub(super) fn scope(&self, family: Family) -> Scope {
        Scope {
            partition: self.partition.clone(),
            account_id: self.account_id.clone(),
            region: self.region.clone(),
            family,
        }
    }

    pub(super) fn meter(&self, family: Family) -> &Meter {
        match family {
            Family::Rest => &self.rest_meter,
            Family::Http => &self.http_meter,
        }
    }

    /// How many requests may be begun side by side; more would only wait.
    pub(super) fn width(&self) -> usize {
        self.bucket.most_in_flight()
    }

    /// Waits for the turn of a `GetResources`.
    pub(super) async fn turn_of_resources(&self) {
        self.bucket.turn_of_resources().await;
    }

    /// Sends one request, once the bucket has room. A session that has ended is renewed once and the request repeated,
    /// so a listing goes on at the page where it was.
    pub(super) async fn ask<T, E, Send, Answer>(&self, ask: &Ask, send: Send) -> Result<T, Failure>
    where
        Send: Fn(&Clients) -> Answer,
        Answer: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + Error + std::marker::Send + Sync + 'static,
    {
        let _room = self.bucket.enter().await;
        let clients = self.clients();
        let failed = |error: SdkError<E, HttpResponse>| Failure::of(&error, ask, &self.partition, &self.region);
        // Boxed, because an SDK call is kilobytes of state and hundreds wait at once.
        match Box::pin(send(&clients)).await.map_err(failed) {
            Err(failure) if failure.kind == Kind::Expired => {
                let clients = self.renewed_clients(clients.generation);
                Box::pin(send(&clients)).await.map_err(failed)
            }
            answer => answer,
        }
    }

    /// The failure as it is told to a person. A key that is unknown here but known to STS means that the account has not
    /// switched the region on.
    pub(super) async fn trouble(&self, failure: &Failure) -> Trouble {
        if failure.kind != Kind::UnknownKey || !self.identity_still_works().await {
            return failure.trouble();
        }
        Trouble {
            state: ScopeState::RegionDisabled,
            cause: format!("the region is not switched on in account {}: {}", self.account_id, failure.cause),
            hint: Some(format!("enable {} in the account's settings, or leave the region out", self.region)),
        }
    }

    fn clients(&self) -> Clients {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn renewed_clients(&self, used: u64) -> Clients {
        let Current { generation, provider, cache } = self.identity.renew(used);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.generation != generation {
            let config = self.config.to_builder().credentials_provider(provider).identity_cache(cache).build();
            let scope = (self.account_id.as_str(), self.region.as_str());
            let (rest, http) = aws::clients(&config, &self.http_client, scope, &self.rest_meter, &self.http_meter);
            *clients = Clients { generation, rest, http };
        }
        clients.clone()
    }

    async fn identity_still_works(&self) -> bool {
        let asked = self.identity.still_works.get_or_init(|| async {
            let region = aws_config::Region::new(self.identity.sts_region.clone());
            let Current { provider, cache, .. } = self.identity.current();
            let config = self.config.to_builder().credentials_provider(provider).identity_cache(cache).region(region);
            let config = config.build();
            aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.is_ok()
        });
        *asked.await
    }
}
