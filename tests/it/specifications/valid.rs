//! What is printed passes others' checks: `PyPI`'s `openapi-spec-validator`, and `AsyncAPI`'s own parser from npm.

use std::process::Command;

use super::{ONBOARD, world};
use crate::support::shop::open;
use crate::support::{Home, npm, venv};

/// Writes what `spec` prints of an API to a file of its home.
fn printed(home: &Home, api: &str) -> String {
    let file = format!("{api}.json");
    home.write(&file, &home.ok(&["spec", api]).stdout);
    file
}

fn must_pass(home: &Home, mut checker: Command, files: &[String]) -> String {
    let output = checker.args(files).current_dir(home.path("")).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn openapi_documents_pass_openapi_spec_validator_which_refuses_what_aws_exported() {
    let (_sim, home) = open(world());
    home.ok(&ONBOARD);
    let validator = || Command::new(venv::bin().join("openapi-spec-validator"));
    must_pass(&home, validator(), &["restorders", "httpbasket"].map(|api| printed(&home, api)));
    for export in [super::rest_export(), super::http_export()] {
        home.write("export.json", &export.to_string());
        let output = validator().arg(home.path("export.json")).output().unwrap();
        assert!(!output.status.success(), "the exports of these tests are as invalid as AWS's");
    }
}

#[test]
fn asyncapi_documents_pass_the_parser_of_asyncapi() {
    let (_sim, home) = open(world());
    home.ok(&ONBOARD);
    let file = printed(&home, "wschat0001");
    let said = must_pass(&home, npm::script("asyncapi.js"), &[file]);
    assert!(!said.contains("error"), "{said}");
    let broken = home.ok(&["spec", "wschat0001"]).stdout.replace("\"receive\"", "\"take\"");
    home.write("broken.json", &broken);
    let output = npm::script("asyncapi.js").arg(home.path("broken.json")).output().unwrap();
    assert!(!output.status.success(), "else nothing was checked here");
}
