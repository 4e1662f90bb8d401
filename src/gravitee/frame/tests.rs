use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const NO_LIMIT: usize = usize::MAX;

fn written(document: &Value) -> String {
    String::from_utf8(encode(Kind::Command, "INGEST", document, NO_LIMIT).unwrap()).unwrap()
}

/// How readers before gravitee-exchange 2.0.2 and 3.0.0 read: every `;;` ends a field, and the last field of a name counts.
fn read_by_an_old_peer(text: &str) -> (Option<&str>, Option<&str>, Option<&str>) {
    let (mut kind, mut exchange_type, mut json) = (None, None, None);
    for field in text.split(";;") {
        if let Some(word) = field.strip_prefix("t:") {
            kind = Some(word.trim());
        } else if let Some(word) = field.strip_prefix("et:") {
            exchange_type = Some(word.trim());
        } else if let Some(word) = field.strip_prefix("e:") {
            json = Some(word.trim());
        }
    }
    (kind, exchange_type, json)
}

fn both_read(document: &Value) {
    let text = written(document);
    let (kind, exchange_type, json) = read_by_an_old_peer(&text);
    assert_eq!((kind, exchange_type), (Some("COMMAND"), Some("INGEST")));
    assert_eq!(&serde_json::from_str::<Value>(json.unwrap()).unwrap(), document, "old, {text:.200}");
    let frame = decode(text.as_bytes()).unwrap();
    assert_eq!((frame.kind, frame.exchange_type), (Kind::Command, Some("INGEST")));
    assert_eq!(&serde_json::from_str::<Value>(frame.json.unwrap()).unwrap(), document, "new, {text:.200}");
}

#[test]
fn the_second_semicolon_of_each_pair_is_written_as_an_escape() {
    for (text, json) in [
        ("a;b", r#""a;b""#),
        (";;", r#"";\u003b""#),
        (";;;", r#"";\u003b;""#),
        (";;;;", r#"";\u003b;\u003b""#),
        ("a;;b;;c", r#""a;\u003bb;\u003bc""#),
        (";\";", r#"";\";""#),
        ("\\;;", r#""\\;\u003b""#),
    ] {
        assert_eq!(String::from_utf8(escaped_json(&text).unwrap()).unwrap(), json);
        both_read(&json!({ text: [text] }));
    }
}

#[test]
fn a_text_that_is_written_in_pieces_has_no_pair_either() {
    struct Pieces;
    impl std::fmt::Display for Pieces {
        fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            to.write_str("a;")?;
            to.write_str("")?;
            to.write_str(";")?;
            to.write_str(";b;")?;
            to.write_str(";;")
        }
    }
    impl Serialize for Pieces {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.collect_str(self)
        }
    }
    assert_eq!(String::from_utf8(escaped_json(&Pieces).unwrap()).unwrap(), r#""a;\u003b;b;\u003b;""#);
    // Two strings side by side are two.
    assert_eq!(String::from_utf8(escaped_json(&["a;", ";b"]).unwrap()).unwrap(), r#"["a;",";b"]"#);
}

#[test]
fn fields_are_trimmed_and_all_but_the_json_may_be_missing_or_strange() {
    let read = |text: &'static str| {
        let frame = decode(text.as_bytes()).unwrap();
        (frame.kind, frame.exchange_type, frame.json)
    };
    assert_eq!(read("t: COMMAND ;;et:\tHELLO\n;;e: {} "), (Kind::Command, Some("HELLO"), Some("{}")));
    assert_eq!(read("t:REPLY;;e:{}"), (Kind::Reply, None, Some("{}")));
    assert_eq!(read("e:{};;{}"), (Kind::Unknown, None, Some("{};;{}")));
    assert_eq!(read("t:UNKNOWN;;et:X;;e:{}"), (Kind::Unknown, Some("X"), Some("{}")));
    assert_eq!(read("t:command;;e:{}"), (Kind::Unknown, None, Some("{}")));
    assert_eq!(read("t:COMMAND;;et:HELLO"), (Kind::Command, Some("HELLO"), None));
    assert_eq!(read("x:y;;t:COMMAND;;;;e:{}"), (Kind::Command, None, Some("{}")));
    assert_eq!(read(""), (Kind::Unknown, None, None));
    assert_eq!(read("primary: true"), (Kind::Unknown, None, None));
}

#[test]
fn a_message_of_an_old_peer_keeps_what_it_holds_after_a_pair() {
    let frame = decode(br#"t:COMMAND;;et:X;;e:{"a":"t:REPLY;;e:b;;c"}"#).unwrap();
    assert_eq!((frame.kind, frame.json), (Kind::Command, Some(r#"{"a":"t:REPLY;;e:b;;c"}"#)));
}

#[test]
fn bytes_that_are_no_utf_8_are_refused() {
    assert!(decode(b"t:COMMAND;;e:\"\xff\"").is_err());
}

#[test]
fn a_message_beyond_the_limit_is_refused_by_its_size_and_one_at_the_limit_is_not() {
    let document = json!({ "text": "x".repeat(1000) });
    let length = written(&document).len();
    assert_eq!(encode(Kind::Command, "INGEST", &document, length).unwrap().len(), length);
    match encode(Kind::Command, "INGEST", &document, length - 1) {
        Err(EncodeError::TooLarge { bytes, limit }) => assert_eq!((bytes, limit), (length, length - 1)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn large_strings_full_of_pairs_are_read_by_old_and_new_peers() {
    for text in [";".repeat(1_000_001), "a;;".repeat(400_000), "é;;\u{1f600};".repeat(100_000)] {
        both_read(&json!({ "content": text }));
    }
}

/// Text in which pairs, quotes, fields of the frame and other scripts are likely.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just(";".to_owned()),
        2 => Just(";;".to_owned()),
        1 => Just(";;e:".to_owned()),
        1 => Just(";;t:REPLY".to_owned()),
        1 => Just("\"".to_owned()),
        1 => Just("\\".to_owned()),
        1 => Just("\u{0}\n\t".to_owned()),
        1 => Just("\\u003b".to_owned()),
        1 => Just("日本;\u{2028}".to_owned()),
        2 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_document_is_read_by_old_and_new_peers(document in document()) {
        let text = written(&document);
        prop_assert_eq!(text.matches(";;").count(), 2);
        both_read(&document);
    }

    #[test]
    fn any_document_written_without_escapes_is_read(document in document()) {
        let text = format!("t:REPLY;;et:X;;e:{document}");
        let frame = decode(text.as_bytes()).unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(frame.json.unwrap()).unwrap(), document);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn no_text_makes_decoder_and_readers_panic(text in text()) {
        for text in [text.clone(), format!("t:COMMAND;;{text};;e:{text}"), format!("t:REPLY;;e:{{\"id\":{text}")] {
            if let Ok(Frame { json: Some(json), .. }) = decode(text.as_bytes()) {
                let _ = crate::gravitee::command::read_command(json);
                let _ = crate::gravitee::command::read_reply(json);
            }
        }
    }
}
