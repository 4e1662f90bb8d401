//! The controller itself: what it lets no client get away with.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::controller::{Controller, Rules};

const HELLO: &str = r#"t:COMMAND;;et:HELLO;;e:{"id":"1","type":"HELLO","payload":{"targetId":"c5537ce6-5746-4497-937c-e65746a4973e","provider":"aws-api-gateway"}}"#;

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The status of the upgrade, and what close code the messages lead to.
fn told(controller: &Controller, path: &str, headers: &[(&str, &str)], messages: Vec<Message>) -> Result<u16, u16> {
    block_on(async {
        let uri = format!("ws://127.0.0.1:{}{path}", controller.port()).parse().unwrap();
        let mut request = ClientRequestBuilder::new(uri);
        for (name, value) in headers {
            request = request.with_header(*name, *value);
        }
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", controller.port())).await.unwrap();
        let mut socket = match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => socket,
            Err(Error::Http(response)) => return Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        };
        for message in messages {
            // The controller may have closed before it took all.
            let _ = socket.send(message).await;
        }
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(Some(frame)) = message {
                return Ok(frame.code.into());
            }
        }
        Ok(1006)
    })
}

#[test]
fn only_an_upgrade_with_a_known_token_and_the_protocols_name_is_accepted() {
    let controller = Controller::start(Rules::default());
    let (token, protocol) = (("Authorization", "bearer test-token"), ("X-Gravitee-Exchange-Protocol", "v1"));
    let path = "/exchange/controller";
    assert_eq!(told(&controller, "/elsewhere", &[token, protocol], vec![]), Err(404));
    assert_eq!(told(&controller, path, &[protocol], vec![]), Err(401));
    assert_eq!(told(&controller, path, &[("Authorization", "bearer other"), protocol], vec![]), Err(401));
    assert_eq!(told(&controller, path, &[token], vec![]), Err(400));
    assert_eq!(told(&controller, path, &[token, ("X-Gravitee-Exchange-Protocol", "legacy")], vec![]), Err(400));
}

#[test]
fn text_commands_before_the_hello_and_large_frames_are_closed_with_their_codes() {
    let controller = Controller::start(Rules::default());
    let headers = [("Authorization", "BEARER test-token"), ("X-Gravitee-Exchange-Protocol", "v1")];
    let closed =
        |messages: Vec<Message>| told(&controller, "/integration-controller/exchange/controller", &headers, messages);
    let binary = |text: &str| Message::Binary(text.as_bytes().to_vec().into());
    assert_eq!(closed(vec![Message::Text(HELLO.into())]), Ok(1003));
    assert_eq!(closed(vec![binary(r#"t:COMMAND;;et:INGEST;;e:{"id":"1","type":"INGEST","payload":{}}"#)]), Ok(1002));
    assert_eq!(closed(vec![binary(HELLO), binary("t:SHOUT;;et:X;;e:{}")]), Ok(1002));
    assert_eq!(closed(vec![binary(HELLO), Message::Binary(vec![b' '; 65_537].into())]), Ok(1009));
}

#[test]
fn an_old_controller_cannot_decode_a_pair_that_is_not_escaped() {
    let with_pair =
        r#"t:COMMAND;;et:INGEST;;e:{"id":"1","type":"INGEST","payload":{"ingestJobId":"a;;b","apis":[],"done":true}}"#;
    for (old, violations) in [(true, 1), (false, 0)] {
        let controller = Controller::start(Rules { old, ..Rules::default() });
        let headers = [("Authorization", "bearer test-token"), ("X-Gravitee-Exchange-Protocol", "v1")];
        let messages = [HELLO, with_pair].map(|text| Message::Binary(text.as_bytes().to_vec().into()));
        let and_close = messages.into_iter().chain([Message::Close(None)]).collect();
        told(&controller, "/exchange/controller", &headers, and_close).unwrap();
        let seen = controller.record().all();
        let broken = seen.iter().filter(|(_, _, seen)| matches!(seen, super::record::Seen::Violation(_))).count();
        assert_eq!(broken, violations, "{seen:?}");
    }
}
