//! What goes wrong, where, and how often; and what it does to an answer.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Value, json};

use crate::answer::{Answer, AwsError, Page, Reply};
use crate::operation::{Operation, Route, Service};
use crate::paging::Cursor;
use crate::request::Request;
use crate::state::Caller;

/// A way in which a call goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// 403, the text of a missing IAM permission.
    AccessDenied,
    /// 403, the text of an explicit deny in a service control policy.
    AccessDeniedByScp,
    /// 403 `UnrecognizedClientException`: what a region answers that is switched off for the account.
    RegionDisabled,
    /// 403 `ExpiredTokenException`.
    ExpiredToken,
    /// 404 `NotFoundException`.
    NotFound,
    /// 400 `BadRequestException` with this message.
    BadRequest(String),
    /// 400 `BadRequestException` whose body is not valid JSON and talks of a `functionName`, as v2 answers in regions
    /// that do not have it yet.
    MalformedBadRequest,
    /// 400 `BadRequestException`: HTTP APIs are not available in this AWS region.
    HttpApisNotAvailable,
    /// This 5xx status, `InternalServerErrorException`.
    ServerError(u16),
    /// 429 `TooManyRequestsException`; counted as throttled. In STS a 400 `Throttling`.
    TooManyRequests,
    /// This status, exception name and message, in the service's own form.
    Error {
        /// HTTP status.
        status: u16,
        /// The exception's name.
        code: String,
        /// The message for people.
        message: String,
    },
    /// This status, content type and body, whatever the service.
    Raw {
        /// HTTP status.
        status: u16,
        /// `Content-Type`.
        content_type: &'static str,
        /// The body as sent.
        body: String,
    },
    /// The right answer, this much later.
    Delay(Duration),
    /// The connection is closed before a byte is answered.
    CutBeforeAnswer,
    /// The connection is closed half way through the body.
    CutMidBody,
    /// No answer ever; the connection stays open.
    Hang,
    /// The right page, but with the token of the request as that of the next page; on the first page, with a token even
    /// if there is no second.
    RepeatedToken,
    /// The right page, with an empty text as the token of the next.
    EmptyToken,
    /// No items, and a token that leads to the page that was asked for.
    EmptyPageWithToken,
    /// A 200 with `{}`: the member that holds the list is missing.
    NoList,
    /// A 200 with the list in HAL's shape, under `_embedded`.
    Hal,
    /// A 200 with an HTML page, as a captive proxy sends it.
    WrongContent,
}

/// A [`Failure`] and the calls that it strikes: those that match everything that was set.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    failure: Failure,
    operations: Vec<Operation>,
    service: Option<Service>,
    account: Option<String>,
    region: Option<String>,
    about: Option<String>,
    principal: Option<String>,
    skip: u64,
    times: Option<u64>,
}

impl Fault {
    /// Strikes every call, for ever, unless narrowed down. Where several faults match, the first one added strikes,
    /// and only that one counts the call.
    pub fn new(failure: Failure) -> Self {
        Self {
            failure,
            operations: Vec::new(),
            service: None,
            account: None,
            region: None,
            about: None,
            principal: None,
            skip: 0,
            times: None,
        }
    }

    /// Only this operation; called again, also that one.
    #[must_use]
    pub fn on(mut self, operation: Operation) -> Self {
        self.operations.push(operation);
        self
    }

    /// Only operations of this service.
    #[must_use]
    pub fn service(mut self, service: Service) -> Self {
        self.service = Some(service);
        self
    }

    /// Only calls made with this account's credentials.
    #[must_use]
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// Only calls to this region.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Only calls about the API, usage plan or key with this id, the domain with this name, or the role with this ARN.
    #[must_use]
    pub fn about(mut self, id: impl Into<String>) -> Self {
        self.about = Some(id.into());
        self
    }

    /// Only calls of principals whose ARN contains this text, such as `assumed-role/AboardCentralRole/`.
    #[must_use]
    pub fn principal(mut self, part: impl Into<String>) -> Self {
        self.principal = Some(part.into());
        self
    }

    /// Lets the first `count` matching calls pass.
    #[must_use]
    pub fn skip(mut self, count: u64) -> Self {
        self.skip = count;
        self
    }

    /// Strikes at most `count` calls.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.times = Some(count);
        self
    }

    fn matches(&self, route: &Route, caller: &Caller, region: &str) -> bool {
        (self.operations.is_empty() || self.operations.contains(&route.operation))
            && self.service.is_none_or(|service| service == route.operation.service())
            && self.account.as_deref().is_none_or(|wanted| wanted == caller.account)
            && self.region.as_deref().is_none_or(|wanted| wanted == region)
            && self.about.as_deref().is_none_or(|wanted| wanted == route.parent)
            && self.principal.as_deref().is_none_or(|part| caller.arn.contains(part))
            && self.times != Some(0)
    }
}

/// The failure that strikes this call, if any, counted off.
pub(crate) fn strike(faults: &mut [Fault], route: &Route, caller: &Caller, region: &str) -> Option<Failure> {
    for fault in faults.iter_mut().filter(|fault| fault.matches(route, caller, region)) {
        if fault.skip > 0 {
            fault.skip -= 1;
            continue;
        }
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        return Some(fault.failure.clone());
    }
    None
}

/// What becomes of a call.
#[derive(Debug)]
pub(crate) enum Verdict {
    Send(Answer),
    CutBefore,
    CutMid(Answer),
    Hang,
}

impl Failure {
    /// The answer where the failure needs none of what the operation would have answered.
    pub(crate) fn instead(&self, request: &Request, route: &Route, caller_arn: &str) -> Option<Verdict> {
        let service = route.operation.service();
        let action = route.operation.iam_action();
        let resource = resource(request, route);
        let error = match self {
            Self::AccessDenied => AwsError::denied(caller_arn, &action, &resource),
            Self::AccessDeniedByScp => AwsError::new(
                403,
                "AccessDeniedException",
                format!(
                    "User: {caller_arn} is not authorized to perform: {action} on resource: {resource} with an \
                     explicit deny in a service control policy"
                ),
            ),
            Self::RegionDisabled => AwsError::unknown_key(),
            Self::ExpiredToken => AwsError::expired_token(),
            Self::NotFound => AwsError::not_found("Invalid identifier specified"),
            Self::BadRequest(message) => AwsError::bad_request(message),
            Self::HttpApisNotAvailable => AwsError::bad_request("HTTP APIs are not available in this AWS region"),
            Self::ServerError(status) => {
                AwsError::new(*status, "InternalServerErrorException", "Internal server error")
            }
            Self::TooManyRequests => AwsError::too_many_requests(),
            Self::Error { status, code, message } => {
                AwsError { status: *status, code: Cow::Owned(code.clone()), message: message.clone() }
            }
            Self::MalformedBadRequest => return Some(Verdict::Send(malformed())),
            Self::Raw { status, content_type, body } => {
                return Some(Verdict::Send(Answer::new(*status, content_type, body.clone())));
            }
            Self::WrongContent => {
                let page = "<!DOCTYPE html><html><body>Sign in to the network</body></html>";
                return Some(Verdict::Send(Answer::new(200, "text/html", page)));
            }
            Self::CutBeforeAnswer => return Some(Verdict::CutBefore),
            Self::Hang => return Some(Verdict::Hang),
            Self::Delay(_)
            | Self::CutMidBody
            | Self::RepeatedToken
            | Self::EmptyToken
            | Self::EmptyPageWithToken
            | Self::NoList
            | Self::Hal => return None,
        };
        Some(Verdict::Send(error.render(service)))
    }

    /// The operation's answer with the failure worked into it.
    pub(crate) fn bend(&self, request: &Request, service: Service, reply: Reply) -> Verdict {
        let answer = match reply {
            Reply::Document(answer) => answer,
            Reply::Page(page) => return self.bend_page(request, service, page),
        };
        if *self == Self::CutMidBody { Verdict::CutMid(answer) } else { Verdict::Send(answer) }
    }

    fn bend_page(&self, request: &Request, service: Service, mut page: Page) -> Verdict {
        let cursor = Cursor::of(request).unwrap_or_default();
        let asked = request
            .parameter("position")
            .or(request.parameter("nextToken"))
            .or(request.json["NextToken"].as_str())
            .map(str::to_owned);
        match self {
            Self::RepeatedToken => page.next = asked.or(page.next).or_else(|| Some(cursor.token_after(&cursor.after))),
            Self::EmptyToken => page.next = Some(String::new()),
            Self::EmptyPageWithToken => {
                page.items.clear();
                page.next = Some(cursor.token_after(&cursor.after));
            }
            Self::NoList => return Verdict::Send(Answer::json(service, &json!({}))),
            Self::Hal => {
                let body = json!({
                    "_links": {"self": {"href": request.path}},
                    "_embedded": {page.list: Value::Array(page.items)},
                });
                return Verdict::Send(Answer::json(service, &body));
            }
            Self::CutMidBody => return Verdict::CutMid(page.render(service)),
            _ => {}
        }
        Verdict::Send(page.render(service))
    }
}

/// The ARN of what a call is about, as denials name it.
pub(crate) fn resource(request: &Request, route: &Route) -> String {
    match route.operation.service() {
        // ARNs of API Gateway have no account.
        Service::Rest | Service::Http => {
            format!("arn:aws:apigateway:{}::{}", request.region, request.gateway_path())
        }
        Service::Sts => request.parameter("RoleArn").unwrap_or("*").to_owned(),
        Service::Organizations | Service::Account => "*".to_owned(),
    }
}

/// The text is AWS's habit, not JSON: `\'` is no escape there.
fn malformed() -> Answer {
    let body = r#"{"message":"1 validation error detected: Value \'\' at \'functionName\' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"}"#;
    let mut answer = Answer::new(400, "application/json", body);
    answer.error_type = Some(Cow::Borrowed("BadRequestException"));
    answer
}
