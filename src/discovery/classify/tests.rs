use aws_sdk_apigateway::operation::get_rest_apis::GetRestApisError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use proptest::prelude::*;

use super::*;

fn answered(status: u16, code: Option<&str>, message: &str, family: Family) -> Failure {
    let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(message.to_owned()));
    response.headers_mut().insert("x-amzn-requestid", "req-1");
    let mut metadata = ErrorMetadata::builder().message(message);
    if let Some(code) = code {
        metadata = metadata.code(code);
    }
    let error = SdkError::service_error(GetRestApisError::generic(metadata.build()), response);
    let ask = Ask { family: Some(family), ..Ask::rest("GetRestApis", "/restapis") };
    Failure::of(&error, &ask, "aws", "eu-west-1")
}

#[test]
fn every_code_of_aws_has_its_kind_and_state() {
    let scp = "with an explicit deny in a service control policy";
    for (status, code, message, kind, state) in [
        (403, "AccessDeniedException", "not authorized", Kind::Denied, ScopeState::AccessDenied),
        (401, "UnauthorizedException", "not authorized", Kind::Denied, ScopeState::AccessDenied),
        (403, "AccessDeniedException", scp, Kind::DeniedByScp, ScopeState::DeniedByScp),
        (403, "UnrecognizedClientException", "invalid", Kind::UnknownKey, ScopeState::CredentialsFailed),
        (403, "InvalidClientTokenId", "invalid", Kind::UnknownKey, ScopeState::CredentialsFailed),
        (403, "ExpiredTokenException", "expired", Kind::Expired, ScopeState::CredentialsFailed),
        (403, "InvalidSignatureException", "does not match", Kind::Credentials, ScopeState::CredentialsFailed),
        (403, "RegionDisabledException", "off", Kind::StsOff, ScopeState::CredentialsFailed),
        (429, "TooManyRequestsException", "slow", Kind::Throttled, ScopeState::Throttled),
        (400, "LimitExceededException", "slow", Kind::Throttled, ScopeState::Throttled),
        (429, "Whatever", "slow", Kind::Throttled, ScopeState::Throttled),
        (404, "NotFoundException", "no", Kind::NotFound, ScopeState::Failed),
        (400, "BadRequestException", "Invalid position parameter", Kind::Other, ScopeState::Failed),
        (500, "InternalFailure", "oops", Kind::Other, ScopeState::Failed),
        (503, "ServiceUnavailable", "oops", Kind::Other, ScopeState::Failed),
    ] {
        let failure = answered(status, Some(code), message, Family::Rest);
        assert_eq!((failure.kind, failure.trouble().state), (kind, state), "{code} {message}");
        assert!(failure.cause.starts_with("GetRestApis: ") && failure.cause.contains("req-1"), "{}", failure.cause);
        assert!(failure.cause.contains(message), "{}", failure.cause);
    }
}

#[test]
fn an_answer_is_quoted_with_code_status_and_request() {
    let failure = answered(403, Some("AccessDeniedException"), "not authorized", Family::Rest);
    let said = "GetRestApis: not authorized (AccessDeniedException, status 403, request req-1)";
    assert_eq!(failure.cause, said);
}

#[test]
fn the_request_id_is_found_in_the_xml_of_sts() {
    let body = "<ErrorResponse><Error><Code>A</Code></Error><RequestId>req-2</RequestId></ErrorResponse>";
    assert_eq!(request_id_in(body), Some("req-2"));
    for body in ["", "<RequestId></RequestId>", "<RequestId>req-2", r#"{"RequestId":"req-2"}"#] {
        assert_eq!(request_id_in(body), None, "{body}");
    }
}

#[test]
fn missing_credentials_are_told_apart_from_wrong_ones() {
    let nobody = CredentialsError::not_loaded("no providers in chain provided credentials");
    let (kind, text) = kind_and_text_without_answer(&nobody);
    assert_eq!(kind, Kind::NoCredentials);
    assert_eq!(text, "no credentials were found: no providers in chain provided credentials");
    let wrapped = CredentialsError::provider_error(CredentialsError::not_loaded_no_source());
    let (kind, text) = kind_and_text_without_answer(&wrapped);
    assert_eq!((kind, text.as_str()), (Kind::NoCredentials, "no credentials were found"));
    let broken = CredentialsError::invalid_configuration("no such profile");
    assert_eq!(kind_and_text_without_answer(&broken).0, Kind::Credentials);
}

#[test]
fn only_the_newer_family_can_be_missing_in_a_region() {
    let message = "HTTP APIs are not available in this AWS region";
    assert_eq!(answered(400, Some("BadRequestException"), message, Family::Http).kind, Kind::Unsupported);
    assert_eq!(answered(400, Some("BadRequestException"), message, Family::Rest).kind, Kind::Other);
    assert_eq!(answered(400, Some("BadRequestException"), "Invalid token", Family::Http).kind, Kind::Other);
}

#[test]
fn every_denial_names_the_action_and_the_resource() {
    for (ask, permission) in [
        (Ask::rest("GetRestApis", "/restapis"), "apigateway:GET on arn:aws-cn:apigateway:cn-north-1::/restapis"),
        (Ask::http("GetApi", "/apis/a"), "apigateway:GET on arn:aws-cn:apigateway:cn-north-1::/apis/a"),
        (
            Ask::routing_rules("d.example"),
            "apigateway:ListRoutingRules on arn:aws-cn:apigateway:cn-north-1:*:/domainnames/d.example/routingrules/*",
        ),
        (
            Ask::global("AssumeRole", "sts:AssumeRole", "arn:aws-cn:iam::1:role/r"),
            "sts:AssumeRole on arn:aws-cn:iam::1:role/r",
        ),
    ] {
        assert_eq!(ask.permission("aws-cn", "cn-north-1"), permission);
    }
}

#[test]
fn a_refused_signature_is_quoted_without_the_session_token() {
    let message = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key.\n\n\
                   The Canonical String for this request should have been\n'GET\n/restapis\nx-amz-security-token:IQoJb3JpZ2luX2VjSECRET'";
    let failure = answered(403, Some("InvalidSignatureException"), message, Family::Rest);
    assert!(!failure.cause.contains("SECRET") && failure.cause.contains("does not match"), "{}", failure.cause);
    let message =
        "Credential should be scoped: Authorization=AWS4-HMAC-SHA256 Credential=AKIASECRET/x, Signature=SECRET";
    assert!(!answered(400, Some("IncompleteSignatureException"), message, Family::Rest).cause.contains("SECRET"));
}

proptest! {
    #[test]
    fn what_is_quoted_is_one_short_line_without_what_follows_a_token(text in "(?s).{0,600}", more in "[ -~]{0,40}") {
        let shown = tidy(&format!("{text} X-Amz-Security-Token:{more}hunter2"));
        prop_assert!(!shown.contains("hunter2"), "{}", shown);
        prop_assert!(!shown.contains('\n') && shown.chars().count() <= LONGEST_QUOTE + 1);
    }

    #[test]
    fn no_answer_makes_the_classification_panic(
        status in 100_u16..1000, code in proptest::option::of("[a-zA-Z]{0,40}"), message in ".{0,500}", http: bool,
    ) {
        let failure = answered(status, code.as_deref(), &message, if http { Family::Http } else { Family::Rest });
        prop_assert!(!failure.trouble().cause.is_empty());
    }
}
