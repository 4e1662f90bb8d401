//! Gravitee's management API, as far as an ingest needs it: strict about path, token and body, and as ill as it is told to be.
//!
//! Answers are those of gravitee-api-management's `IntegrationResource` and its exception mappers.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::CANARY;
use super::receiver::{Asked, Does, Receiver};

/// The integration that it knows.
pub(crate) const INTEGRATION: &str = "8a7d4c2e-4f1b-4d5a-9c0e-2b6f1a3d5e7c";

const PATH: &str = "/management/v2/organizations/acme/environments/test/integrations";

/// The stand-in.
#[derive(Debug)]
pub(crate) struct Management {
    receiver: Receiver,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// Whether an agent is connected.
    connected: bool,
    /// Whether an ingest is under way.
    busy: bool,
    /// What it says to everything in place of its own answers.
    ill: Option<(&'static str, &'static str)>,
    /// What it says to an ingest.
    ingest: (&'static str, Value),
    /// The ids of each ingest that it took.
    taken: Vec<Vec<String>>,
    /// What no caller may do.
    faults: Vec<String>,
}

impl Management {
    /// With an agent that is connected.
    pub(crate) fn start() -> Self {
        let state = State {
            connected: true,
            busy: false,
            ill: None,
            ingest: ("200 OK", json!({ "status": "PENDING" })),
            taken: Vec::new(),
            faults: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let held = Arc::clone(&state);
        let receiver = Receiver::that(move |_, asked| {
            let (status, body) = answer(&mut held.lock().unwrap(), asked);
            Does::Answers(format!("{status}\r\ncontent-type: application/json"), body.into_bytes())
        });
        Self { receiver, state }
    }

    pub(crate) fn port(&self) -> u16 {
        self.receiver.port()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/management", self.port())
    }

    pub(crate) fn agent_is_connected(&self, connected: bool) {
        self.state.lock().unwrap().connected = connected;
    }

    pub(crate) fn is_busy(&self, busy: bool) {
        self.state.lock().unwrap().busy = busy;
    }

    /// Answers everything with this from now on.
    pub(crate) fn falls_ill(&self, status: &'static str, body: &'static str) {
        self.state.lock().unwrap().ill = Some((status, body));
    }

    pub(crate) fn recovers(&self) {
        self.state.lock().unwrap().ill = None;
    }

    /// Answers an ingest with this from now on.
    pub(crate) fn says_to_an_ingest(&self, status: &'static str, body: Value) {
        self.state.lock().unwrap().ingest = (status, body);
    }

    /// Waits until so many requests came, whatever they were.
    pub(crate) fn wait_for(&self, requests: usize) {
        self.receiver.wait_for(requests);
    }

    pub(crate) fn requests(&self) -> usize {
        self.receiver.asked().len()
    }

    /// The head of the last request.
    pub(crate) fn last_head(&self) -> String {
        self.receiver.asked().pop().unwrap().head
    }

    /// The ids of each ingest that it took, in their order.
    pub(crate) fn taken(&self) -> Vec<Vec<String>> {
        let state = self.state.lock().unwrap();
        assert_eq!(state.faults, Vec::<String>::new());
        state.taken.clone()
    }
}

fn answer(state: &mut State, asked: &Asked) -> (&'static str, String) {
    if let Some((status, body)) = state.ill {
        return (status, body.to_owned());
    }
    let header = |name: &str| asked.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    let error = |status: u16, message: &str| json!({ "httpStatus": status, "message": message }).to_string();
    if header("authorization") != Some(&format!("Bearer {CANARY}")) {
        return ("401 Unauthorized", String::new());
    }
    // Through a proxy the whole address stands there.
    let line = asked.head.lines().next().unwrap_or_default().replace("http://apim.invalid/", "/");
    if line == format!("GET {PATH}/{INTEGRATION} HTTP/1.1") {
        let job = state.busy.then(|| json!({ "id": "job-1", "status": "PENDING" }));
        let status = if state.connected { "CONNECTED" } else { "DISCONNECTED" };
        let shown = json!({
            "id": INTEGRATION, "name": "AWS production", "provider": "aws-api-gateway", "agentStatus": status, "pendingJob": job,
        });
        return ("200 OK", shown.to_string());
    }
    if line != format!("POST {PATH}/{INTEGRATION}/_ingest HTTP/1.1") {
        return ("404 Not Found", error(404, "Integration not found"));
    }
    match ids(asked, header("content-type")) {
        Ok(_) if !state.connected => {
            state.faults.push("it asked for an ingest without an agent".to_owned());
            ("500 Internal Server Error", error(500, "no agent"))
        }
        Ok(ids) => {
            let (status, body) = state.ingest.clone();
            if status == "200 OK" {
                state.taken.push(ids);
            }
            (status, body.to_string())
        }
        Err(fault) => {
            let said = error(400, &fault);
            state.faults.push(fault);
            ("400 Bad Request", said)
        }
    }
}

/// What a request asks for, if it is one.
fn ids(asked: &Asked, content_type: Option<&str>) -> Result<Vec<String>, String> {
    if content_type != Some("application/json") {
        return Err(format!("a body of {content_type:?}"));
    }
    let body: Value = serde_json::from_slice(&asked.body).map_err(|error| error.to_string())?;
    let members: Vec<&String> = body.as_object().into_iter().flatten().map(|(name, _)| name).collect();
    let ids: Option<Vec<String>> =
        body["apiIds"].as_array().and_then(|ids| ids.iter().map(|id| id.as_str().map(str::to_owned)).collect());
    let Some(mut ids) = ids.filter(|_| members == ["apiIds"]) else { return Err(format!("the body {body}")) };
    let count = ids.len();
    ids.sort();
    ids.dedup();
    if ids.is_empty() || ids.len() < count {
        return Err(format!("{body}: no ids would mean all of them, and none stands there twice"));
    }
    Ok(ids)
}
