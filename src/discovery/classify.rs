//! What a failed call means: an SDK error becomes a kind, a sentence on the cause, and a sentence on the remedy.
//!
//! Pure. Where the meaning depends on another call (an unknown key may be a region that is switched off), the kind says
//! so and [`super::account`] asks.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::inventory::{Family, ScopeState, Trouble};
use crate::secret::SecretError;

/// The longest piece of an answer that is shown.
const LONGEST_QUOTE: usize = 400;

/// What is said of an answer that AWS may not have given.
const NO_REQUEST_ID: &str = "without a request id, so perhaps from a proxy and not from AWS";

/// What to do about a secret that cannot be read.
pub(super) const PUT_THE_SECRET: &str =
    "put the secret where the schedule file says, readable by the user that aboard runs as";

/// A call as it is named to people, and what it needs.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// The operation.
    pub(super) call: &'static str,
    /// The IAM action.
    pub(super) action: &'static str,
    /// The resource's path in its ARN, such as `/restapis`.
    pub(super) resource: String,
    /// The ARN's account field: empty for most of API Gateway, `*` where AWS names the account.
    account: &'static str,
    /// The control plane; absent for other services.
    pub(super) family: Option<Family>,
}

impl Ask {
    /// A read of REST APIs or what belongs to them; `apigateway:GET` covers both families (AWS Service Authorization Reference).
    pub(super) fn rest(call: &'static str, resource: impl Into<String>) -> Self {
        Self { call, action: "apigateway:GET", resource: resource.into(), account: "", family: Some(Family::Rest) }
    }

    /// A read of the other family.
    pub(super) fn http(call: &'static str, resource: impl Into<String>) -> Self {
        Self { call, action: "apigateway:GET", resource: resource.into(), account: "", family: Some(Family::Http) }
    }

    /// A change of what belongs to REST APIs, by an action such as `apigateway:POST`.
    pub(super) fn change(call: &'static str, action: &'static str, resource: impl Into<String>) -> Self {
        Self { action, ..Self::rest(call, resource) }
    }

    /// Mappings of a custom domain. A private one has an id, and is named with it and with the account.
    pub(super) fn base_path_mappings(domain: &str, private: Option<&str>) -> Self {
        let name = private.map_or_else(|| domain.to_owned(), |id| format!("{domain}+{id}"));
        let account = if private.is_some() { "*" } else { "" };
        Self { account, ..Self::rest("GetBasePathMappings", format!("/domainnames/{name}/basepathmappings")) }
    }

    /// Routing rules have an action of their own, and are named with the account.
    pub(super) fn routing_rules(domain: &str) -> Self {
        let resource = format!("/domainnames/{domain}/routingrules/*");
        let (call, action) = ("ListRoutingRules", "apigateway:ListRoutingRules");
        Self { call, action, resource, account: "*", family: Some(Family::Http) }
    }

    /// A call of a service that is not API Gateway: STS, Organizations, Account Management.
    pub(super) fn global(call: &'static str, action: &'static str, resource: impl Into<String>) -> Self {
        Self { call, action, resource: resource.into(), account: "", family: None }
    }

    /// The permission, as a policy would name it.
    pub(super) fn permission(&self, partition: &str, region: &str) -> String {
        if self.family.is_none() {
            return format!("{} on {}", self.action, self.resource);
        }
        format!("{} on arn:{partition}:apigateway:{region}:{}:{}", self.action, self.account, self.resource)
    }
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// IAM does not allow it.
    Denied,
    /// A service control policy forbids it.
    DeniedByScp,
    /// AWS does not know the key there: the key is bad, or the region is off for the account.
    UnknownKey,
    /// The session is over.
    Expired,
    /// A secret that the schedule file refers to cannot be read.
    NoSecret,
    /// No usable credentials, or a wrong signature.
    Credentials,
    /// Nobody gave any credentials.
    NoCredentials,
    /// STS is switched off in that region.
    StsOff,
    /// The family does not exist in that region.
    Unsupported,
    /// Too many requests.
    Throttled,
    /// The thing is not there.
    NotFound,
    /// No answer: no route, no name, no time.
    Unreachable,
    /// Somebody answered whose certificate is not trusted.
    Untrusted,
    /// Anything else.
    Other,
}

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// What it means.
    pub(super) kind: Kind,
    /// One sentence that begins with the call's name.
    pub(super) cause: String,
    /// What a policy would have to allow.
    pub(super) permission: String,
    /// The answer's HTTP status; absent where there was no answer.
    pub(super) status: Option<u16>,
}

impl Failure {
    /// Takes an SDK error apart.
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>, ask: &Ask, partition: &str, region: &str) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let (kind, text) = kind_and_text(error, ask.family);
        let status = error.raw_response().map(|response| response.status().as_u16());
        Self { kind, cause: format!("{}: {text}", ask.call), permission: ask.permission(partition, region), status }
    }

    /// A failure that is no answer of AWS.
    pub(super) fn other(ask: &Ask, cause: &str) -> Self {
        Self { kind: Kind::Other, cause: format!("{}: {cause}", ask.call), permission: String::new(), status: None }
    }

    /// As it is told to a person. An unknown key counts as bad credentials here.
    pub(super) fn trouble(&self) -> Trouble {
        let (state, hint) = match self.kind {
            Kind::Denied => (ScopeState::AccessDenied, Some(format!("allow {}", self.permission))),
            Kind::DeniedByScp => (
                ScopeState::DeniedByScp,
                Some("a service control policy of the organization forbids it; leave the region out or have the policy changed".to_owned()),
            ),
            Kind::UnknownKey => (
                ScopeState::CredentialsFailed,
                Some("the access key is unknown to AWS: check that it exists, is active, and is spelled right".to_owned()),
            ),
            Kind::Expired => (
                ScopeState::CredentialsFailed,
                Some("the session ended and could not be renewed: give fresh temporary credentials, or a role".to_owned()),
            ),
            Kind::NoSecret => (ScopeState::CredentialsFailed, Some(PUT_THE_SECRET.to_owned())),
            Kind::Credentials => (
                ScopeState::CredentialsFailed,
                Some("check the key and its secret, and that this machine's clock is right".to_owned()),
            ),
            Kind::NoCredentials => (
                ScopeState::CredentialsFailed,
                Some(
                    "give this process credentials: a profile in ~/.aws, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role of the machine it runs on"
                        .to_owned(),
                ),
            ),
            Kind::StsOff => (
                ScopeState::CredentialsFailed,
                Some("switch STS on for that region in the account settings of IAM, or name another region first".to_owned()),
            ),
            Kind::Unsupported => (ScopeState::Unsupported, None),
            Kind::Throttled => (
                ScopeState::Throttled,
                Some("something else uses up the account's quota there; lower [limits].requests_per_second or run at a quieter time".to_owned()),
            ),
            Kind::Unreachable => (
                ScopeState::Failed,
                Some("check the network, the name server, the proxy variables and the region's name".to_owned()),
            ),
            Kind::Untrusted => (
                ScopeState::Failed,
                Some(
                    "if a proxy opens TLS there, or AWS_ENDPOINT_URL leads to a server of your own, name its CA certificate in [network].ca_file or AWS_CA_BUNDLE; else check this machine's clock"
                        .to_owned(),
                ),
            ),
            Kind::Other if self.cause.contains(NO_REQUEST_ID) => (
                ScopeState::Failed,
                Some("check the proxy variables and AWS_ENDPOINT_URL; answers of AWS carry a request id".to_owned()),
            ),
            Kind::NotFound | Kind::Other => (ScopeState::Failed, None),
        };
        Trouble { state, cause: self.cause.clone(), hint }
    }
}

/// What an answer's status, code and text mean.
fn kind_and_text<E>(error: &SdkError<E, HttpResponse>, family: Option<Family>) -> (Kind, String)
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let service_error = match error {
        SdkError::ServiceError(context) => Some(context.err()),
        _ => None,
    };
    match error.raw_response() {
        Some(response) => {
            let answer = Answer::new(
                response,
                service_error.and_then(ProvideErrorMetadata::code),
                service_error.and_then(ProvideErrorMetadata::message),
            );
            let unreadable = if service_error.is_none() { Some(chain(error)) } else { None };
            (answer.kind(family), answer.text(unreadable.as_deref()))
        }
        None => kind_and_text_without_answer(error),
    }
}

/// What it means that there is no answer: no credentials, or no connection.
pub(super) fn kind_and_text_without_answer(error: &(dyn Error + 'static)) -> (Kind, String) {
    if let Some(sts) = find::<SdkError<AssumeRoleError, HttpResponse>>(error)
        && let Some(response) = sts.raw_response()
    {
        let (kind, text) = kind_and_text(sts, None);
        let kind = match kind {
            Kind::Throttled | Kind::StsOff | Kind::UnknownKey | Kind::Expired => kind,
            Kind::Other if response.status().is_server_error() => kind,
            _ => Kind::Credentials,
        };
        return (kind, format!("AssumeRole: {text}"));
    }
    if let Some(secret) = find::<SecretError>(error) {
        return (Kind::NoSecret, secret.to_string());
    }
    if let Some(nobody) = causes(error).find(|cause| is_not_loaded(*cause)) {
        let why = nobody.source().map(|why| format!(": {}", chain(why))).unwrap_or_default();
        return (Kind::NoCredentials, format!("no credentials were found{why}"));
    }
    // The SDK wraps missing credentials like a broken connection, so only what is below them tells.
    let of_credentials = find::<CredentialsError>(error);
    let innermost: &(dyn Error + 'static) = of_credentials.map_or(error, |error| error);
    let kind = if is_untrusted(innermost) {
        Kind::Untrusted
    } else if find::<ConnectorError>(innermost).is_some() || is_timeout(innermost) {
        Kind::Unreachable
    } else if of_credentials.is_some() {
        Kind::Credentials
    } else {
        Kind::Other
    };
    let text = chain(error);
    // The SDK's and the HTTP client's words for "no connection" come before what the system said, and say nothing more.
    let said = WRAPPINGS.iter().fold(text.as_str(), |text, wrapping| text.strip_prefix(wrapping).unwrap_or(text));
    let text =
        if kind == Kind::Unreachable && said.len() < text.len() { format!("no connection: {said}") } else { text };
    (kind, text)
}

const WRAPPINGS: [&str; 3] = ["dispatch failure: ", "io error: ", "client error (Connect): "];

/// Whether TLS refused the other side's certificate. By text: the error is wrapped so that its type is out of reach.
pub(super) fn is_untrusted(error: &(dyn Error + 'static)) -> bool {
    causes(error).map(ToString::to_string).any(|cause| cause.contains("invalid peer certificate"))
}

/// Its own text speaks of a provider that was not enabled, which says nothing to a person.
fn is_not_loaded(error: &(dyn Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(CredentialsError::CredentialsNotLoaded(_)))
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    causes(error).map(ToString::to_string).any(|cause| cause.contains("timeout") || cause.contains("timed out"))
}

/// An answer that is an error, or that could not be read.
struct Answer<'a> {
    status: u16,
    /// From the body if the SDK could read it, else from the header.
    code: Option<&'a str>,
    /// Whether the SDK read the code from the body.
    readable: bool,
    message: Option<&'a str>,
    body: String,
    request_id: Option<String>,
}

impl<'a> Answer<'a> {
    fn new(response: &'a HttpResponse, code: Option<&'a str>, message: Option<&'a str>) -> Self {
        let header = |name: &str| response.headers().get(name).filter(|value| !value.is_empty());
        // `BadRequestException:http://internal.amazon.com/…` is one form of it.
        let from_header = header("x-amzn-errortype").map(|value| value.split([':', ',']).next().unwrap_or(value));
        let body = response.body().bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
        let in_header = header("x-amzn-requestid").or_else(|| header("x-amz-request-id"));
        Self {
            status: response.status().as_u16(),
            code: code.or(from_header),
            readable: code.is_some(),
            message,
            request_id: in_header.or_else(|| request_id_in(&body)).map(str::to_owned),
            body,
        }
    }

    fn kind(&self, family: Option<Family>) -> Kind {
        let says = |text: &str| self.body.contains(text) || self.message.is_some_and(|message| message.contains(text));
        if self.status == 429 {
            return Kind::Throttled;
        }
        match self.code.unwrap_or_default() {
            "TooManyRequestsException" | "LimitExceededException" | "Throttling" | "ThrottlingException" => {
                Kind::Throttled
            }
            "ExpiredToken" | "ExpiredTokenException" => Kind::Expired,
            "UnrecognizedClientException" | "InvalidClientTokenId" => Kind::UnknownKey,
            "RegionDisabledException" | "RegionDisabled" => Kind::StsOff,
            "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "InvalidAccessKeyId" => Kind::Credentials,
            "AccessDenied" | "AccessDeniedException" | "UnauthorizedException" | "ForbiddenException" => {
                if says("service control policy") { Kind::DeniedByScp } else { Kind::Denied }
            }
            "NotFoundException" => Kind::NotFound,
            // Regions get REST first. Where the other family is missing AWS answers 400 with a body that is no JSON, or
            // with one of these sentences.
            "BadRequestException"
                if family == Some(Family::Http)
                    && self.status == 400
                    && (!self.readable
                        || says("functionName")
                        || says("not available in this AWS")
                        || says("not available in this region")
                        || says("Must be one of [WEBSOCKET]")) =>
            {
                Kind::Unsupported
            }
            _ => Kind::Other,
        }
    }

    fn text(&self, unreadable: Option<&str>) -> String {
        let said = match (self.message, unreadable) {
            (Some(message), _) if !message.trim().is_empty() => message,
            (_, Some(unreadable)) => unreadable,
            _ if !self.body.trim().is_empty() => &self.body,
            _ => "the answer gives no reason",
        };
        let code = self.code.map(|code| format!("{}, ", tidy(code))).unwrap_or_default();
        let request = match &self.request_id {
            Some(id) => format!(", request {}", tidy(id)),
            None => format!(", {NO_REQUEST_ID}"),
        };
        format!("{} ({code}status {}{request})", tidy(said), self.status)
    }
}

/// STS answers in XML, which carries the id too.
fn request_id_in(body: &str) -> Option<&str> {
    let (_, rest) = body.split_once("<RequestId>")?;
    rest.split_once("</RequestId>").map(|(id, _)| id.trim()).filter(|id| !id.is_empty())
}

/// The error and what caused it, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| (*cause).source())
}

/// The first error of a type among the causes.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    causes(error).find_map(|cause| cause.downcast_ref::<T>())
}

/// The causes in one sentence, each said once.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    for cause in causes(error) {
        let text = cause.to_string();
        if !text.is_empty() && !said.iter().any(|earlier| earlier.contains(&text)) {
            said.push(text);
        }
    }
    tidy(&said.join(": "))
}

/// One line of bounded length without what could be a credential: a refused signature is answered with the whole
/// canonical request, session token included.
pub(super) fn tidy(text: &str) -> String {
    const MARKS: [&str; 6] =
        ["canonical string", "x-amz-security-token", "security-token:", "authorization=", "signature=", "credential="];
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = line.to_ascii_lowercase();
    let end = MARKS.iter().filter_map(|mark| lower.find(mark)).min().unwrap_or(line.len());
    // Lower-casing ASCII keeps every offset; a mark starts at a character's edge.
    let shown = &line[..end];
    let cut = shown.char_indices().nth(LONGEST_QUOTE).map_or(shown.len(), |(offset, _)| offset);
    let dots = if cut < line.len() { "…" } else { "" };
    format!("{}{dots}", if dots.is_empty() { shown } else { shown[..cut].trim_end() })
}

#[cfg(test)]
mod tests;
