//! The library's connection with a handler that does nothing, for as long as a test wants.

use std::sync::{Arc, Condvar, Mutex, OnceLock, mpsc};
use std::time::Duration;

use aboard::config::Value;
use aboard::gravitee::channel::{
    Authority, Channel, ChannelError, Endpoint, Given, Handler, Header, Limits, Proxy, Resend, Series, Settings, State,
    Status,
};
use aboard::gravitee::ingest::{Chunks, Sizes};
use aboard::gravitee::model::{
    Api, ApiKey, Discovered, IngestStarted, Page, PageType, StartIngest, Subscribe, Subscribed, SubscriptionResult,
    Unsubscribe,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Settings for endpoints, with times made short.
pub(crate) fn settings(endpoints: &[String]) -> Settings {
    let millis = Duration::from_millis;
    Settings {
        name: "payments".to_owned(),
        target_id: "c5537ce6-5746-4497-937c-e65746a4973e".to_owned(),
        provider: "aws-api-gateway".to_owned(),
        endpoints: endpoints.iter().map(|endpoint| Endpoint::parse(endpoint).unwrap()).collect(),
        headers: vec![Header {
            name: "Authorization".to_owned(),
            prefix: "bearer ".to_owned(),
            value: Value::Literal("test-token".to_owned()),
        }],
        authorities: Vec::<Authority>::new(),
        proxy: Proxy::Direct,
        limits: Limits {
            ping: millis(100),
            retry: Series { first: millis(80), factor: 1.5, max: millis(800), jitter: 0.0 },
            retry_refused: Series { first: millis(300), factor: 1.5, max: millis(1000), jitter: 0.0 },
            ingest_delay: millis(50),
            ..Limits::default()
        },
    }
}

/// A running agent; its end is its drop.
pub(crate) struct Agent {
    pub(crate) channel: Channel,
    pub(crate) handler: Arc<Dummy>,
    runtime: Option<Runtime>,
    cancel: CancellationToken,
    task: Option<tokio::task::JoinHandle<()>>,
    history: Arc<Mutex<Vec<Status>>>,
}

impl Agent {
    pub(crate) fn start(settings: Settings, handler: Dummy) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (channel, handler, cancel) = (Channel::new(settings), Arc::new(handler), CancellationToken::new());
        assert!(handler.channel.set(channel.clone()).is_ok());
        let history = Arc::new(Mutex::new(Vec::new()));
        let (mut status, kept) = (channel.status(), Arc::clone(&history));
        runtime.spawn(async move {
            while status.changed().await.is_ok() {
                let now = status.borrow_and_update().clone();
                kept.lock().unwrap().push(now);
            }
        });
        let (running, handling, until) = (channel.clone(), Arc::clone(&handler), cancel.clone());
        let task = runtime.spawn(async move { running.run(handling, until).await });
        Self { channel, handler, runtime: Some(runtime), cancel, task: Some(task), history }
    }

    pub(crate) fn on(endpoint: &str) -> Self {
        Self::start(settings(&[endpoint.to_owned()]), Dummy::default())
    }

    /// Waits for a status.
    pub(crate) fn wait(&self, what: &str, is_it: impl FnMut(&Status) -> bool) -> Status {
        let mut status = self.channel.status();
        let waiting = async {
            tokio::time::timeout(Duration::from_mins(2), status.wait_for(is_it))
                .await
                .map(|found| found.unwrap().clone())
        };
        let found = self.runtime.as_ref().unwrap().block_on(waiting);
        found.unwrap_or_else(|_| panic!("{what} never came: {:#?}", self.channel.status().borrow()))
    }

    pub(crate) fn wait_connected(&self) -> Status {
        self.wait("connected", |status| status.state == State::Connected)
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.as_ref().unwrap().block_on(future)
    }

    /// Every status so far that the watcher came to see.
    pub(crate) fn history(&self) -> Vec<Status> {
        self.history.lock().unwrap().clone()
    }

    /// As at SIGTERM.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// As at SIGTERM; waits for the end.
    pub(crate) fn end(&mut self) {
        self.cancel.cancel();
        let task = self.task.take().unwrap();
        self.runtime.as_ref().unwrap().block_on(task).unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.runtime.take().unwrap().shutdown_timeout(Duration::from_secs(5));
    }
}

type Outcome = Result<(), ChannelError>;

/// What a handler was asked.
#[derive(Default)]
pub(crate) struct Asked {
    all: Mutex<Vec<String>>,
    noted: Condvar,
}

impl Asked {
    fn note(&self, what: String) {
        self.all.lock().unwrap().push(what);
        self.noted.notify_all();
    }
}

/// A handler that keeps what it was asked.
pub(crate) struct Dummy {
    /// How many APIs there are, and the document of each.
    pub(crate) apis: usize,
    pub(crate) document: String,
    pub(crate) sizes: Sizes,
    /// A permit for each SUBSCRIBE that may come to its end.
    pub(crate) subscribe_gate: Semaphore,
    pub(crate) asked: Arc<Asked>,
    pub(crate) outcomes: (mpsc::Sender<Outcome>, Mutex<mpsc::Receiver<Outcome>>),
    pub(crate) channel: OnceLock<Channel>,
}

impl Default for Dummy {
    fn default() -> Self {
        let (outcome, outcomes) = mpsc::channel();
        Self {
            apis: 3,
            document: r#"{"openapi":"3.0.1","x":"for i in 1; do;; done \"é\""}"#.to_owned(),
            sizes: Sizes::default(),
            subscribe_gate: Semaphore::new(Semaphore::MAX_PERMITS),
            asked: Arc::default(),
            outcomes: (outcome, Mutex::new(outcomes)),
            channel: OnceLock::new(),
        }
    }
}

impl Dummy {
    fn note(&self, what: String) {
        self.asked.note(what);
    }

    /// Waits until it was asked for something.
    pub(crate) fn wait_for(&self, what: &str) {
        let asked = self.asked.all.lock().unwrap();
        let is_not = |asked: &mut Vec<String>| !asked.iter().any(|noted| noted == what);
        let (asked, waited) = self.asked.noted.wait_timeout_while(asked, Duration::from_mins(2), is_not).unwrap();
        assert!(!waited.timed_out(), "{what} never came: {asked:?}");
    }

    /// Waits for what became of the next ingest.
    pub(crate) fn settled(&self) -> Result<(), ChannelError> {
        self.outcomes.1.lock().unwrap().recv_timeout(Duration::from_mins(5)).expect("an ingest that ends")
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.all.lock().unwrap().clone()
    }

    fn api(&self, number: usize, with_page: bool) -> Api {
        let id = format!("api-{number:04}");
        let page = Page {
            page_type: PageType::Swagger,
            content: if with_page { self.document.clone() } else { String::new() },
            filename: format!("{id}.json"),
        };
        let pages = if with_page { vec![page] } else { Vec::new() };
        Api {
            unique_id: format!("u;;{id}"),
            id: id.clone(),
            name: format!("Orders;; {number}"),
            pages,
            ..Api::default()
        }
    }
}

impl Handler for Dummy {
    fn discover(&self) -> BoxFuture<'_, Result<Discovered, String>> {
        self.note("discover".to_owned());
        let apis = (0..self.apis).map(|number| self.api(number, false)).collect();
        async move { Ok(Discovered { apis, is_partial_discovery: false }) }.boxed()
    }

    fn start_ingest(&self, asked: StartIngest) -> BoxFuture<'_, Result<IngestStarted, String>> {
        self.note(format!("start_ingest {}", asked.ingest_job_id));
        let total = self.apis as u64;
        async move { Ok(IngestStarted { ingest_job_id: asked.ingest_job_id, total }) }.boxed()
    }

    fn ingest(&self, asked: StartIngest) -> BoxFuture<'_, ()> {
        self.note(format!("ingest {}", asked.ingest_job_id));
        async move {
            let channel = self.channel.get().unwrap();
            let mut chunks = Chunks::new(&asked.ingest_job_id, self.sizes);
            let mut outcome = Ok(());
            for number in 0..self.apis {
                if let Some(chunk) = chunks.push(&self.api(number, true)).unwrap() {
                    outcome = channel.ingest_surely(&chunk, Resend::default()).await;
                }
                if outcome.is_err() {
                    break;
                }
            }
            if outcome.is_ok() {
                outcome = channel.ingest_surely(&chunks.finish(), Resend::default()).await;
            }
            self.outcomes.0.send(outcome).unwrap();
        }
        .boxed()
    }

    fn subscribe(&self, asked: Subscribe) -> BoxFuture<'_, Result<Given, String>> {
        let id = asked.subscription.gravitee_subscription_id;
        self.note(format!("subscribe {id}"));
        async move {
            self.subscribe_gate.acquire().await.unwrap().forget();
            if asked.api_id == "none" {
                return Err("there is no such API".to_owned());
            }
            let metadata = [("aws-api-key-id".to_owned(), "k1".to_owned())].into();
            let api_key = Some(ApiKey(format!("key of {id}").into()));
            let (kept, back) = (Arc::clone(&self.asked), format!("take back {id}"));
            let take_back = async move { kept.note(back) }.boxed();
            let subscription = SubscriptionResult { gravitee_subscription_id: id, metadata, api_key };
            Ok(Given { answer: Subscribed { subscription }, take_back })
        }
        .boxed()
    }

    fn unsubscribe(&self, asked: Unsubscribe) -> BoxFuture<'_, Result<(), String>> {
        self.note(format!("unsubscribe {}", asked.subscription.metadata["aws-api-key-id"]));
        async { Ok(()) }.boxed()
    }
}
