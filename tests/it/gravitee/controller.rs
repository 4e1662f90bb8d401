//! A Gravitee controller for tests: the server's end of the protocol, strict about its rules, with the ways in which servers, networks
//! and proxies fail at the test's command. It speaks to any client that finds its port; what it sees is in [`Controller::record`].

mod connection;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::record::{Record, Seen};
pub(crate) use rules::{Hello, Ingesting, Order, Rules};

/// A running controller; its end is its drop.
pub(crate) struct Controller {
    port: u16,
    shared: Arc<Shared>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What its connections share.
pub(crate) struct Shared {
    pub(crate) rules: Mutex<Rules>,
    pub(crate) record: Record,
    /// Orders to the connection whose hello was accepted last.
    pub(crate) active: Mutex<Option<mpsc::UnboundedSender<Order>>>,
    /// Jobs and when each is (or was) made.
    pub(crate) jobs: Mutex<BTreeMap<String, Instant>>,
    /// The ids of the APIs that were stored.
    pub(crate) stored: Mutex<BTreeSet<String>>,
    /// The APIs of small chunks, by id, as they came last.
    pub(crate) apis: Mutex<BTreeMap<String, Value>>,
    connections: AtomicUsize,
    ids: AtomicUsize,
}

impl Controller {
    pub(crate) fn start(rules: Rules) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            rules: Mutex::new(rules),
            record: Record::default(),
            active: Mutex::default(),
            jobs: Mutex::default(),
            stored: Mutex::default(),
            apis: Mutex::default(),
            connections: AtomicUsize::new(0),
            ids: AtomicUsize::new(0),
        });
        let (end, ended) = oneshot::channel::<()>();
        let inside = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let accept = async {
                    loop {
                        let (stream, _) = listener.accept().await.unwrap();
                        let number = inside.connections.fetch_add(1, Ordering::Relaxed);
                        tokio::spawn(connection::serve(stream, Arc::clone(&inside), number));
                    }
                };
                tokio::select! { () = accept => {}, _ = ended => {} }
            });
        });
        Self { port, shared, end: Some(end), thread: Some(thread) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// As an agent's configuration has it behind an ingress.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/integration-controller", self.port)
    }

    pub(crate) fn record(&self) -> &Record {
        &self.shared.record
    }

    /// Changes the rules from now on.
    pub(crate) fn rules(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.shared.rules.lock().unwrap());
    }

    /// How many APIs were stored.
    pub(crate) fn stored(&self) -> usize {
        self.shared.stored.lock().unwrap().len()
    }

    /// The APIs of small chunks, by id, as they came last.
    pub(crate) fn apis(&self) -> BTreeMap<String, Value> {
        self.shared.apis.lock().unwrap().clone()
    }

    /// Waits until the `count`-th hello was accepted.
    pub(crate) fn wait_for_agent(&self, count: usize) {
        self.record().wait_for("an accepted hello", count, |seen| matches!(seen, Seen::Hello { accepted: true, .. }));
    }

    /// Gives the agent's connection an order.
    pub(crate) fn order(&self, order: Order) {
        self.record().wait("a connection", |_| self.shared.active.lock().unwrap().clone()).send(order).unwrap();
    }

    /// Sends a command and does not wait; tells its id.
    pub(crate) fn send(&self, kind: &str, payload: Value) -> String {
        let id = format!("server-{}", self.shared.ids.fetch_add(1, Ordering::Relaxed));
        let mut command = json!({ "id": id, "type": kind });
        command["payload"] = payload;
        self.order(Order::Command(command));
        id
    }

    /// The reply to a command; an error where none came in time.
    pub(crate) fn reply(&self, asked: &str) -> Result<Value, String> {
        self.record().wait("a reply", |all| {
            all.iter().find_map(|(_, _, seen)| match seen {
                Seen::Reply { id, reply } if id == asked => Some(Ok(reply.clone())),
                Seen::NoReply { id, kind } if id == asked => Some(Err(format!("no reply to {kind}"))),
                _ => None,
            })
        })
    }

    /// Sends a command and waits for its reply, which succeeded; its payload.
    pub(crate) fn ask(&self, kind: &str, payload: Value) -> Value {
        let reply = self.reply(&self.send(kind, payload)).unwrap();
        assert_eq!((&reply["type"], &reply["commandStatus"]), (&json!(kind), &json!("SUCCEEDED")), "{reply}");
        reply["payload"].clone()
    }

    /// The times of the upgrades, from the first one.
    pub(crate) fn upgrades(&self) -> Vec<(Duration, u16)> {
        let all = self.record().all();
        let upgrades = all.iter().filter_map(|(at, _, seen)| match seen {
            Seen::Upgrade { status, .. } => Some((*at, *status)),
            _ => None,
        });
        let upgrades: Vec<(Instant, u16)> = upgrades.collect();
        upgrades.iter().map(|(at, status)| (at.duration_since(upgrades[0].0), *status)).collect()
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there is a test's failure, unless one is under way.
            let ended = thread.join();
            assert!(std::thread::panicking() || ended.is_ok());
        }
    }
}
