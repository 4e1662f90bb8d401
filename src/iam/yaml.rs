//! YAML of a [`Node`], in the form that CloudFormation's own examples have.
//!
//! Written here because the crates that write YAML quote only where YAML 1.2 asks for it. CloudFormation and its tools read YAML 1.1, where
//! `2012-10-17` is a date, `111122223333` a number and `on` a truth value.

use super::node::Node;

/// Words that YAML 1.1 takes for something else than text, in lower case.
const WORDS: [&str; 9] = ["y", "yes", "n", "no", "true", "false", "on", "off", "null"];

/// The document as block YAML, with a line end at its end.
#[must_use]
pub fn to_yaml(node: &Node) -> String {
    let mut text = String::new();
    match node {
        Node::Map(entries) if !entries.is_empty() => map(&mut text, entries, 0),
        Node::List(items) if !items.is_empty() => list(&mut text, items, 0),
        other => {
            text.push_str(&scalar(other));
            text.push('\n');
        }
    }
    text
}

fn indent(text: &mut String, depth: usize) {
    text.extend(std::iter::repeat_n("  ", depth));
}

fn map(text: &mut String, entries: &[(String, Node)], depth: usize) {
    for (number, (key, value)) in entries.iter().enumerate() {
        if number > 0 || !text.ends_with("- ") {
            indent(text, depth);
        }
        text.push_str(&quoted(key));
        text.push(':');
        below(text, value, depth + 1);
    }
}

fn list(text: &mut String, items: &[Node], depth: usize) {
    for item in items {
        indent(text, depth);
        text.push('-');
        match item {
            // Its first key stands on the line of the dash.
            Node::Map(entries) if !entries.is_empty() => {
                text.push(' ');
                map(text, entries, depth + 1);
            }
            other => below(text, other, depth + 1),
        }
    }
}

fn below(text: &mut String, value: &Node, depth: usize) {
    match value {
        Node::Map(entries) if !entries.is_empty() => {
            text.push('\n');
            map(text, entries, depth);
        }
        Node::List(items) if !items.is_empty() => {
            text.push('\n');
            list(text, items, depth);
        }
        other => {
            text.push(' ');
            text.push_str(&scalar(other));
            text.push('\n');
        }
    }
}

fn scalar(node: &Node) -> String {
    match node {
        Node::Text(text) => quoted(text),
        Node::Bool(value) => value.to_string(),
        Node::Number(value) => value.to_string(),
        Node::List(_) => "[]".to_owned(),
        Node::Map(_) => "{}".to_owned(),
    }
}

/// A text as YAML: plain where nobody can take it for anything else, else quoted.
fn quoted(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else if text.contains(char::is_control) {
        // Single quotes fold line ends; JSON's escapes are YAML's too.
        serde_json::Value::from(text).to_string()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Begins with a letter, holds nothing that has a meaning in YAML, and is no word of its own. ARNs are quoted all the same: some of a
/// list hold `*`, and a list whose items are quoted now and then reads badly.
fn is_plain(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./:".contains(&byte))
        && !text.ends_with(':')
        && !text.starts_with("arn:")
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_yaml_would_take_for_something_else_is_quoted() {
        for (text, expected) in [
            ("2012-10-17", "'2012-10-17'"),
            ("111122223333", "'111122223333'"),
            ("*", "'*'"),
            ("arn:aws:apigateway:*::/restapis", "'arn:aws:apigateway:*::/restapis'"),
            ("", "''"),
            ("on", "'on'"),
            ("Yes", "'Yes'"),
            ("NULL", "'NULL'"),
            ("1e3", "'1e3'"),
            ("it's", "'it''s'"),
            ("a: b", "'a: b'"),
            ("key:", "'key:'"),
            ("[\\w+=,.@:/-]*", "'[\\w+=,.@:/-]*'"),
            ("- a", "'- a'"),
            ("two\nlines", "\"two\\nlines\""),
            ("sts:AssumeRole", "sts:AssumeRole"),
            ("AWS::IAM::Role", "AWS::IAM::Role"),
            ("apigateway:GET", "apigateway:GET"),
            ("/team/", "'/team/'"),
        ] {
            assert_eq!(quoted(text), expected, "{text}");
        }
    }

    #[test]
    fn maps_and_lists_are_set_in_as_people_set_them_in() {
        let statement = Node::map([("Effect", "Allow".into()), ("Resource", Node::List(vec!["*".into(), "a".into()]))]);
        let nested = Node::List(vec![Node::List(vec!["x".into(), "z".into()])]);
        let node = Node::map([
            ("Version", "2012-10-17".into()),
            ("Statement", Node::List(vec![statement.clone(), statement])),
            ("NoEcho", Node::Bool(true)),
            ("MinLength", Node::Number(2)),
            ("Nothing", Node::List(vec![])),
            ("Nested", nested),
        ]);
        let expected = "Version: '2012-10-17'\n\
            Statement:\n\
            \x20 - Effect: Allow\n\
            \x20   Resource:\n\
            \x20     - '*'\n\
            \x20     - a\n\
            \x20 - Effect: Allow\n\
            \x20   Resource:\n\
            \x20     - '*'\n\
            \x20     - a\n\
            NoEcho: true\n\
            MinLength: 2\n\
            Nothing: []\n\
            Nested:\n\
            \x20 -\n\
            \x20   - x\n\
            \x20   - z\n";
        assert_eq!(to_yaml(&node), expected);
    }
}
