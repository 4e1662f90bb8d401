//! STS: `GetCallerIdentity` and `AssumeRole`.

use std::time::Duration;

use chrono::SecondsFormat;

use crate::answer::{Answer, AwsError, escape};
use crate::clock;
use crate::request::Request;
use crate::state::{Caller, Session, State};
use crate::world::{AccountState, derived_id, split_role_arn};

/// STS API reference, `AssumeRole`: what a session lasts where the caller does not say, and the most that role chaining
/// allows.
const ONE_HOUR: Duration = Duration::from_hours(1);

pub(super) fn get_caller_identity(caller: &Caller) -> Answer {
    respond(
        "GetCallerIdentity",
        &format!(
            "<Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account>",
            escape(&caller.arn),
            escape(&caller.user_id),
            escape(&caller.account)
        ),
    )
}

pub(super) fn assume_role(state: &mut State, caller: &Caller, request: &Request) -> Result<Answer, AwsError> {
    let arn = request.parameter("RoleArn").unwrap_or_default();
    let (account, name) =
        split_role_arn(arn).ok_or_else(|| AwsError::new(400, "ValidationError", format!("{arn} is invalid")))?;
    let session_name = request.parameter("RoleSessionName").unwrap_or_default();
    if !(2..=64).contains(&session_name.len()) {
        return Err(AwsError::new(400, "ValidationError", "roleSessionName must have length between 2 and 64"));
    }
    let asked = match request.parameter("DurationSeconds").map(str::parse) {
        None => ONE_HOUR,
        Some(Ok(seconds)) => Duration::from_secs(seconds),
        Some(Err(_)) => return Err(AwsError::new(400, "ValidationError", "DurationSeconds is invalid")),
    };
    // STS says the same whether the role is missing, does not trust the caller, wants another external id, or sits in
    // an account that is not active.
    let denied = || {
        let message = format!("User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}", caller.arn);
        AwsError::new(403, "AccessDeniedException", message)
    };
    let identities = &state.world.identities;
    let role = identities.role(arn).ok_or_else(denied)?;
    let trusted = role.trusted_accounts.as_ref().is_none_or(|accounts| accounts.contains(&caller.account));
    let introduced = role.external_id.as_deref().is_none_or(|wanted| request.parameter("ExternalId") == Some(wanted));
    let active = identities.accounts.get(account).is_none_or(|account| account.state == AccountState::Active);
    if !(trusted && introduced && active) {
        return Err(denied());
    }
    if caller.is_session && asked > ONE_HOUR {
        let message =
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
        return Err(AwsError::new(400, "ValidationError", message));
    }
    if asked > role.max_session || asked < Duration::from_mins(15) {
        let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return Err(AwsError::new(400, "ValidationError", message));
    }
    let partition = arn.split(':').nth(1).unwrap_or("aws");
    let bare_name = name.rsplit('/').next().unwrap_or(name);
    let session_arn = format!("arn:{partition}:sts::{account}:assumed-role/{bare_name}/{session_name}");
    state.issued += 1;
    let serial = state.issued.to_string();
    let key = format!("ASIA{}", derived_id(16, &["session", &serial]).to_uppercase());
    let role_id = format!("AROA{}", derived_id(17, &[arn]).to_uppercase());
    // The mark lets a test look for tokens where none may be.
    let token = format!("simulated-token-{}", derived_id(104, &["token", &serial, arn]));
    let expires = clock::now() + state.world.session_length.unwrap_or(asked);
    let body = format!(
        "<AssumedRoleUser><AssumedRoleId>{role_id}:{name}</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>simulated-secret-{key}</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{expiration}</Expiration></Credentials>",
        name = escape(session_name),
        arn = escape(&session_arn),
        expiration = expires.to_rfc3339_opts(SecondsFormat::Millis, true),
    );
    let session = Session { account: account.to_owned(), arn: session_arn, token, expires };
    state.sessions.insert(key, session);
    Ok(respond("AssumeRole", &body))
}

fn respond(operation: &str, result: &str) -> Answer {
    Answer::xml(format!(
        "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result>{result}\
         </{operation}Result><ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId>\
         </ResponseMetadata></{operation}Response>"
    ))
}
