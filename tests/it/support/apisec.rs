//! A stand-in for `APIsec` that behaves as `APIsec`'s own clients expect, and fails where it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::Notify;

/// What happens to one request instead of an answer, or besides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is done, and the connection is cut.
    CutBefore,
    /// It is done, and the connection is cut.
    CutAfter,
    /// Nothing is done, and this is answered.
    RefusedBefore(u16),
    /// It is done, and this is answered.
    RefusedAfter(u16),
    /// Nothing is done, 429 is answered with so many seconds in `Retry-After`.
    Busy(u64),
    /// The connection is cut, and it is done once so many more requests have come.
    DoneLater(u64),
    /// Nothing is done, and no answer comes; whoever waits at [`Stub::stuck`] hears of it.
    StuckBefore,
    /// It is done, and no answer comes; whoever waits at [`Stub::stuck`] hears of it.
    StuckAfter,
}

/// What the creation of instances answers: clients were seen to expect each of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    List,
    Ids,
    Instances,
    Nothing,
}

impl Shape {
    pub(crate) const ALL: [Self; 4] = [Self::List, Self::Ids, Self::Instances, Self::Nothing];
}

/// An instance there.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) name: String,
    /// The specification that was loaded last, `None` for that of the application.
    pub(crate) loaded: Option<Value>,
    /// For how many more reads of its application it is not shown.
    hidden: u64,
}

/// An application there.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) origin: String,
    pub(crate) specification: Value,
    pub(crate) instances: Vec<Instance>,
}

impl Application {
    /// The addresses of its instances, sorted.
    pub(crate) fn urls(&self) -> Vec<String> {
        let mut urls: Vec<String> = self.instances.iter().map(|instance| instance.url.clone()).collect();
        urls.sort();
        urls
    }
}

/// A specification that was loaded.
#[derive(Clone, Debug)]
pub(crate) struct Reload {
    pub(crate) instance: String,
    pub(crate) form: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct State {
    token: String,
    page: usize,
    /// Whether it turns everybody away.
    closed: bool,
    applications: Vec<Application>,
    ids: u64,
    /// Requests so far, as `GET /v1/applications`.
    calls: Vec<String>,
    faults: BTreeMap<usize, Fault>,
    later: Vec<(u64, Request)>,
    shape: Option<Shape>,
    hide: u64,
    reloads: Vec<Reload>,
}

/// The running stand-in; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Stub {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stuck: Arc<Notify>,
    over: Arc<AtomicBool>,
}

#[derive(Clone, Debug)]
struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Stub {
    /// One that takes this token, without applications.
    pub(crate) fn start(token: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { token: token.to_owned(), page: 100, ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let stub = Self { address, state, stuck: Arc::default(), over: Arc::default() };
        let (state, stuck, over) = (stub.state.clone(), stub.stuck.clone(), stub.over.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten().take_while(|_| !over.load(Ordering::Relaxed)) {
                let (state, stuck) = (state.clone(), stuck.clone());
                std::thread::spawn(move || serve(stream, &state, &stuck));
            }
        });
        stub
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it turns everybody away, as one that is down does.
    pub(crate) fn close(&self, closed: bool) {
        self.state().closed = closed;
    }

    /// How many applications a page of the listing holds.
    pub(crate) fn page_of(&self, applications: usize) {
        self.state().page = applications;
    }

    /// What the creation of instances answers.
    pub(crate) fn answers_in(&self, shape: Shape) {
        self.state().shape = Some(shape);
    }

    /// New instances are not shown by the first so many reads of their application.
    pub(crate) fn hides_instances_for(&self, reads: u64) {
        self.state().hide = reads;
    }

    /// Has request number `number` from now on, from 1, go wrong.
    pub(crate) fn fail(&self, number: usize, fault: Fault) {
        let mut state = self.state();
        let number = state.calls.len() + number;
        state.faults.insert(number, fault);
    }

    /// Begins anew: nothing is there, nothing was asked, nothing goes wrong.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        *state = State { token: state.token.clone(), page: state.page, ..State::default() };
    }

    /// Waits until a request is stuck.
    pub(crate) async fn stuck(&self) {
        self.stuck.notified().await;
    }

    /// A person's application.
    pub(crate) fn add(&self, name: &str, urls: &[&str]) -> String {
        let mut state = self.state();
        let id = state.id("app");
        let instances = urls
            .iter()
            .map(|url| Instance {
                id: state.id("ins"),
                url: (*url).to_owned(),
                name: String::new(),
                loaded: None,
                hidden: 0,
            })
            .collect();
        let (name, origin) = (name.to_owned(), "TENANT_PORTAL".to_owned());
        state.applications.push(Application { id: id.clone(), name, origin, specification: json!({}), instances });
        id
    }

    /// A person deletes an application.
    pub(crate) fn remove(&self, id: &str) {
        self.state().applications.retain(|application| application.id != id);
    }

    /// A person deletes an instance.
    pub(crate) fn remove_instance(&self, url: &str) {
        for application in &mut self.state().applications {
            application.instances.retain(|instance| instance.url != url);
        }
    }

    /// What is there.
    pub(crate) fn applications(&self) -> Vec<Application> {
        self.state().applications.clone()
    }

    /// The only application.
    pub(crate) fn only(&self) -> Application {
        let applications = self.applications();
        assert_eq!(applications.len(), 1, "{applications:#?}");
        applications.into_iter().next().unwrap()
    }

    /// Every request so far, as `GET /v1/applications`.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// How many requests were such.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.calls().iter().filter(|made| *made == call).count()
    }

    /// Forgets the requests so far.
    pub(crate) fn forget_calls(&self) {
        let mut state = self.state();
        assert!(state.faults.is_empty(), "faults are numbered by requests");
        state.calls.clear();
    }

    /// The specifications that were loaded.
    pub(crate) fn reloads(&self) -> Vec<Reload> {
        self.state().reloads.clone()
    }

    /// Panics where two applications share a name or two instances an address, or something was deleted.
    pub(crate) fn assert_sane(&self) {
        let applications = self.applications();
        let names: BTreeSet<&String> = applications.iter().map(|application| &application.name).collect();
        assert_eq!(names.len(), applications.len(), "{applications:#?}");
        let urls: Vec<&String> =
            applications.iter().flat_map(|it| &it.instances).map(|instance| &instance.url).collect();
        assert_eq!(urls.iter().collect::<BTreeSet<_>>().len(), urls.len(), "{applications:#?}");
        let calls = self.calls();
        assert!(calls.iter().all(|call| call.starts_with("GET ") || call.starts_with("POST ")), "{calls:#?}");
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes it up.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn id(&mut self, kind: &str) -> String {
        self.ids += 1;
        format!("{kind}-{:04}", self.ids)
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>, stuck: &Notify) {
    let Some(request) = read(&stream) else { return };
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, head, body) = {
        let mut state = lock();
        state.calls.push(format!("{} {}", request.method, request.path));
        let number = state.calls.len();
        for (left, _) in &mut state.later {
            *left = left.saturating_sub(1);
        }
        let due: Vec<Request> = state.later.iter().filter(|(left, _)| *left == 0).map(|(_, it)| it.clone()).collect();
        state.later.retain(|(left, _)| *left > 0);
        for request in due {
            answer(&mut state, &request);
        }
        match state.faults.remove(&number) {
            None if state.closed => (500, String::new(), json!({ "message": "closed" })),
            None => answer(&mut state, &request),
            Some(Fault::CutBefore) => return,
            Some(Fault::CutAfter) => {
                answer(&mut state, &request);
                return;
            }
            Some(Fault::RefusedBefore(status)) => (status, String::new(), json!({ "message": "no" })),
            Some(Fault::RefusedAfter(status)) => {
                answer(&mut state, &request);
                (status, String::new(), json!({ "message": "no" }))
            }
            Some(Fault::Busy(seconds)) => (429, format!("Retry-After: {seconds}\r\n"), json!({ "message": "slowly" })),
            Some(Fault::DoneLater(requests)) => {
                state.later.push((requests, request));
                return;
            }
            Some(fault @ (Fault::StuckBefore | Fault::StuckAfter)) => {
                if fault == Fault::StuckAfter {
                    answer(&mut state, &request);
                }
                drop(state);
                stuck.notify_one();
                // Until the other side is gone.
                let _ = stream.read(&mut [0; 1]);
                return;
            }
        }
    };
    let body = body.to_string();
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n{head}\r\n{body}"
    );
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let url = url::Url::parse(&format!("http://stub{target}")).unwrap();
    let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    Some(Request { method, path: url.path().to_owned(), query, headers, body })
}

type Said = (u16, String, Value);

fn said(status: u16, body: Value) -> Said {
    (status, String::new(), body)
}

fn answer(state: &mut State, request: &Request) -> Said {
    if request.headers.get("authorization") != Some(&format!("Bearer {}", state.token)) {
        // It repeats what it was given, as some services do.
        let given = request.headers.get("authorization").cloned().unwrap_or_default();
        return said(401, json!({ "message": format!("not a valid token: {given}") }));
    }
    let segments: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["v1", "applications"]) => list(state, request),
        ("GET", ["v1", "applications", id]) => get(state, id),
        ("POST", ["v1", "applications", "oas"]) => create(state, request),
        ("POST", ["v1", "applications", id, "instances", "batch"]) => create_instances(state, id, request),
        ("POST", ["v1", "applications", id, "instances", instance, "reload-spec"]) => {
            reload(state, id, instance, request)
        }
        _ => said(404, json!({ "message": "no such path" })),
    }
}

fn list(state: &State, request: &Request) -> Said {
    let start = request.query.get("nextToken").map_or(0, |token| token.trim_start_matches("page+/").parse().unwrap());
    let with_instances = request.query.get("include").is_some_and(|include| include == "metadata");
    let shown = state.applications.iter().skip(start).take(state.page);
    let applications: Vec<Value> = shown.map(|application| show(application, with_instances)).collect();
    let end = start + state.page;
    // A token that has to be escaped.
    let next = (end < state.applications.len()).then(|| format!("page+/{end}"));
    said(200, json!({ "applications": applications, "nextToken": next }))
}

fn show(application: &Application, with_instances: bool) -> Value {
    let instances: Vec<Value> = application
        .instances
        .iter()
        .filter(|instance| instance.hidden == 0)
        .map(|instance| json!({ "instanceId": instance.id, "hostUrl": instance.url, "latestScanStats": null }))
        .collect();
    let mut shown = json!({
        "applicationId": application.id, "applicationName": application.name, "applicationType": "OPEN_API",
    });
    if with_instances {
        shown["instances"] = instances.into();
    }
    shown
}

fn get(state: &mut State, id: &str) -> Said {
    let Some(application) = state.applications.iter_mut().find(|application| application.id == id) else {
        return said(404, json!({ "message": "no such application" }));
    };
    let shown = show(application, true);
    for instance in &mut application.instances {
        instance.hidden = instance.hidden.saturating_sub(1);
    }
    said(200, shown)
}

fn create(state: &mut State, request: &Request) -> Said {
    let form = multipart(request);
    let specification: Value = match form.get("fileUpload").map(|text| serde_json::from_str(text)) {
        Some(Ok(specification)) => specification,
        _ => return said(400, json!({ "message": "fileUpload is no document" })),
    };
    if !specification["openapi"].is_string() || !specification["paths"].is_object() {
        return said(400, json!({ "message": "not an OpenAPI document" }));
    }
    let (Some(name), Some(origin)) = (form.get("applicationName"), form.get("origin")) else {
        return said(400, json!({ "message": "applicationName and origin are needed" }));
    };
    let id = state.id("app");
    let urls: Vec<Value> = specification["servers"].as_array().unwrap().iter().map(|it| it["url"].clone()).collect();
    let (name, origin) = (name.clone(), origin.clone());
    state.applications.push(Application { id: id.clone(), name, origin, specification, instances: Vec::new() });
    said(201, json!({ "applicationId": id, "hostUrls": urls }))
}

fn create_instances(state: &mut State, id: &str, request: &Request) -> Said {
    let asked: Value = serde_json::from_slice(&request.body).unwrap();
    let items = asked["instanceRequestItems"].as_array().unwrap();
    let new: Vec<Instance> = items
        .iter()
        .map(|item| Instance {
            id: state.id("ins"),
            url: item["hostUrl"].as_str().unwrap().to_owned(),
            name: item["instanceName"].as_str().unwrap().to_owned(),
            loaded: None,
            hidden: state.hide,
        })
        .collect();
    let shape = state.shape.unwrap_or(Shape::Instances);
    let Some(application) = state.applications.iter_mut().find(|application| application.id == id) else {
        return said(404, json!({ "message": "no such application" }));
    };
    let ids: Vec<Value> = new.iter().map(|instance| json!(instance.id)).collect();
    let objects: Vec<Value> = ids.iter().map(|id| json!({ "instanceId": id })).collect();
    application.instances.extend(new);
    let body = match shape {
        Shape::List => json!(objects),
        Shape::Ids => json!({ "instanceIds": ids }),
        Shape::Instances => json!({ "instances": objects }),
        Shape::Nothing => json!({}),
    };
    said(200, body)
}

fn reload(state: &mut State, id: &str, instance: &str, request: &Request) -> Said {
    let form = multipart(request);
    let applications = state.applications.iter_mut().filter(|application| application.id == id);
    let Some(found) = applications.flat_map(|it| &mut it.instances).find(|it| it.id == instance) else {
        return said(404, json!({ "message": "no such instance" }));
    };
    found.loaded = Some(serde_json::from_str(&form["fileUpload"]).unwrap());
    state.reloads.push(Reload { instance: instance.to_owned(), form });
    said(200, json!({}))
}

/// The parts of a form by name (RFC 7578).
fn multipart(request: &Request) -> BTreeMap<String, String> {
    let kind = &request.headers["content-type"];
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").expect("a form").trim_matches('"');
    let body = String::from_utf8(request.body.clone()).unwrap();
    let boundary = format!("--{boundary}");
    let parts = body.split(&boundary).filter_map(|part| part.strip_prefix("\r\n"));
    let part = |part: &str| {
        let (head, content) = part.split_once("\r\n\r\n").unwrap();
        let name = head.split("name=\"").nth(1).unwrap().split('"').next().unwrap();
        (name.to_owned(), content.strip_suffix("\r\n").unwrap().to_owned())
    };
    parts.map(part).collect()
}
