//! Policies and trust policies as a person or a script gets them.

use serde_json::{Value, json};

use super::{KEY, PARTITIONS, allowed, alone, central_role, connection, reading, role};
use crate::support::{CANARY, Home, Server};

/// The documents of one command line, in their order, each with its kind; they carry the exit code 0.
fn documents(home: &Home, words: &[&str]) -> Vec<(String, Value)> {
    let words: Vec<&str> = ["-o", "json", "iam"].iter().chain(words).copied().collect();
    let listed = home.ok(&words).json();
    let documents = listed["documents"].as_array().unwrap_or_else(|| panic!("one document alone: {listed}"));
    documents.iter().map(|one| (one["kind"].as_str().unwrap().to_owned(), one["document"].clone())).collect()
}

#[test]
fn an_identity_that_reads_by_itself_gets_one_bare_policy_in_each_partition() {
    for (partition, region) in PARTITIONS {
        for credentials in [KEY, "default_chain]", "default_chain]\nprofile = \"audit\""] {
            let home = alone(&connection("own", region, credentials));
            let said = home.ok(&["iam", "policy"]);
            assert_eq!(allowed(&said.json()), reading(partition, region), "{said:?}");
            assert!(said.stderr.contains("permissions of") && said.stderr.contains("(connection own)"), "{said:?}");
            // Text and JSON are one document, so either can be given to IAM.
            assert_eq!(home.ok(&["-o", "json", "-q", "iam", "policy", "own"]).json(), said.json());
            assert!(home.ok(&["-q", "iam", "policy"]).stderr.is_empty());
        }
    }
}

#[test]
fn a_role_and_who_assumes_it_get_a_policy_each_in_each_partition() {
    for (partition, region) in PARTITIONS {
        let home = alone(&connection("there", region, &role(partition, "")));
        let found = documents(&home, &["policy"]);
        let [(identity, source), (kind, reader)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((identity.as_str(), kind.as_str()), ("identity", "role"));
        let arn = format!("arn:{partition}:iam::999988887777:role/team/Reader");
        assert_eq!(allowed(source), [("sts:AssumeRole".to_owned(), arn)]);
        assert_eq!(allowed(reader), reading(partition, region));
        // One of them alone is a bare document again.
        let said = home.ok(&["iam", "policy", "there", "--only", "role"]);
        assert_eq!(said.json(), *reader);
    }
}

#[test]
fn a_central_role_has_three_policies_in_each_partition() {
    for (partition, region) in PARTITIONS {
        let home = alone(&connection("org", region, &central_role(partition, "")));
        let found = documents(&home, &["policy", "org"]);
        let kinds: Vec<&str> = found.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["identity", "central-role", "child-role"]);
        let central = format!("arn:{partition}:iam::111122223333:role/Central");
        assert_eq!(allowed(&found[0].1), [("sts:AssumeRole".to_owned(), central)]);
        let enters = ("sts:AssumeRole".to_owned(), format!("arn:{partition}:iam::*:role/spokes/Child"));
        let lists = ("organizations:ListAccounts".to_owned(), "*".to_owned());
        assert_eq!(allowed(&found[1].1), [reading(partition, region), vec![enters, lists]].concat());
        assert_eq!(allowed(&found[2].1), reading(partition, region));
    }
}

#[test]
fn listing_regions_is_allowed_only_where_all_of_them_are_read() {
    let lists = ("account:ListRegions".to_owned(), "*".to_owned());
    let every = allowed(&alone(&connection("own", "all", KEY)).ok(&["iam", "policy"]).json());
    assert_eq!(every, [reading("aws", "*"), vec![lists.clone()]].concat());
    let said = alone(&connection("own", "all", KEY)).ok(&["iam", "policy", "--partition", "aws-cn"]);
    assert_eq!(allowed(&said.json()), [reading("aws-cn", "*"), vec![lists]].concat());
    let bad = alone(&connection("own", "all", KEY)).run(&["iam", "policy", "--partition", "aws-mars"]);
    assert_eq!(bad.code, Some(2));
    assert!(bad.stderr.contains("aws-us-gov"), "{bad:?}");
}

#[test]
fn several_documents_as_text_come_one_after_another_each_under_its_heading() {
    let home = alone(&connection("there", "eu-west-1", &role("aws", "")));
    let said = home.ok(&["iam", "policy"]);
    let mut stream = serde_json::Deserializer::from_str(&said.stdout).into_iter::<Value>();
    assert_eq!(stream.by_ref().filter_map(Result::ok).count(), 2, "{said:?}");
    let headings: Vec<&str> = said.stderr.lines().collect();
    assert_eq!(
        headings,
        [
            "aboard: permissions of the IAM user with the access key AKIASOURCE (connection there)",
            "aboard: permissions of role arn:aws:iam::999988887777:role/team/Reader (connection there)"
        ]
    );
    // In YAML a heading is a comment, so that it stays with its document.
    let yaml = home.ok(&["iam", "policy", "--format", "yaml"]).stdout;
    assert!(
        yaml.starts_with(
            "# permissions of the IAM user with the access key AKIASOURCE (connection there)\nVersion: '2012-10-17'\n"
        ),
        "{yaml}"
    );
    assert_eq!(yaml.lines().filter(|line| *line == "---").count(), 1, "{yaml}");
}

#[test]
fn a_trust_policy_names_the_principal_and_the_external_id_in_each_partition() {
    for (partition, region) in PARTITIONS {
        let principal = format!("arn:{partition}:iam::222233334444:user/aboard");
        let central = format!("arn:{partition}:iam::111122223333:role/Central");
        let more = "external_id = \"literal\"\nchild_external_id = \"env:NEVER_SET\"";
        let home = alone(&connection("org", region, &central_role(partition, more)));
        let found = documents(&home, &["trust", "--principal", &principal]);
        let trust = |who: &str, id: &str| {
            json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": { "AWS": who },
                    "Action": "sts:AssumeRole",
                    "Condition": { "StringEquals": { "sts:ExternalId": id } },
                }],
            })
        };
        let expected =
            [("central-role", trust(&principal, "literal")), ("child-role", trust(&central, "${ExternalId}"))];
        assert_eq!(found, expected.clone().map(|(kind, document)| (kind.to_owned(), document)));
        // The placeholder is explained where a person sees it.
        let said = home.ok(&["iam", "trust", "--principal", &principal, "--only", "child-role"]);
        assert!(said.stderr.contains("put what env:NEVER_SET holds in place of ${ExternalId}"), "{said:?}");
        assert_eq!(said.json(), expected[1].1);
    }
}

#[test]
fn without_a_principal_the_source_is_asked_who_it_is_and_no_external_id_is_resolved() {
    let made = Server::ministack().python(r#"answer(user(root("100000000091"), "asks"))"#);
    let credentials = format!(
        "assume_role]\nrole_arn = \"arn:aws:iam::100000000092:role/R\"\nexternal_id = \"env:SECRET\"\n\
         source = {{ aws_user = {{ access_key_id = {}, secret_access_key = \"file:secret\" }} }}\n",
        made["id"]
    );
    let home = Home::new(&Server::ministack().url(), &connection("there", "eu-west-1", &credentials));
    home.write("secret", made["secret"].as_str().unwrap());
    let said = home.ok(&["iam", "trust"]);
    assert_eq!(said.json()["Statement"][0]["Principal"]["AWS"], "arn:aws:iam::100000000091:user/asks");
    // SECRET is set, and holds what may be shown nowhere.
    assert!(!format!("{said:?}").contains(CANARY), "{said:?}");

    home.write("secret", "wrong");
    let said = home.run(&["iam", "trust"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    assert!(said.stderr.contains("GetCallerIdentity") && said.stderr.contains("--principal"), "{said:?}");
    home.ok(&["iam", "trust", "--principal", "arn:aws:iam::100000000091:user/asks"]);
}

#[test]
fn a_connection_without_the_role_that_is_asked_for_is_refused_in_one_sentence() {
    let own = connection("own", "eu-west-1", KEY);
    let home = alone(&(own.clone() + &connection("there", "eu-west-1", &role("aws", ""))));
    for (words, expected) in [
        (&["trust", "own"][..], "own reads with its own access key, so there is no trust policy for it"),
        (&["child-role", "there"], "there has one role, and no central one, so there is no template for it"),
        (&["central-role"], "no connection in the schedule file has a role that needs a template"),
        (&["child-role", "--steps"], "no connection in the schedule file has a role that needs a template"),
        (&["policy", "own", "--only", "role"], "the chosen connections have no role"),
        (
            &["trust", "--principal", "arn:aws-cn:iam::111122223333:root"],
            "arn:aws-cn:iam::111122223333:root is in another partition than the role arn:aws:iam::999988887777:role/team/Reader, which cannot trust it",
        ),
    ] {
        let said = home.run(&[&["iam"], words].concat());
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{words:?}");
        assert_eq!(said.stderr, format!("aboard: {expected}\n"), "{words:?}");
    }
    assert_eq!(alone(&own).run(&["iam", "trust"]).code, Some(2));
    assert_eq!(home.run(&["iam", "trust", "--principal", "*"]).code, Some(2));
    let unknown = home.run(&["iam", "policy", "owm"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("did you mean own?"), "{unknown:?}");
    let nowhere = home.run(&["--config", "nowhere.toml", "iam", "policy"]);
    assert_eq!(nowhere.code, Some(2));
    assert!(nowhere.stderr.contains("nowhere.toml"), "{nowhere:?}");
}
