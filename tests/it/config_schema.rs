//! The table of keys from outside: the JSON Schema, the example file and what is parsed agree.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use aboard::config::{self, Place};
use serde_json::Value;

fn in_repository(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Every key of a schema as a path, with `*` where the user gives the name.
fn keys_of_schema(schema: &Value, path: &str, keys: &mut BTreeSet<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        keys.insert(path.clone());
        keys_of_schema(property, &path, keys);
        keys_of_schema(&property["items"], &path, keys);
        if property["additionalProperties"].is_object() {
            keys_of_schema(&property["additionalProperties"], &format!("{path}.*"), keys);
        }
    }
}

/// Every key of a file, as far as the schema knows tables.
fn keys_of_file(value: &toml::Value, schema: &Value, path: &str, keys: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(entries) => {
            for (name, value) in entries {
                if schema["properties"].is_object() {
                    let path = format!("{path}.{name}");
                    keys.insert(path.clone());
                    keys_of_file(value, &schema["properties"][name], &path, keys);
                } else {
                    keys_of_file(value, &schema["additionalProperties"], &format!("{path}.*"), keys);
                }
            }
        }
        toml::Value::Array(items) => items.iter().for_each(|item| keys_of_file(item, &schema["items"], path, keys)),
        _ => {}
    }
}

#[test]
fn the_example_shows_every_key_and_no_other() {
    let schema = config::schema();
    let (mut known, mut shown) = (BTreeSet::new(), BTreeSet::new());
    keys_of_schema(&schema, "", &mut known);
    let example: toml::Value = toml::from_str(&in_repository("schedules.example.toml")).unwrap();
    keys_of_file(&example, &schema, "", &mut shown);
    // `source` takes the same table of keys wherever it stands, so one place is enough.
    let anywhere = |key: &String| {
        let wanted = key.rsplit(".source.").next().unwrap_or(key);
        shown.iter().any(|other| other.rsplit(".source.").next() == Some(wanted))
    };
    let missing: Vec<&String> =
        known.difference(&shown).filter(|key| !(key.contains(".source.") && anywhere(key))).collect();
    assert_eq!(missing, Vec::<&String>::new(), "not in the example");
    assert_eq!(shown.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "not in the schema");
    assert!(known.len() > 100, "only {}", known.len());
}

#[test]
fn the_schema_file_is_what_the_program_prints() {
    let file: Value = serde_json::from_str(&in_repository("schedules.schema.json")).unwrap();
    assert!(file == config::schema(), "write the output of `aboard schema` to schedules.schema.json");
}

/// Every table of the schema, to any depth.
fn each_table(schema: &Value, found: &mut impl FnMut(&Value)) {
    match schema {
        Value::Object(members) => {
            if schema["type"] == "object" {
                found(schema);
            }
            members.values().for_each(|member| each_table(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| each_table(item, found)),
        _ => {}
    }
}

#[test]
fn every_table_is_closed_and_every_key_is_explained() {
    let mut tables = 0;
    each_table(&config::schema(), &mut |table| {
        if let Some(properties) = table["properties"].as_object() {
            tables += 1;
            assert_eq!(table["additionalProperties"], false, "{table:#}");
            for (name, property) in properties {
                assert!(property["description"].as_str().is_some_and(|doc| doc.ends_with('.')), "{name}");
            }
        }
    });
    assert!(tables >= 20, "only {tables}");
}

#[test]
fn a_default_in_the_schema_is_what_holds_without_the_key() {
    let place = Place::new(Path::new("schedules.toml"));
    let bare = r#"
        [targets.hook.webhook]
        url = "https://example.com"
        [targets.specs.directory]
        path = "specs"
        [targets.scanner.apisec]
        token = "env:APISEC_TOKEN"
        [targets.script.command]
        command = ["register"]
        [connections.a]
        regions = ["eu-west-1"]
        credentials.assume_role = { role_arn = "arn:aws:iam::111122223333:role/R" }
        auto_onboard = { day = "monday", time = "02:30", timezone = "UTC" }
        [integrations.portal.gravitee]
        endpoints = ["https://example.com"]
        token = "env:GRAVITEE_TOKEN"
        integration_id = "1"
        management = { url = "https://example.com", token = "env:GRAVITEE_TOKEN" }
        [connections.b]
        credentials.central_role = { role_arn = "arn:aws:iam::111122223333:role/R", child_role_name = "C" }
    "#;
    let usual = config::parse(bare, &place).unwrap().config;
    let schema = config::schema();
    let given: toml::Table = toml::from_str(bare).unwrap();

    let tables: [(&[&str], &str); 14] = [
        (&["registry"], "/properties/registry"),
        (&["limits"], "/properties/limits"),
        (&["targets", "hook", "webhook"], "/properties/targets/additionalProperties/properties/webhook"),
        (
            &["targets", "hook", "webhook", "retry"],
            "/properties/targets/additionalProperties/properties/webhook/properties/retry",
        ),
        (&["targets", "script", "command"], "/properties/targets/additionalProperties/properties/command"),
        (&["targets", "specs", "directory"], "/properties/targets/additionalProperties/properties/directory"),
        (&["targets", "scanner", "apisec"], "/properties/targets/additionalProperties/properties/apisec"),
        (&["connections", "a", "auto_onboard"], "/properties/connections/additionalProperties/properties/auto_onboard"),
        (&["integrations", "portal", "gravitee"], "/properties/integrations/additionalProperties/properties/gravitee"),
        (
            &["integrations", "portal", "gravitee", "limits"],
            "/properties/integrations/additionalProperties/properties/gravitee/properties/limits",
        ),
        (
            &["integrations", "portal", "gravitee", "management"],
            "/properties/integrations/additionalProperties/properties/gravitee/properties/management",
        ),
        (
            &["integrations", "portal", "gravitee", "management", "retry"],
            "/properties/integrations/additionalProperties/properties/gravitee/properties/management/properties/retry",
        ),
        (
            &["connections", "a", "credentials", "assume_role"],
            "/properties/connections/additionalProperties/properties/credentials/properties/assume_role",
        ),
        (
            &["connections", "b", "credentials", "central_role"],
            "/properties/connections/additionalProperties/properties/credentials/properties/central_role",
        ),
    ];
    let mut tried = 0;
    for (path, pointer) in tables {
        for (key, property) in schema.pointer(pointer).unwrap()["properties"].as_object().unwrap() {
            let Some(default) = property.get("default") else { continue };
            let mut file = given.clone();
            let mut table = &mut file;
            for step in path {
                let entry = table.entry((*step).to_owned()).or_insert_with(|| toml::Table::new().into());
                table = entry.as_table_mut().unwrap();
            }
            table.insert(key.clone(), toml::Value::try_from(default).unwrap());
            let text = toml::to_string(&file).unwrap();
            assert_eq!(config::parse(&text, &place).unwrap().config, usual, "{path:?} {key}");
            tried += 1;
        }
    }
    assert!(tried >= 25, "only {tried}");
}
