//! How a look fails.

use super::*;

#[tokio::test]
async fn what_came_before_a_failed_page_stays_and_the_listing_is_failed() {
    let (rest, http, _) = look_at(|asked| match (asked.path.as_str(), asked.parameter("position")) {
        ("/restapis", None) => Reply::json(r#"{"item":[{"id":"a"}],"position":"p2"}"#),
        ("/restapis", Some(_)) => Reply::error(403, "AccessDeniedException", "User is not authorized"),
        _ => empty(asked),
    })
    .await;
    assert_eq!(rest.apis.len(), 1);
    let trouble = failed(&rest);
    assert_eq!(trouble.state, ScopeState::AccessDenied);
    assert!(trouble.cause.contains("GetRestApis") && trouble.cause.contains("req-1"), "{}", trouble.cause);
    assert_eq!(trouble.hint.as_deref(), Some("allow apigateway:GET on arn:aws:apigateway:eu-west-1::/restapis"));
    assert_eq!(http.listing, Listing::Whole { without_list: false }, "one family fails alone");
}

#[tokio::test]
async fn tokens_that_go_in_a_circle_fail_the_scope() {
    let (rest, ..) = look_at(|asked| match asked.path.as_str() {
        "/restapis" => Reply::json(r#"{"item":[{"id":"a"}],"position":"p"}"#),
        _ => empty(asked),
    })
    .await;
    assert_eq!(failed(&rest).state, ScopeState::Failed);
}

#[tokio::test]
async fn a_region_that_is_off_is_told_from_a_bad_key_by_asking_sts_once() {
    for (sts, state) in [
        (Reply::caller("arn:aws:iam::111122223333:user/u"), ScopeState::RegionDisabled),
        (
            Reply::sts_error(403, "InvalidClientTokenId", "The security token included in the request is invalid."),
            ScopeState::CredentialsFailed,
        ),
    ] {
        let (rest, http, log) = look_at(move |asked| {
            if asked.sts("GetCallerIdentity") {
                return sts.clone();
            }
            Reply::error(403, "UnrecognizedClientException", "The security token included in the request is invalid.")
        })
        .await;
        assert_eq!((failed(&rest).state, failed(&http).state), (state, state));
        assert_eq!(log.count(|asked| asked.host.starts_with("sts.")), 1);
    }
}

#[tokio::test]
async fn a_region_without_http_apis_is_unsupported_for_that_family_only() {
    let malformed = r#"{"message": "1 validation error detected: Value at \'functionName\' failed"}"#;
    for reply in [
        Reply::json(r#"{"message": "a \'quoted\' word"}"#).status(400).with("x-amzn-errortype", "BadRequestException"),
        Reply::json(malformed).status(400).with("x-amzn-errortype", "BadRequestException"),
        Reply::error(400, "BadRequestException", "HTTP APIs are not available in this AWS region"),
        Reply::error(400, "BadRequestException", "Invalid protocol specified. Must be one of [WEBSOCKET]"),
    ] {
        let (rest, http, _) = look_at(move |asked| match asked.path.as_str() {
            "/v2/apis" | "/v2/domainnames" => reply.clone(),
            _ => one_rest_api(asked),
        })
        .await;
        assert_eq!(failed(&http).state, ScopeState::Unsupported);
        assert_eq!(rest.listing, Listing::Whole { without_list: false });
        assert_eq!(rest.notes, Vec::<String>::new(), "what is not there is not missing");
    }
}

#[tokio::test]
async fn a_bad_request_from_a_proxy_is_no_proof_that_a_family_is_missing() {
    let (_, http, _) = look_at(|asked| match asked.path.as_str() {
        "/v2/apis" => Reply::json("<html>bad request</html>").status(400),
        _ => empty(asked),
    })
    .await;
    assert_eq!(failed(&http).state, ScopeState::Failed);
    assert!(failed(&http).cause.contains("perhaps from a proxy"), "{}", failed(&http).cause);
    assert!(failed(&http).hint.as_ref().is_some_and(|hint| hint.contains("proxy variables")));
}

#[tokio::test]
async fn a_service_control_policy_is_told_from_a_missing_permission() {
    let (rest, ..) = look_at(|asked| match asked.path.as_str() {
        "/restapis" => Reply::error(
            403,
            "AccessDeniedException",
            "not authorized with an explicit deny in a service control policy",
        ),
        _ => empty(asked),
    })
    .await;
    assert_eq!(failed(&rest).state, ScopeState::DeniedByScp);
}

#[tokio::test(start_paused = true)]
async fn refusals_to_the_end_are_throttled_and_counted_attempt_by_attempt() {
    let (rest, http, _) = look_at(|asked| match asked.path.as_str() {
        "/restapis" => Reply::error(429, "TooManyRequestsException", "Too Many Requests"),
        _ => empty(asked),
    })
    .await;
    assert_eq!(failed(&rest).state, ScopeState::Throttled);
    assert_eq!((rest.calls, rest.throttled), (5, 5));
    assert_eq!((http.calls, http.throttled), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_makes_the_whole_bucket_wait_for_as_long_as_the_answer_asks() {
    static REFUSED: AtomicU32 = AtomicU32::new(0);
    let limits = Limits { requests_per_second: 1000.0, burst: 1000, ..Limits::default() };
    for (header, value, pause) in [("retry-after", "7", 7), ("x-amz-retry-after", "9000", 9)] {
        REFUSED.store(0, Relaxed);
        let (aws, _) = limited_aws(&limits, move |asked| match asked.path.as_str() {
            "/restapis" if REFUSED.fetch_add(1, Relaxed) == 0 => {
                Reply::error(429, "TooManyRequestsException", "Too Many Requests").with(header, value)
            }
            _ => one_rest_api(asked),
        })
        .await;
        let start = tokio::time::Instant::now();
        let looks = look(&aws, &account("aws", REGION), REGION, &Wanted::Everything, &Progress::default()).await;
        assert_eq!((looks[0].apis.len(), looks[0].throttled), (1, 1));
        let elapsed = start.elapsed().as_secs();
        assert!((pause..pause + 5).contains(&elapsed), "{header}: {elapsed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_that_is_down_is_said_with_its_cause() {
    let (rest, ..) = look_at(|_| Reply::no_connection()).await;
    assert_eq!(failed(&rest).state, ScopeState::Failed);
    assert!(failed(&rest).cause.contains("connection refused"), "{}", failed(&rest).cause);
}

#[tokio::test]
async fn a_session_that_ends_is_renewed_and_the_listing_goes_on_at_the_same_page() {
    static REFUSED: AtomicU32 = AtomicU32::new(0);
    let (rest, _, log) = look_at(|asked| match (asked.path.as_str(), asked.parameter("position")) {
        ("/restapis", None) => Reply::json(r#"{"item":[{"id":"a"}],"position":"p2"}"#),
        ("/restapis", Some("p2")) if REFUSED.fetch_add(1, Relaxed) == 0 => {
            Reply::error(403, "ExpiredTokenException", "The security token included in the request is expired")
        }
        ("/restapis", Some("p2")) => Reply::json(r#"{"item":[{"id":"b"}]}"#),
        _ => empty(asked),
    })
    .await;
    assert_eq!(rest.apis.len(), 2);
    assert_eq!(rest.listing, Listing::Whole { without_list: false });
    assert_eq!(log.count(|asked| asked.path == "/restapis"), 3);
    assert_eq!(rest.calls, 3 + 2 + 1, "the renewed client counts on the same meter");
}

#[tokio::test]
async fn a_session_that_stays_ended_is_a_credentials_failure() {
    let (rest, ..) = look_at(|asked| match asked.path.as_str() {
        "/restapis" => Reply::error(403, "ExpiredTokenException", "expired"),
        _ => empty(asked),
    })
    .await;
    assert_eq!(failed(&rest).state, ScopeState::CredentialsFailed);
}
