//! `schedule show`, `set`, `enable`, `disable`, `remove`.

use serde_json::json;

use super::{COMMENTED, home, refused, text, unscheduled};
use crate::support::on_a_terminal;
use crate::support::shop::count;

#[test]
fn a_schedule_is_made_changed_switched_off_and_on_and_removed() {
    let home = unscheduled();
    let before = text(&home);
    let said = home.ok(&[
        "schedule",
        "set",
        "shop",
        "--frequency",
        "weekly",
        "--day",
        "Monday",
        "--time",
        "02:30",
        "--timezone",
        "Europe/London",
    ]);
    assert!(said.stdout.starts_with("shop: weekly on Monday at 02:30 Europe/London\n"), "{said:?}");
    let table = "\n[connections.shop.auto_onboard]\nfrequency = \"weekly\"\nday = \"monday\"\ntime = \"02:30\"\ntimezone = \"Europe/London\"\n";
    assert_eq!(text(&home), format!("{before}{table}"));

    let said =
        home.ok(&["schedule", "set", "shop", "--cron", "0 3 * * *", "--max-new", "5", "--retry-failed", "5m, 1h"]);
    assert!(said.stdout.contains("cron             none -> \"0 3 * * *\""), "{said:?}");
    assert!(said.stdout.contains("day              \"monday\" -> none"), "{said:?}");
    let after = text(&home);
    assert!(after.contains("cron = \"0 3 * * *\"\ntimezone") && !after.contains("day ="), "{after}");
    assert!(after.contains("max_new = 5\n") && after.contains("retry_failed = [\"5m\", \"1h\"]\n"), "{after}");

    let said = home.ok(&["schedule", "disable", "shop", "--yes"]);
    assert!(said.stdout.contains("-> none, disabled"), "{said:?}");
    let document = &home.json(&["schedule", "show", "shop"]);
    assert_eq!((&document["enabled"], &document["next"]), (&json!(false), &json!([])));
    assert!(home.ok(&["schedule", "disable", "shop", "--yes"]).stdout.contains("shop: nothing to change"));
    home.ok(&["schedule", "enable", "shop"]);
    assert_eq!(home.json(&["schedule", "show", "shop"])["enabled"], json!(true));

    home.ok(&["schedule", "remove", "shop", "--yes"]);
    assert_eq!(text(&home), before);
}

#[test]
fn what_people_wrote_beside_a_change_stays() {
    let home = home(COMMENTED);
    home.ok(&["schedule", "set", "shop", "--frequency", "daily", "--time", "04:00"]);
    let wanted =
        COMMENTED.replace("day = 'monday' # not Sunday\ntime = \"02:30\"", "frequency = \"daily\"\ntime = \"04:00\"");
    assert_eq!(text(&home), wanted);
    home.ok(&["schedule", "set", "shop", "--frequency", "weekly", "--day", "monday", "--time", "02:30"]);
    home.ok(&["schedule", "set", "shop", "--misfire-grace", "2h"]);
    home.ok(&["schedule", "set", "shop", "--misfire-grace", "none", "--published-after", "2026-01-01"]);
    let after = text(&home);
    assert!(after.contains("published_after = 2026-01-01\n") && !after.contains("misfire"), "{after}");
    assert!(
        after.starts_with("# Ours.\n\n[connections.shop] # the shop\n") && after.ends_with("\n\n# The end.\n"),
        "{after}"
    );
}

#[test]
fn line_ends_and_the_mark_at_the_beginning_stay() {
    let home = home(&format!("\u{feff}{}", COMMENTED.replace('\n', "\r\n")));
    home.ok(&["schedule", "set", "shop", "--jitter", "5m", "--time", "03:00"]);
    let after = text(&home);
    assert!(after.starts_with('\u{feff}') && after.contains("jitter = \"5m\"\r\n"), "{after:?}");
    assert_eq!(after.matches('\n').count(), after.matches("\r\n").count(), "{after:?}");
}

#[test]
fn a_schedule_is_shown_with_its_defaults_and_its_next_instants() {
    let home = home(COMMENTED);
    let said = home.ok(&["schedule", "show", "shop"]).stdout;
    for part in [
        "shop: weekly on Monday at 02:30 Europe/London\n",
        "  day              'monday'\n",
        "  frequency        \"weekly\"  (default)\n",
        "  retry_failed     [\"15m\", \"2h\", \"12h\"]  (default)\n",
        ":30:00 UTC, Mon 02:30 Europe/London\n",
    ] {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
    let shown = home.json(&["schedule", "show", "--all", "--next", "2"]);
    assert_eq!(shown["keys"].as_array().unwrap().len(), 15);
    assert_eq!(shown["keys"][0], json!({ "key": "enabled", "value": true, "default": true }));
    assert_eq!(shown["next"].as_array().unwrap().len(), 2);
    let unscheduled = unscheduled();
    assert!(unscheduled.ok(&["schedule", "show", "shop"]).stdout.contains("by hand only"));
    assert_eq!(unscheduled.json(&["schedule", "show", "shop"])["schedule"], json!(null));
}

#[test]
fn a_dry_run_shows_the_difference_and_writes_nothing() {
    let home = home(COMMENTED);
    let said = home.ok(&["schedule", "set", "shop", "--frequency", "daily", "--dry-run"]);
    assert_eq!(
        said.stdout,
        "--- schedules.toml\n+++ schedules.toml (edited)\n@@ -9 +9 @@\n-day = 'monday' # not Sunday\n+frequency = \"daily\"\n"
    );
    let document = home.json(&["schedule", "set", "shop", "--time", "03:00", "--dry-run"]);
    assert_eq!((&document["dry_run"], &document["changed"]), (&json!(true), &json!(true)));
    assert_eq!(document["changes"], json!([{ "key": "time", "from": "02:30", "to": "03:00" }]));
    assert!(document["next_due"].as_str() > document["previous_next_due"].as_str(), "{document}");
    assert_eq!(
        home.ok(&["schedule", "set", "shop", "--time", "02:30", "--dry-run"]).stdout,
        "shop: nothing to change\n"
    );
    assert_eq!(text(&home), COMMENTED);
}

#[test]
fn what_would_make_the_file_invalid_is_refused_as_any_mistake_is() {
    let home = home(COMMENTED);
    let place = "schedules.toml (edited):11:12: connections.shop.auto_onboard.timezone: ";
    refused(
        &home,
        &["schedule", "set", "shop", "--timezone", "Europe/Londn"],
        2,
        &[place, "did you mean \"Europe/London\"?", "schedules.toml (edited) has 1 mistake", "nothing was written"],
    );
    refused(&home, &["schedule", "set", "shop", "--frequency", "monthly"], 2, &["a day from 1 to 28, or \"last\""]);
    refused(&home, &["schedule", "set", "shop", "--time", "2:30"], 2, &["write \"02:30\""]);
    refused(&home, &["schedule", "set", "shop", "--cron", "@daily"], 2, &["is not a cron expression"]);
    refused(&home, &["schedule", "set", "shop", "--max-new", "x"], 2, &["--max-new"]);
    refused(&home, &["schedule", "set", "shop", "--published-after", "soon"], 2, &["\"soon\" is not a date"]);
    refused(&home, &["schedule", "set", "shop", "--cron", "0 3 * * *", "--day", "monday"], 2, &["cannot be used with"]);
    refused(&home, &["schedule", "set", "shop"], 2, &["nothing to set"]);
    refused(
        &home,
        &["schedule", "set", "shpo", "--time", "03:00"],
        2,
        &["no connection named shpo", "did you mean shop?"],
    );
    refused(&home, &["schedule", "show", "shpo"], 2, &["did you mean shop?"]);
    let unscheduled = unscheduled();
    for verb in ["enable", "disable", "remove"] {
        refused(&unscheduled, &["schedule", verb, "shop"], 2, &["shop has no schedule", "aboard schedule set shop"]);
    }
    refused(&unscheduled, &["schedule", "set", "shop", "--time", "03:00"], 2, &["timezone", "is missing"]);
}

#[test]
fn an_edit_can_cure_a_file() {
    let home = home(&COMMENTED.replace("Europe/London", "Europe/Londn"));
    refused(
        &home,
        &["schedule", "set", "shop", "--time", "03:00"],
        2,
        &["the file has mistakes without this edit, too"],
    );
    home.ok(&["schedule", "set", "shop", "--timezone", "Europe/London"]);
    assert_eq!(text(&home), COMMENTED);
    home.write("schedules.toml", "[connections.shop");
    refused(&home, &["schedule", "enable", "shop"], 2, &["schedules.toml:1:18: ", "schedules.toml has 1 mistake"]);
}

#[test]
fn what_stops_something_asks_first() {
    let home = home(COMMENTED);
    for words in
        [&["schedule", "disable", "shop"][..], &["schedule", "remove", "shop"], &["connection", "remove", "shop"]]
    {
        let said = refused(
            &home,
            words,
            2,
            &[
                "shop runs weekly on Monday at 02:30 Europe/London; its next run would be at ",
                "there is no terminal",
                "--yes",
            ],
        );
        assert!(said.contains("UTC, Mon 02:30 Europe/London"), "{said}");
        let seen = on_a_terminal(&home, words, "[y/N]", "n\n");
        assert_eq!(seen.code, Some(1), "{seen:?}");
        assert!(seen.stdout.contains("nothing was changed"), "{seen:?}");
        assert_eq!(text(&home), COMMENTED);
    }
    let seen = on_a_terminal(&home, &["schedule", "disable", "shop"], "Disable this schedule? [y/N]", "yes\n");
    assert_eq!(seen.code, Some(0), "{seen:?}");
    assert_eq!(text(&home), COMMENTED.replace("\nday =", "\nenabled = false\nday ="));
}

#[test]
fn an_edit_is_in_the_audit_trail_where_there_is_a_registry() {
    let (_sim, home) = crate::support::shop::open(crate::support::shop::stocked());
    home.ok(&["schedule", "set", "shop", "--cron", "0 3 * * *", "--timezone", "UTC"]);
    assert!(!home.registry().exists(), "an edit makes no registry");
    home.ok(&["onboard", "shop"]);
    home.ok(&["schedule", "set", "shop", "--cron", "0 4 * * *"]);
    home.ok(&["schedule", "set", "shop", "--cron", "0 4 * * *"]);
    home.ok(&["schedule", "set", "shop", "--cron", "0 5 * * *", "--dry-run"]);
    home.ok(&["schedule", "disable", "shop", "--yes"]);
    home.ok(&["connection", "remove", "shop", "--yes"]);
    let registry = home.registry();
    assert_eq!(count(&registry, "SELECT count(*) FROM audit WHERE action = 'edited' AND connection = 'shop'"), 3);
    let with = |path: &str, value: &str| {
        count(&registry, &format!("SELECT count(*) FROM audit WHERE json_extract(detail, '{path}') = '{value}'"))
    };
    assert_eq!(with("$.changes[0].to", "0 4 * * *"), 1);
    assert_eq!(with("$.command", "schedule disable"), 1);
    assert_eq!(with("$.command", "connection remove"), 1);
    let hashed = "SELECT count(*) FROM audit WHERE action = 'edited' AND length(json_extract(detail, '$.hash')) = 64 AND actor <> ''";
    assert_eq!(count(&registry, hashed), 3);
    assert_eq!(home.run(&["runs"]).code, Some(0), "its history stays");
}
