//! What goes back on the wire: documents, pages of a list, and errors in each protocol's form.

use std::borrow::Cow;

use hyper::body::Bytes;
use serde_json::{Map, Value, json};

use crate::operation::Service;

/// An answer, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    /// `x-amzn-errortype`, which the REST services send with every error.
    pub(crate) error_type: Option<Cow<'static, str>>,
    /// `Content-Disposition`, which v1 `GetExport` sends.
    pub(crate) disposition: Option<String>,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status, content_type, error_type: None, disposition: None, body: body.into() }
    }

    pub(crate) fn json(service: Service, body: &Value) -> Self {
        Self::new(200, json_type(service), body.to_string())
    }

    pub(crate) fn xml(body: String) -> Self {
        Self::new(200, "text/xml", body)
    }
}

/// What an operation yields before faults have their say.
#[derive(Debug)]
pub(crate) enum Reply {
    Document(Answer),
    Page(Page),
}

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    /// The member that holds the list: `item` in v1, `items` in v2, `Accounts`, ….
    pub(crate) list: &'static str,
    pub(crate) items: Vec<Value>,
    /// The member that holds the token of the next page; absent where the operation does not page.
    pub(crate) token: Option<&'static str>,
    pub(crate) next: Option<String>,
}

impl Page {
    pub(crate) fn render(self, service: Service) -> Answer {
        let mut body = Map::new();
        body.insert(self.list.to_owned(), Value::Array(self.items));
        if let (Some(member), Some(next)) = (self.token, self.next) {
            body.insert(member.to_owned(), Value::String(next));
        }
        Answer::json(service, &Value::Object(body))
    }
}

/// An error that AWS would answer.
#[derive(Clone, Debug)]
pub(crate) struct AwsError {
    pub(crate) status: u16,
    /// The exception's name as the REST services spell it.
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
}

impl AwsError {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code: Cow::Borrowed(code), message: message.into() }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequestException", message)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "ConflictException", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "NotFoundException", message)
    }

    /// What no policy of the caller allows.
    pub(crate) fn denied(caller_arn: &str, action: &str, resource: &str) -> Self {
        let message = format!(
            "User: {caller_arn} is not authorized to perform: {action} on resource: {resource} because no \
             identity-based policy allows the {action} action"
        );
        Self::new(403, "AccessDeniedException", message)
    }

    /// A key that AWS does not know, and the answer of a region that is switched off for the account.
    pub(crate) fn unknown_key() -> Self {
        Self::new(403, "UnrecognizedClientException", "The security token included in the request is invalid.")
    }

    pub(crate) fn expired_token() -> Self {
        Self::new(403, "ExpiredTokenException", "The security token included in the request is expired")
    }

    pub(crate) fn too_many_requests() -> Self {
        Self::new(429, "TooManyRequestsException", "Too Many Requests")
    }

    /// The error as `service` sends it.
    pub(crate) fn render(&self, service: Service) -> Answer {
        match service {
            Service::Sts => self.xml(),
            // JSON 1.1 knows no status but 400 for what the caller did wrong.
            Service::Organizations => Answer::new(
                if self.status < 500 { 400 } else { self.status },
                json_type(service),
                json!({"__type": self.code, "Message": self.message}).to_string(),
            ),
            Service::Account | Service::Rest | Service::Http => {
                let body = json!({"message": self.message}).to_string();
                let mut answer = Answer::new(self.status, json_type(service), body);
                answer.error_type = Some(self.code.clone());
                answer
            }
        }
    }

    /// STS spells the codes that it shares with the JSON services in its own way.
    fn xml(&self) -> Answer {
        let (status, code) = match self.code.as_ref() {
            "AccessDeniedException" => (403, "AccessDenied"),
            "UnrecognizedClientException" => (403, "InvalidClientTokenId"),
            "ExpiredTokenException" => (403, "ExpiredToken"),
            "MissingAuthenticationTokenException" => (403, "MissingAuthenticationToken"),
            "TooManyRequestsException" => (400, "Throttling"),
            "InternalServerErrorException" => (self.status, "InternalFailure"),
            other => (self.status, other),
        };
        let fault = if status < 500 { "Sender" } else { "Receiver" };
        let body = format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>{fault}</Type>\
             <Code>{}</Code><Message>{}</Message></Error>\
             <RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>",
            escape(code),
            escape(&self.message)
        );
        Answer::new(status, "text/xml", body)
    }
}

fn json_type(service: Service) -> &'static str {
    if service == Service::Organizations { "application/x-amz-json-1.1" } else { "application/json" }
}

/// Text made safe between XML tags.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
