//! HTTP on a loopback port: one task a connection, keep-alive, and connections that break when told to.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::counts::{Call, Ledger};
use crate::fault::Verdict;
use crate::gate::Gate;
use crate::request::{self, Request};
use crate::state::{Decision, State};

/// What the handle and the connections share. No lock is held across an await.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    ledger: Mutex<Ledger>,
    pub(crate) gate: Gate,
}

impl Shared {
    pub(crate) fn new(state: State) -> Self {
        Self { state: Mutex::new(state), ledger: Mutex::default(), gate: Gate::default() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until `stop` is dropped or sent to.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: oneshot::Receiver<Infallible>) {
    let accept = async {
        loop {
            // A client that is gone before it is accepted is no reason to stop.
            let Ok((stream, _)) = listener.accept().await else { continue };
            tokio::spawn(connection(stream, Arc::clone(&shared)));
        }
    };
    tokio::select! {
        () = accept => {}
        _ = stop => {}
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    // Answers are small and clients wait for each: Nagle's algorithm would add 40 ms to some of them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| respond(Arc::clone(&shared), request));
    // An error here is a client that went away, or a cut of ours.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(shared: Arc<Shared>, request: HttpRequest<Incoming>) -> Result<Response<AnswerBody>, Cut> {
    let request = request::read(request).await;
    let account = shared.state().account_of(&request);
    let number = arrive(&shared, &request, &account);
    let _in_flight = InFlight(&shared);
    shared.gate.pass(number).await;
    let Decision { verdict, delay, throttled, struck } = shared.state().decide(&request);
    {
        let mut ledger = shared.ledger();
        if throttled {
            ledger.throttled(&account, &request.region);
        }
        ledger.counts.faults += u64::from(struck);
    }
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let (answer, cut) = match verdict {
        Verdict::Send(answer) => (answer, false),
        Verdict::CutMid(answer) => (answer, true),
        Verdict::CutBefore => return Err(Cut),
        Verdict::Hang => return pending().await,
    };
    let answered = {
        let mut ledger = shared.ledger();
        ledger.counts.answers += 1;
        ledger.counts.answers
    };
    shared.gate.run_before(answered);
    Ok(response(answer, cut, number))
}

fn arrive(shared: &Shared, request: &Request, account: &str) -> u64 {
    let call = Call {
        operation: request.route.as_ref().map(|route| route.operation),
        account: account.to_owned(),
        region: request.region.clone(),
        path: request.path.clone(),
    };
    shared.ledger().arrived(call)
}

fn response(answer: Answer, cut: bool, number: u64) -> Response<AnswerBody> {
    let length = answer.body.len();
    let mut response = Response::new(AnswerBody::new(answer.body, cut));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let texts = [
        ("x-amzn-requestid", Some(format!("00000000-0000-0000-0000-{number:012}"))),
        ("x-amzn-errortype", answer.error_type.map(std::borrow::Cow::into_owned)),
        (CONTENT_DISPOSITION.as_str(), answer.disposition),
    ];
    for (name, text) in texts {
        if let Some(value) = text.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

/// Counts a call out, also when its client goes away.
struct InFlight<'a>(&'a Shared);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.ledger().left();
    }
}

/// The error that makes the HTTP server drop a connection.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut on purpose")
    }
}

impl std::error::Error for Cut {}

/// What is left of a body to be sent.
#[derive(Debug)]
struct AnswerBody {
    steps: VecDeque<Step>,
    left: u64,
}

#[derive(Debug)]
enum Step {
    Send(Bytes),
    /// Lets the server write what it has before the cut.
    Flush,
    Cut,
}

impl AnswerBody {
    fn new(mut body: Bytes, cut: bool) -> Self {
        let left = body.len() as u64;
        if cut {
            body.truncate(body.len() / 2);
        }
        let mut steps = VecDeque::from([Step::Send(body)]);
        if cut {
            steps.extend([Step::Flush, Step::Cut]);
        }
        Self { steps, left }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.steps.pop_front() {
            None => Poll::Ready(None),
            Some(Step::Send(bytes)) => {
                self.left -= bytes.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Some(Step::Flush) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Step::Cut) => Poll::Ready(Some(Err(Cut))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
