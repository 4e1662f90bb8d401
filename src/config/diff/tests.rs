use std::fmt::Write;
use std::path::Path;

use super::*;
use crate::config::{Place, parse};

const FILE: &str = r#"
[registry]
path = "aboard.db"

[http]
listen = "127.0.0.1:9847"

[targets.catalog.webhook]
url = "https://catalog.example.com/hooks"
secret = "env:HOOK"

[targets.specs.directory]
path = "specs"

[targets.scanner.apisec]
token = "env:APISEC"

[targets.script.command]
command = ["register", "-v"]
environment = { TOKEN = "env:TOKEN" }

[integrations.portal.gravitee]
endpoints = ["https://apim.example.com"]
token = "env:GRAVITEE"
integration_id = "one"
limits = { ping = "4s" }
management = { url = "https://apim.example.com/management", token = "env:GRAVITEE_API" }

[connections.payments]
regions = ["eu-west-1", "eu-west-2"]
stages = ["prod", "live-*"]
include = { names = ["*"], tags = { team = ["pay*", "bank"] } }
[connections.payments.credentials.aws_user]
access_key_id = "AKIAPAYMENTS"
secret_access_key = "env:SECRET"
[connections.payments.auto_onboard]
day = "monday"
time = "02:30"
timezone = "Europe/London"

[connections.billing]
regions = ["eu-west-1"]
credentials.assume_role.role_arn = "arn:aws:iam::999988887777:role/R"
"#;

fn config(text: &str) -> Config {
    parse(text, &Place::new(Path::new("/etc/aboard/schedules.toml"))).unwrap().config
}

/// What differs when `from` is written as `to` in the file.
fn written_as(from: &str, to: &str) -> Diff {
    assert_eq!(FILE.matches(from).count(), 1, "{from}");
    diff(&config(FILE), &config(&FILE.replace(from, to)))
}

fn fields(diff: &Diff) -> Vec<String> {
    let of = |changed: &Changed| -> Vec<String> {
        changed.fields.iter().map(|field| format!("{}: {field}", changed.name)).collect()
    };
    diff.changed.iter().chain(&diff.targets.changed).chain(&diff.integrations.changed).flat_map(of).collect()
}

#[test]
fn each_key_that_differs_is_named_and_nothing_else() {
    for (from, to, expected) in [
        ("time = \"02:30\"", "time = \"03:30\"", "payments: auto_onboard.time"),
        ("\"https://apim.example.com\"]", "\"https://apim.example.org\"]", "portal: gravitee.endpoints"),
        ("\"env:GRAVITEE\"", "\"env:GRAVITEE_2\"", "portal: gravitee.token"),
        ("\"one\"", "\"two\"", "portal: gravitee.integration_id"),
        ("\"one\"", "\"one\"\nstages = [\"prod\"]", "portal: gravitee.stages"),
        ("\"one\"", "\"one\"\nconnections = [\"payments\"]", "portal: gravitee.connections"),
        ("\"one\"", "\"one\"\nsubscriptions = true", "portal: gravitee.subscriptions"),
        ("\"one\"", "\"one\"\naccept_api_without_usage_plan = true", "portal: gravitee.accept_api_without_usage_plan"),
        ("\"one\"", "\"one\"\nread_api_keys = true", "portal: gravitee.read_api_keys"),
        ("\"one\"", "\"one\"\nheaders = { X = \"env:X\" }", "portal: gravitee.headers"),
        ("\"one\"", "\"one\"\nca_file = \"ca.pem\"", "portal: gravitee.ca_file"),
        ("\"one\"", "\"one\"\nidentity = \"{api_id}\"", "portal: gravitee.identity"),
        ("\"one\"", "\"one\"\nproxy.url = \"http://proxy\"", "portal: gravitee.proxy"),
        ("{ ping = \"4s\" }", "{ ping = \"3s\" }", "portal: gravitee.limits.ping"),
        ("com/management\"", "com/management\", environment = \"other\"", "portal: gravitee.management.environment"),
        ("env:GRAVITEE_API\"", "env:GRAVITEE_API\", timeout = \"1m\"", "portal: gravitee.management.timeout"),
        (
            "env:GRAVITEE_API\"",
            "env:GRAVITEE_API\", events = [\"api.onboarded\"]",
            "portal: gravitee.management.events",
        ),
        ("env:GRAVITEE_API\"", "env:GRAVITEE_API\", retry.max = \"1h\"", "portal: gravitee.management.retry.max"),
        ("\nmanagement = {", "\nheaders = {}\n#", "portal: gravitee.management"),
        ("day = \"monday\"", "day = \"friday\"", "payments: auto_onboard.day"),
        ("Europe/London", "Europe/Paris", "payments: auto_onboard.timezone"),
        ("time = \"02:30\"", "time = \"02:30\"\nenabled = false", "payments: auto_onboard.enabled"),
        ("time = \"02:30\"", "time = \"02:30\"\nmax_new = 7", "payments: auto_onboard.max_new"),
        ("time = \"02:30\"", "time = \"02:30\"\ncatch_up = \"none\"", "payments: auto_onboard.catch_up"),
        ("[\"prod\", \"live-*\"]", "[\"prod\"]", "payments: stages"),
        ("\"bank\"", "\"shop\"", "payments: include.tags"),
        ("names = [\"*\"]", "names = [\"a*\"]", "payments: include.names"),
        ("AKIAPAYMENTS", "AKIAPAYMENTT", "payments: credentials.aws_user.access_key_id"),
        ("env:SECRET", "file:secret", "payments: credentials.aws_user.secret_access_key"),
        (":role/R", ":role/S", "billing: credentials.assume_role.role_arn"),
        (
            "role/R\"",
            "role/R\"\n[[connections.billing.expected]]\nreason = \"x\"\nstates = [\"failed\"]",
            "billing: expected",
        ),
        ("https://catalog.", "https://catalogue.", "catalog: webhook.url"),
        ("env:HOOK", "env:HOOKS", "catalog: webhook.secret"),
        ("secret = \"env:HOOK\"", "secret = \"env:HOOK\"\nin_flight = 9", "catalog: webhook.in_flight"),
        ("\"specs\"", "\"spec\"", "specs: directory.path"),
        ("env:APISEC", "file:apisec", "scanner: apisec.token"),
        ("env:APISEC\"", "env:APISEC\"\nprune = true", "scanner: apisec.prune"),
        ("env:APISEC\"", "env:APISEC\"\nname = \"{account_id} {region} {api_id}\"", "scanner: apisec.name"),
        ("env:APISEC\"", "env:APISEC\"\ninstances = \"all\"", "scanner: apisec.instances"),
        ("\"register\"", "\"registrar\"", "script: command.command"),
        ("\"-v\"", "\"-q\"", "script: command.command"),
        ("env:TOKEN", "env:TOKENS", "script: command.environment"),
        ("\"-v\"]", "\"-v\"]\ntimeout = \"31s\"", "script: command.timeout"),
        ("\"-v\"]", "\"-v\"]\nin_flight = 2", "script: command.in_flight"),
        ("path = \"specs\"", "path = \"specs\"\nretry.max = \"1h\"", "specs: directory.retry.max"),
    ] {
        assert_eq!(fields(&written_as(from, to)), [expected], "{from} -> {to}");
    }
}

#[test]
fn a_table_that_only_one_file_has_is_named_as_a_whole() {
    let without = FILE.replace(
        &FILE[FILE.find("[connections.payments.auto").unwrap()..FILE.find("[connections.billing]").unwrap()],
        "",
    );
    let removed = diff(&config(FILE), &config(&without));
    assert_eq!(fields(&removed), ["payments: auto_onboard"]);
    assert_eq!(fields(&diff(&config(&without), &config(FILE))), ["payments: auto_onboard"]);
    let other = written_as(
        "credentials.assume_role.role_arn = \"arn:aws:iam::999988887777:role/R\"",
        "credentials.default_chain = {}",
    );
    assert_eq!(fields(&other), ["billing: credentials"]);
}

#[test]
fn another_frequency_names_the_keys_that_come_and_go() {
    let daily = written_as("day = \"monday\"", "frequency = \"daily\"");
    assert_eq!(fields(&daily), ["payments: auto_onboard.frequency", "payments: auto_onboard.day"]);
    let cron = written_as("day = \"monday\"\ntime = \"02:30\"", "cron = \"30 2 * * MON\"");
    let keys = ["frequency", "day", "time", "cron"].map(|key| format!("payments: auto_onboard.{key}"));
    assert_eq!(fields(&cron), keys);
}

#[test]
fn comments_order_spelling_and_defaults_that_are_written_out_do_not_count() {
    let (targets, connections) = FILE[FILE.find("[targets.catalog").unwrap()..]
        .split_at(FILE.find("[connections.payments]").unwrap() - FILE.find("[targets.catalog").unwrap());
    let (catalog, specs) = targets.split_at(targets.find("[targets.specs").unwrap());
    let head = &FILE[..FILE.find("[targets.catalog").unwrap()];
    let other = format!("# moved\n{connections}{specs}{catalog}{head}")
        .replace("[\"eu-west-1\", \"eu-west-2\"]", "[ 'eu-west-2', \"eu-west-1\" ] # both")
        .replace("[\"pay*\", \"bank\"]", "[\"bank\", \"pay*\"]")
        .replace("day = \"monday\"", "frequency = \"weekly\"\nday = \"monday\"\nenabled = true\njitter = \"0s\"");
    let same = diff(&config(FILE), &config(&other));
    assert!(same.is_empty(), "{same:#?}");
    assert_eq!(same.to_string(), "+0 ~0 -0 =2");
    assert_eq!(same.details(), "");
}

#[test]
fn connections_and_targets_are_counted_by_name() {
    let new =
        FILE.replace("connections.billing", "connections.invoices").replace("time = \"02:30\"", "time = \"03:30\"");
    let diff = diff(&config(FILE), &config(&new));
    assert_eq!(
        diff.to_string(),
        "+1 ~1 -1 =0, integrations +0 ~1 -0 =0",
        "integrations without `connections` offer all of them"
    );
    assert_eq!(
        diff.details(),
        "added invoices; changed payments (auto_onboard.time); removed billing; \
         changed integrations portal (gravitee.connections)"
    );
    let target = written_as("[targets.specs.directory]", "[targets.documents.directory]");
    assert_eq!(
        target.to_string(),
        "+0 ~2 -0 =0, targets +1 ~0 -1 =3",
        "connections without `targets` tell all of them"
    );
}

#[test]
fn settings_that_need_a_restart_are_told_from_those_that_do_not() {
    let hot = "[registry]\nkeep_runs = \"30d\"\npath = \"aboard.db\"\n[limits]\nparallel_runs = 4\n";
    let hot = written_as("[registry]\npath = \"aboard.db\"\n", hot);
    assert_eq!(hot.settings, ["registry.keep_runs", "limits.parallel_runs"]);
    assert_eq!(hot.restart_only, Vec::<String>::new());
    let cold = "[registry]\npath = \"b.db\"\n[network]\nca_file = \"/ca.pem\"\n[limits]\nrequests_per_second = 1\nburst = 1\n\
                per = \"account\"\naccounts_in_flight = 2\n";
    let cold = written_as("[registry]\npath = \"aboard.db\"\n", cold);
    let keys = [
        "registry.path",
        "network.ca_file",
        "limits.requests_per_second",
        "limits.burst",
        "limits.per",
        "limits.accounts_in_flight",
    ];
    assert_eq!(cold.restart_only, keys);
    assert_eq!(cold.settings, Vec::<String>::new());
    assert_eq!(written_as(":9847\"", ":9848\"\ntoken = \"env:T\"").restart_only, ["http.listen", "http.token"]);
    assert_eq!(written_as("[http]\nlisten = \"127.0.0.1:9847\"\n", "").restart_only, ["http"]);
}

#[test]
fn what_needs_a_restart_stays_as_it_was_and_is_named_again_each_time() {
    let running = config(FILE);
    let new = FILE.replace(":9847", ":9848").replace("time = \"02:30\"", "time = \"03:30\"");
    let in_force = in_force(&running, config(&new));
    let taken = diff(&running, &in_force);
    assert_eq!((taken.restart_only.len(), taken.changed.len()), (0, 1), "{taken:#?}");
    let later = diff(&in_force, &config(&new));
    assert_eq!(later.restart_only, ["http.listen"], "it still waits, although the file did not change again");
    assert!(diff(&in_force, &config(&new.replace(":9848", ":9847"))).is_empty(), "and no longer once it is taken back");
}

fn many(names: impl IntoIterator<Item = usize>) -> Config {
    let mut text = String::new();
    for n in names {
        write!(text, "[connections.c{n:03}]\nregions = [\"eu-west-1\"]\ncredentials.default_chain = {{}}\n").unwrap();
    }
    config(&text)
}

#[test]
fn most_is_more_than_half_of_more_than_three() {
    for (before, kept, most) in [
        (3, 0, false),
        (4, 2, false),
        (4, 1, true),
        (4, 0, true),
        (5, 3, false),
        (5, 2, true),
        (10, 5, false),
        (10, 4, true),
    ] {
        assert_eq!(diff(&many(0..before), &many(0..kept)).removes_most(), most, "{before} -> {kept}");
    }
    assert!(diff(&many(0..4), &many(10..20)).removes_most(), "others in their place do not make up for it");
}

#[test]
fn a_long_list_is_cut_and_counted() {
    let details = diff(&many([]), &many(0..25)).details();
    assert!(details.starts_with("added c000, c001, ") && details.ends_with(", c019 and 5 more"), "{details}");
}

#[test]
fn a_diff_survives_json() {
    let diff = written_as("time = \"02:30\"", "time = \"03:30\"");
    let json = serde_json::to_string(&diff).unwrap();
    assert_eq!(serde_json::from_str::<Diff>(&json).unwrap(), diff);
}
