//! An AWS made of one closure, for this module's tests: each request is shown to it and gets the reply that it gives.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use url::Url;

use super::account::{Account, Identity};
use super::aws::Aws;
use crate::config::{
    AssumeRole, AwsUser, Connection, Credentials, EntryRules, Filter, Limits, Patterns, Regions, RoleArn, SecretRef,
    Source, Value,
};
use crate::inventory::AccountTrouble;

pub(super) const ACCOUNT: &str = "111122223333";
pub(super) const REGION: &str = "eu-west-1";

/// A request as a test looks at it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) host: String,
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: String,
    pub(super) session_token: Option<String>,
}

impl Asked {
    fn of(request: &HttpRequest) -> Self {
        let url = Url::parse(request.uri()).unwrap();
        Self {
            host: url.host_str().unwrap_or_default().to_owned(),
            path: url.path().to_owned(),
            query: url.query_pairs().into_owned().collect(),
            body: String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned(),
            session_token: request.headers().get("x-amz-security-token").map(str::to_owned),
        }
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Whether it is for STS, and which operation.
    pub(super) fn sts(&self, action: &str) -> bool {
        self.host.starts_with("sts.") && self.body.contains(&format!("Action={action}&"))
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    /// Instead of an answer.
    broken: bool,
}

impl Reply {
    pub(super) fn json(body: impl Into<String>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into(), broken: false }
    }

    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({ "message": message }).to_string();
        Self { status, ..Self::json(body) }.with("x-amzn-errortype", code).with("x-amzn-requestid", "req-1")
    }

    pub(super) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub(super) fn with(mut self, header: &'static str, value: &str) -> Self {
        self.headers.push((header, value.to_owned()));
        self
    }

    pub(super) fn no_connection() -> Self {
        Self { broken: true, ..Self::json("") }
    }

    pub(super) fn not_found() -> Self {
        Self::error(404, "NotFoundException", "Invalid API identifier specified")
    }

    pub(super) fn caller(arn: &str) -> Self {
        Self::json(format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>{arn}</Arn>\
             <UserId>U</UserId><Account>{}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
            arn.split(':').nth(4).unwrap_or_default()
        ))
    }

    pub(super) fn session(token: &str) -> Self {
        Self::json(format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><AssumedRoleUser><AssumedRoleId>R:s</AssumedRoleId>\
             <Arn>arn:aws:sts::{ACCOUNT}:assumed-role/R/s</Arn></AssumedRoleUser><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId>\
             <SecretAccessKey>secret</SecretAccessKey><SessionToken>{token}</SessionToken><Expiration>2199-01-01T00:00:00Z</Expiration></Credentials>\
             </AssumeRoleResult></AssumeRoleResponse>"
        ))
    }

    pub(super) fn sts_error(status: u16, code: &str, message: &str) -> Self {
        let body = format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code>\
             <Message>{message}</Message></Error><RequestId>req-2</RequestId></ErrorResponse>"
        );
        Self::json(body).status(status).with("x-amzn-requestid", "req-2")
    }

    fn into_answer(self) -> Result<HttpResponse, ConnectorError> {
        if self.broken {
            return Err(ConnectorError::io("connection refused".into()));
        }
        let mut response = HttpResponse::new(self.status.try_into().unwrap(), SdkBody::from(self.body));
        for (header, value) in self.headers {
            response.headers_mut().insert(header, value);
        }
        Ok(response)
    }
}

/// What was asked, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<Vec<Asked>>>);

impl Log {
    pub(super) fn all(&self) -> Vec<Asked> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.all().into_iter().map(|asked| asked.path).collect()
    }

    pub(super) fn count(&self, wanted: impl Fn(&Asked) -> bool) -> usize {
        self.all().iter().filter(|asked| wanted(asked)).count()
    }
}

struct Closure<F> {
    answer: Arc<F>,
    log: Log,
}

impl<F> std::fmt::Debug for Closure<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Closure")
    }
}

impl<F: Fn(&Asked) -> Reply + Send + Sync + 'static> HttpConnector for Closure<F> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let asked = Asked::of(&request);
        self.log.0.lock().unwrap().push(asked.clone());
        HttpConnectorFuture::ready((self.answer)(&asked).into_answer())
    }
}

/// AWS as `answer` plays it, without a limiter.
pub(super) async fn aws(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (Aws, Log) {
    limited_aws(&Limits { requests_per_second: 0.0, ..Limits::default() }, answer).await
}

pub(super) async fn limited_aws(
    limits: &Limits,
    answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> (Aws, Log) {
    let (log, answer) = (Log::default(), Arc::new(answer));
    let of_client = log.clone();
    let client: SharedHttpClient = http_client_fn(move |_, _| {
        SharedHttpConnector::new(Closure { answer: Arc::clone(&answer), log: of_client.clone() })
    });
    (Aws::over(client, limits).await, log)
}

/// An account that was entered without asking anybody.
pub(super) fn account(partition: &str, region: &str) -> Account {
    let keys = SharedCredentialsProvider::new(aws_credential_types::Credentials::for_tests());
    let identity = Identity::new(keys, region.to_owned());
    Account::new(partition.to_owned(), ACCOUNT.to_owned(), vec![region.to_owned()], identity)
}

const ROLE: &str = "arn:aws:iam::999988887777:role/Reader";

pub(super) fn connection(credentials: Credentials, regions: &[&str]) -> Connection {
    Connection {
        name: "test".to_owned(),
        credentials,
        regions: Regions::Named(regions.iter().map(|&region| region.to_owned()).collect()),
        stages: Patterns::default(),
        include: Filter::default(),
        exclude: Filter::default(),
        targets: Vec::new(),
        entry: EntryRules::default(),
        auto_onboard: None,
        expected: Vec::new(),
    }
}

/// A key whose secret stands in a file that lives as long as the folder.
pub(super) fn user() -> (tempfile::TempDir, AwsUser) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "very-secret-key\n").unwrap();
    let secret_access_key = SecretRef::File(path);
    let access_key_id = Value::Literal("AKIAEXAMPLE".to_owned());
    (folder, AwsUser { access_key_id, secret_access_key, session_token: None })
}

pub(super) fn role(source: AwsUser) -> Credentials {
    Credentials::AssumeRole(AssumeRole {
        role_arn: RoleArn { arn: ROLE.to_owned(), partition: "aws".to_owned(), account_id: "999988887777".to_owned() },
        session_name: "aboard".to_owned(),
        external_id: Some(Value::Literal("external-1".to_owned())),
        source: Source::AwsUser(source),
    })
}

/// Enters every account of a connection, one after the other.
pub(super) async fn enter(
    aws: &Aws,
    connection: &Connection,
) -> Result<Vec<Result<Account, AccountTrouble>>, AccountTrouble> {
    let entrance = match super::enter(aws, connection).await {
        Err(trouble) if trouble.account_id.is_some() => return Ok(vec![Err(trouble)]),
        entrance => entrance?,
    };
    let mut accounts: Vec<_> = entrance.shut.into_iter().map(Err).collect();
    for door in entrance.doors {
        accounts.push(door.open(aws, None, std::collections::BTreeSet::new()).await);
    }
    Ok(accounts)
}
