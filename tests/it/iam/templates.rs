//! CloudFormation templates: a checker takes them, YAML says what JSON says, and the roll-out leads there.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::{PARTITIONS, alone, central_role, connection, integration};
use crate::support::{CANARY, Home, server, venv};

/// What is compared: each `NAME.yaml` with `NAME.json`, by what Python's yaml module reads, which is YAML 1.1 as in CloudFormation's own tools.
const SAME: &str = r#"
import json, sys, yaml
for path in sys.argv[1:]:
    read = yaml.safe_load(open(path)), json.load(open(path.replace(".yaml", ".json")))
    assert read[0] == read[1], (path, *read)
    assert isinstance(read[0], dict)
"#;

/// The checker, as its package installs it.
fn cfn_lint() -> String {
    venv::bin().join("cfn-lint").to_str().unwrap().to_owned()
}

fn python(home: &Home, words: &[&str], files: &[String]) -> (Option<i32>, String) {
    let mut command = server::python();
    let output = command.args(words).args(files).current_dir(home.path("")).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_checker_of_templates_takes_every_one_and_yaml_says_what_json_says() {
    let shelf = alone("");
    let (mut templates, mut yaml) = (Vec::new(), Vec::new());
    for (partition, region) in PARTITIONS {
        for (number, more) in [
            "",
            "external_id = \"111122223333\"\nchild_external_id = \"on\"",
            "external_id = \"env:SECRET\"\nchild_external_id = \"file:/run/secrets/it's\"\nmanagement_account = \"skip\"",
        ]
        .iter()
        .enumerate()
        {
            for region in [region, "all"] {
                let keys = if number == 2 { integration("subscriptions = true\nread_api_keys = true") } else { String::new() };
                let home = alone(&(connection("org", region, &central_role(partition, more)) + &keys));
                let principal = format!("arn:{partition}:iam::222233334444:user/aboard");
                for (what, words) in
                    [("central", &["iam", "central-role", "--principal", &principal][..]), ("child", &["iam", "child-role"])]
                {
                    let name = format!("{what}-{partition}-{region}-{number}");
                    for form in ["json", "yaml"] {
                        let said = home.ok(&[words, &["--format", form]].concat());
                        assert!(!format!("{said:?}").contains(CANARY), "no secret is resolved");
                        shelf.write(&format!("{name}.{form}"), &said.stdout);
                        templates.push(format!("{name}.{form}"));
                    }
                    // YAML is what a person gets who says nothing.
                    assert_eq!(home.ok(words).stdout, fs::read_to_string(shelf.path(&format!("{name}.yaml"))).unwrap());
                    yaml.push(format!("{name}.yaml"));
                }
            }
        }
    }
    assert_eq!((templates.len(), yaml.len()), (96, 48));
    assert_eq!(python(&shelf, &["-c", SAME], &yaml), (Some(0), String::new()));
    assert_eq!(python(&shelf, &[&cfn_lint(), "--"], &templates), (Some(0), String::new()));

    // The checker does look at what it is given.
    let child = fs::read_to_string(shelf.path("child-aws-all-0.yaml")).unwrap();
    for (name, broken) in [
        ("type.yaml", child.replace("AWS::IAM::Role", "AWS::IAM::Rolle")),
        ("policy.yaml", child.replace("Effect: Allow", "Effect: Maybe")),
    ] {
        shelf.write(name, &broken);
        assert_ne!(python(&shelf, &[&cfn_lint(), "--"], &[name.to_owned()]).0, Some(0), "{name}");
    }
}

#[test]
fn policies_and_trust_policies_in_yaml_say_what_they_say_in_json() {
    let shelf = alone("");
    let mut yaml = Vec::new();
    for (partition, region) in PARTITIONS {
        let more = "external_id = \"111122223333\"\nchild_external_id = \"env:SECRET\"";
        let home = alone(&connection("org", region, &central_role(partition, more)));
        let principal = format!("arn:{partition}:iam::222233334444:user/aboard");
        for kind in ["identity", "central-role", "child-role"] {
            for (what, words) in [("policy", &["policy"][..]), ("trust", &["trust", "--principal", &principal])] {
                if (what, kind) == ("trust", "identity") {
                    continue;
                }
                let name = format!("{what}-{kind}-{partition}");
                for form in ["json", "yaml"] {
                    let said = home.ok(&[&["iam"], words, &["--only", kind, "--format", form]].concat());
                    shelf.write(&format!("{name}.{form}"), &said.stdout);
                }
                yaml.push(format!("{name}.yaml"));
            }
        }
    }
    assert_eq!(yaml.len(), 4 * 5);
    assert_eq!(python(&shelf, &["-c", SAME], &yaml), (Some(0), String::new()));
}

#[test]
fn the_roll_out_names_every_command_in_the_order_in_which_they_work() {
    let more = "child_external_id = \"env:SECRET\"\naccounts = { organizational_units = [\"ou-abcd-11112222\"] }";
    let home = alone(&connection("org", "eu-west-1", &central_role("aws", more)));
    let said = home.ok(&["iam", "child-role", "--steps"]);
    let mut rest = said.stdout.as_str();
    for expected in [
        "1. Make the central role (in account 111122223333)",
        "aboard iam central-role org > central-role.yaml",
        "aws cloudformation activate-organizations-access --region us-east-1",
        "aboard iam child-role org > child-role.yaml",
        "printf '[{\"ParameterKey\":\"ExternalId\",\"ParameterValue\":\"%s\"}]' \"$SECRET\" | aws cloudformation create-stack-set --region us-east-1 --stack-set-name aboard-child-role-Child --template-body file://child-role.yaml \
         --permission-model SERVICE_MANAGED --auto-deployment Enabled=true,RetainStacksOnAccountRemoval=false \
         --capabilities CAPABILITY_NAMED_IAM --parameters file:///dev/stdin",
        "aws cloudformation create-stack-instances --region us-east-1 --stack-set-name aboard-child-role-Child \
         --deployment-targets OrganizationalUnitIds=ou-abcd-11112222 --regions us-east-1 ",
        "Automatic deployment Activated",
        "5. Give the management account the role (in the management account)",
        "aws cloudformation deploy --region us-east-1 --stack-name aboard-child-role-Child --template-file child-role.yaml",
        "aboard test org",
    ] {
        let at = rest.find(expected).unwrap_or_else(|| panic!("no `{expected}` in {rest}"));
        rest = &rest[at + expected.len()..];
    }
    assert!(!said.stdout.contains(CANARY));
    let json = home.ok(&["-o", "json", "iam", "child-role", "org", "--steps"]).json();
    assert_eq!((&json["connections"][0], json["steps"].as_array().unwrap().len()), (&"org".into(), 6));
    assert!(
        json["steps"][3]["commands"].as_array().unwrap().iter().all(|line| line.as_str().unwrap().starts_with("aws "))
    );
}

/// Stands in for the AWS CLI: writes down its arguments, and what it is given by standard input.
const AWS: &str = "#!/bin/sh\necho \"$@\" >> arguments\ncat >> given\n";

#[test]
fn an_external_id_goes_in_whole_and_by_no_command_line() {
    // Every sign that a template lets through.
    let id = "a,b=c+d.e@f:g/h-i_j";
    let more = "external_id = \"file:it's there\"\nchild_external_id = \"env:CHILD\"";
    let home = alone(&connection("org", "eu-west-1", &central_role("aws", more)));
    home.write("it's there", &format!("{id}\n"));
    home.write("aws", AWS);
    assert!(Command::new("chmod").args(["+x", "aws"]).current_dir(home.path("")).status().unwrap().success());
    let json = home.ok(&["-o", "json", "iam", "child-role", "--steps"]).json();
    let commands = json["steps"].as_array().unwrap().iter().flat_map(|step| step["commands"].as_array().unwrap());
    let given: Vec<&str> = commands.map(|line| line.as_str().unwrap()).filter(|line| line.contains("stdin")).collect();
    assert_eq!(given.len(), 3, "{json}");
    for line in given {
        fs::write(home.path("given"), "").unwrap();
        let mut shell = Command::new("sh");
        let line = format!("PATH=\"$PWD:$PATH\"; {line}");
        let shell = shell.args(["-c", &line]).env("CHILD", id).current_dir(home.path(""));
        assert!(shell.status().unwrap().success(), "{line}");
        let read: Value = serde_json::from_str(&fs::read_to_string(home.path("given")).unwrap()).unwrap();
        assert_eq!(read, json!([{ "ParameterKey": "ExternalId", "ParameterValue": id }]), "{line}");
    }
    let arguments = fs::read_to_string(home.path("arguments")).unwrap();
    assert!(arguments.contains("create-stack-set") && !arguments.contains(id), "{arguments}");
}

#[test]
fn a_role_that_connections_share_has_one_template_whichever_of_them_is_named() {
    let role = |name: &str, id: &str| {
        connection(name, "eu-west-1", &central_role("aws", &format!("child_external_id = \"{id}\"")))
    };
    let home = alone(&(role("a", "of-a") + &role("b", "of-b")));
    let principal = ["--principal", "arn:aws:iam::222233334444:user/aboard"];
    for words in [&["iam", "child-role"][..], &[&["iam", "central-role"][..], &principal].concat()] {
        let all = home.ok(words).stdout;
        assert_eq!(home.ok(&[words, &["a"]].concat()).stdout, all);
        assert_eq!(home.ok(&[words, &["b"]].concat()).stdout, all);
    }
    let child = home.ok(&["iam", "child-role", "b"]).stdout;
    assert!(child.contains("of-a") && child.contains("of-b"), "{child}");
    let steps = home.ok(&["iam", "child-role", "a", "--steps"]).stdout;
    assert_eq!(steps.matches("create-stack-set ").count(), 1, "{steps}");
    assert_eq!(home.ok(&["iam", "child-role", "--steps"]).stdout, steps);
}
