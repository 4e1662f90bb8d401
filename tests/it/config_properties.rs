//! What holds for every text, however mangled: no panic, no mistake said twice, no secret shown.

use std::collections::BTreeSet;
use std::path::Path;

use aboard::config::{self, Place, Problem};
use proptest::prelude::*;
use proptest::sample::{Index, select};

const EXAMPLE: &str = include_str!("../../schedules.example.toml");
const TWELVE: &str = include_str!("../config/bad/twelve-mistakes.toml");

/// Letters only, so that no quoting of TOML changes it.
const CANARY: &str = "CanaryOfTheColdMine";

fn problems(text: &str) -> Vec<Problem> {
    match config::parse(text, &Place::new(Path::new("schedules.toml"))) {
        Ok(checked) => checked.warnings,
        Err(errors) => {
            assert!(!errors.is_empty(), "refused without a reason");
            errors
        }
    }
}

/// What must hold for any text.
fn judge(text: &str) -> Result<(), TestCaseError> {
    let problems = problems(text);
    let mut seen = BTreeSet::new();
    for problem in &problems {
        prop_assert!(!problem.message.contains("no mistake was found"), "{problem}");
        prop_assert!(seen.insert(problem.headline()), "said twice: {problem}");
        prop_assert!(problem.line >= 1 && problem.line <= text.lines().count() + 1, "{problem}");
        prop_assert!(problem.to_string().lines().count() <= 3, "{problem}");
    }
    Ok(())
}

/// A way to spoil a text.
#[derive(Clone, Debug)]
enum Harm {
    Delete(Index, usize),
    Insert(Index, String),
    Replace(Index, char),
    Copy(Index, Index, usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    let bits = vec![
        "\"",
        "'",
        "'''",
        "\"\"\"",
        "[",
        "]",
        "{",
        "}",
        "=",
        ".",
        "\n",
        "\r\n",
        "#",
        "é",
        "\u{0}",
        "\t",
        "-1",
        "9e999",
        "inf",
        "x = ",
        "[[a]]",
        "2026-02-30",
        "\u{feff}",
        "0x",
        "\\",
        "true",
        ", ",
        "env:",
        "\u{2028}",
    ];
    prop_oneof![
        (any::<Index>(), 1_usize..40).prop_map(|(at, length)| Harm::Delete(at, length)),
        (any::<Index>(), select(bits)).prop_map(|(at, text)| Harm::Insert(at, text.to_owned())),
        (any::<Index>(), any::<char>()).prop_map(|(at, c)| Harm::Replace(at, c)),
        (any::<Index>(), any::<Index>(), 1_usize..80).prop_map(|(from, to, length)| Harm::Copy(from, to, length)),
    ]
}

fn spoil(text: &str, harms: &[Harm]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for harm in harms {
        let size = letters.len().max(1);
        let span = |at: &Index, length: usize| {
            let start = at.index(size).min(letters.len());
            start..(start + length).min(letters.len())
        };
        match harm {
            Harm::Delete(at, length) => drop(letters.drain(span(at, *length))),
            Harm::Insert(at, text) => drop(letters.splice(span(at, 0), text.chars())),
            Harm::Replace(at, c) => drop(letters.splice(span(at, 1), [*c])),
            Harm::Copy(from, to, length) => {
                let copied: Vec<char> = letters[span(from, *length)].to_vec();
                drop(letters.splice(span(to, 0), copied));
            }
        }
    }
    letters.into_iter().collect()
}

/// Places where a secret stands in the example, as the text before it and its right value.
const SITES: [(&str, &str); 12] = [
    ("\ntoken = ", "\"env:GRAVITEE_AGENT_TOKEN\""),
    ("password = ", "\"env:PROXY_PASSWORD\""),
    ("\ntoken = ", "\"env:ABOARD_HTTP_TOKEN\""),
    ("\nsecret = ", "\"env:CATALOG_WEBHOOK_SECRET\""),
    ("Authorization = ", "\"file:/run/secrets/catalog-authorization\""),
    ("\nsecret_access_key = ", "\"file:/run/secrets/payments\""),
    ("\nsession_token = ", "\"env:PAYMENTS_SESSION_TOKEN\""),
    ("\nsecret_access_key = ", "\"env:BILLING_SECRET_KEY\""),
    ("\nsession_token = ", "\"env:BILLING_SESSION_TOKEN\""),
    ("\nexternal_id = ", "\"env:BILLING_EXTERNAL_ID\""),
    ("\nchild_external_id = ", "\"env:CHILD_EXTERNAL_ID\""),
    ("\naccess_key_id = ", "\"env:PAYMENTS_KEY_ID\""),
];

/// Ways in which people write a literal where a reference belongs, right TOML or not.
fn literals() -> Vec<String> {
    let forms = [
        "\"@\"",
        "'@'",
        "\"\"\"@\"\"\"",
        "\"\"\"\n@\n\"\"\"",
        "'''\nx\n@ y\nz'''",
        "@",
        "\"@",
        "'@",
        "\"\"\"\n@",
        "[\"@\"]",
        "[\"env:A\", \"@\"]",
        "{ value = \"@\" }",
        "{ aws_user = { secret_access_key = \"@\" } }",
        "[\n  \"@\",\n]",
        "\"env:@ @\"",
        "\"env:1@\"",
        "\"ENV:@\"",
        "\"${@}\"",
        "\"@\\q\"",
        "\"@\" \"@\"",
        "\"@\", other = 1",
        "[[\"@\"], 1]",
        "\"\"\"\n@ = @\n[@]\nregions = @\n\"\"\"",
    ];
    forms.iter().map(|form| form.replace('@', CANARY)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_judged_without_a_panic(text in "\\PC{0,200}") {
        judge(&text)?;
    }

    #[test]
    fn any_bytes_are_judged_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        judge(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn text_that_looks_like_toml_is_judged_without_a_panic(
        lines in proptest::collection::vec(
            (
                select(vec!["registry", "http", "targets.a.webhook", "connections.a", "connections.a.auto_onboard", "connections.a.credentials", "x"]),
                select(vec!["path", "token", "regions", "stages", "cron", "day", "time", "timezone", "url", "frequency", "expected", "a.b", "\"\"", "credentials", "published_after"]),
                select(vec!["1", "-1", "1e400", "nan", "true", "\"\"", "\"all\"", "[]", "[\"all\", \"!*\"]", "{}", "{ a = 1 }", "2026-01-01", "9999-12-31T23:59:60Z", "23:59:59", "\"24:00\"", "[[]]", "0xffffffffffffffffff", "\"\"\"\n\"\"\"", "0001-01-01T00:00:00+23:59"]),
            ),
            0..12,
        )
    ) {
        let text: Vec<String> = lines.iter().map(|(table, key, value)| format!("[{table}]\n{key} = {value}")).collect();
        judge(&text.join("\n"))?;
        let dotted: Vec<String> = lines.iter().map(|(table, key, value)| format!("{table}.{key} = {value}")).collect();
        judge(&dotted.join("\n"))?;
    }

    #[test]
    fn a_spoilt_example_is_judged_without_a_panic(harms in proptest::collection::vec(harm(), 1..6)) {
        judge(&spoil(EXAMPLE, &harms))?;
        judge(&spoil(TWELVE, &harms))?;
    }

    #[test]
    fn a_secret_in_the_file_is_never_shown(
        site in select(SITES.to_vec()),
        literal in select(literals()),
        typo in proptest::option::of(any::<Index>()),
        dropped in proptest::collection::vec(any::<Index>(), 0..3),
        strange in proptest::option::of((any::<Index>(), select(vec!["]", "burst = 0", "frequency = \"weakly\"", "x", "[limits]", "y = {", "z = \"", "\"\"\""]))),
    ) {
        let (before, right) = site;
        let whole = format!("{before}{right}");
        prop_assert!(EXAMPLE.contains(&whole), "{whole}");
        // A slip in the key's name, or none.
        let mut name: Vec<char> = before.chars().collect();
        if let Some(at) = typo {
            let letters = before.trim_start().len() - " = ".len();
            name.remove(before.len() - before.trim_start().len() + at.index(letters));
        }
        let name: String = name.into_iter().collect();
        let text = EXAMPLE.replacen(&whole, &format!("{name}{literal}"), 1);
        let mut lines: Vec<&str> = text.lines().collect();
        for index in &dropped {
            lines.remove(index.index(lines.len()));
        }
        if let Some((index, line)) = &strange {
            lines.insert(index.index(lines.len()), line);
        }
        let text = lines.join("\n");
        for problem in problems(&text) {
            prop_assert!(!problem.to_string().contains(CANARY), "{problem}");
            prop_assert!(!format!("{problem:?}").contains(CANARY), "{problem:?}");
        }
    }
}
