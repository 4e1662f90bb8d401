//! From a request to a verdict: who calls, whether the quota admits it, what goes wrong, what the operation answers.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::answer::{Answer, AwsError, Reply};
use crate::clock;
use crate::fault::{self, Failure, Verdict};
use crate::operation::{Route, Service};
use crate::request::Request;
use crate::services;
use crate::throttle::Buckets;
use crate::world::World;

/// The world, and what serving it adds.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) sessions: HashMap<String, Session>,
    /// Sessions issued since the start, forgotten ones included: no key is issued twice.
    pub(crate) issued: u64,
    buckets: Buckets,
}

/// Credentials that `AssumeRole` issued.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) account: String,
    pub(crate) arn: String,
    pub(crate) token: String,
    pub(crate) expires: DateTime<Utc>,
}

/// Who makes a call.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) account: String,
    pub(crate) arn: String,
    pub(crate) user_id: String,
    /// Whether the caller is a role's session, from which further ones are chained.
    pub(crate) is_session: bool,
}

/// What becomes of a call, and when.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) verdict: Verdict,
    /// From arrival to answer.
    pub(crate) delay: Duration,
    pub(crate) throttled: bool,
    pub(crate) struck: bool,
}

impl State {
    pub(crate) fn new(world: World) -> Self {
        Self { world, sessions: HashMap::new(), issued: 0, buckets: Buckets::default() }
    }

    /// The account whose credentials a request carries, valid or not; empty where they are unknown.
    pub(crate) fn account_of(&self, request: &Request) -> String {
        let Some(key) = &request.access_key else { return String::new() };
        let user = self.world.identities.users.get(key).map(|user| &user.account);
        user.or_else(|| self.sessions.get(key).map(|session| &session.account)).cloned().unwrap_or_default()
    }

    /// Decides a call. Identity comes first, then the quota, so that a fault never counts a call that AWS would have
    /// throttled; then faults, then the operation.
    pub(crate) fn decide(&mut self, request: &Request) -> Decision {
        let latency = self.world.latency;
        let decided = |verdict| Decision { verdict, delay: latency, throttled: false, struck: false };
        let Some(route) = &request.route else {
            return decided(Verdict::Send(unknown_operation()));
        };
        let service = route.operation.service();
        let caller = match self.identify(request) {
            Ok(caller) => caller,
            Err(error) => return decided(Verdict::Send(error.render(service))),
        };
        if service.is_api_gateway()
            && let Some(throttle) = self.world.throttle
            && !self.buckets.admit(throttle, &caller.account, &request.region, Instant::now())
        {
            let answer = AwsError::too_many_requests().render(service);
            return Decision { throttled: true, ..decided(Verdict::Send(answer)) };
        }
        let Some(failure) = fault::strike(&mut self.world.faults, route, &caller, &request.region) else {
            return decided(match self.operate(&caller, request, route) {
                Ok(Reply::Document(answer)) => Verdict::Send(answer),
                Ok(Reply::Page(page)) => Verdict::Send(page.render(service)),
                Err(error) => Verdict::Send(error.render(service)),
            });
        };
        let verdict = failure.instead(request, route, &caller.arn).unwrap_or_else(|| {
            match self.operate(&caller, request, route) {
                Ok(reply) => failure.bend(request, service, reply),
                Err(error) if failure == Failure::CutMidBody => Verdict::CutMid(error.render(service)),
                Err(error) => Verdict::Send(error.render(service)),
            }
        });
        let delay = if let Failure::Delay(more) = failure { latency + more } else { latency };
        Decision { verdict, delay, throttled: failure == Failure::TooManyRequests, struck: true }
    }

    fn identify(&self, request: &Request) -> Result<Caller, AwsError> {
        let Some(key) = &request.access_key else {
            let message = "Missing Authentication Token";
            return Err(AwsError::new(403, "MissingAuthenticationTokenException", message));
        };
        if let Some(user) = self.world.identities.users.get(key) {
            if user.session_token != request.session_token {
                return Err(AwsError::unknown_key());
            }
            let arn = format!("arn:{}:iam::{}:user/{}", self.world.partition, user.account, user.name);
            return Ok(Caller { account: user.account.clone(), arn, user_id: key.clone(), is_session: false });
        }
        let session = self.sessions.get(key).ok_or_else(AwsError::unknown_key)?;
        if request.session_token.as_ref() != Some(&session.token) {
            return Err(AwsError::unknown_key());
        }
        if session.expires <= clock::now() {
            return Err(AwsError::expired_token());
        }
        Ok(Caller {
            account: session.account.clone(),
            arn: session.arn.clone(),
            user_id: format!("{key}:session"),
            is_session: true,
        })
    }

    fn operate(&mut self, caller: &Caller, request: &Request, route: &Route) -> Result<Reply, AwsError> {
        let service = route.operation.service();
        // Organizations and Account Management are global: the region that signs for them is never switched off.
        let regional = !matches!(service, Service::Organizations | Service::Account);
        if regional && self.world.is_disabled(&caller.account, &request.region) {
            return Err(AwsError::unknown_key());
        }
        let action = route.operation.iam_action();
        if service.is_api_gateway() && !self.world.permits(&caller.arn, &action, request.gateway_path()) {
            return Err(AwsError::denied(&caller.arn, &action, &fault::resource(request, route)));
        }
        services::operate(self, caller, request, route.operation)
    }
}

fn unknown_operation() -> Answer {
    AwsError::new(404, "UnknownOperationException", "the simulator knows no such operation").render(Service::Rest)
}
