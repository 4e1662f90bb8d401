//! When `check` says that schedules are due.

use std::fmt::Write;
use std::fs;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use crate::support::{Home, Said};

/// A file with a connection for each schedule.
fn file(schedules: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, schedule) in schedules {
        writeln!(text, "[connections.{name}]\nregions = [\"eu-west-1\"]").unwrap();
        writeln!(text, "[connections.{name}.credentials.default_chain]").unwrap();
        writeln!(text, "[connections.{name}.auto_onboard]\n{schedule}").unwrap();
    }
    text
}

fn home(schedules: &[(&str, &str)]) -> Home {
    Home::new("http://127.0.0.1:9", &file(schedules))
}

fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn check_tells_the_next_instants_in_utc_and_local_time() {
    let home = home(&[
        ("london", "cron = \"30 1 * * *\"\ntimezone = \"Europe/London\"\njitter = \"10m\""),
        ("off", "enabled = false\nfrequency = \"daily\"\ntime = \"09:00\"\ntimezone = \"UTC\""),
    ]);
    let connections = home.json(&["check", "--next", "400"]);
    let london = &connections[0];
    let next = london["next"].as_array().unwrap();
    assert_eq!((next.len(), &london["next_due"]), (400, &next[0]["at"]));
    assert!(next.windows(2).all(|pair| instant(&pair[0]["at"]) < instant(&pair[1]["at"])));
    for due in next {
        assert!(due["nominal"].as_str().unwrap().ends_with("T01:30:00"), "{due}");
        let local = instant(&due["at"]).with_timezone(&Tz::Europe__London).naive_local().to_string();
        let moved = if due["shift"] == "gap" { "02:00:00" } else { "01:30:00" };
        assert!(local.ends_with(moved), "{due}");
        let jitter = due["jitter_seconds"].as_i64().unwrap();
        assert_eq!((instant(&due["starts_at"]) - instant(&due["at"])).num_seconds(), jitter);
        assert!((0..600).contains(&jitter) && due["jitter_seconds"] == next[0]["jitter_seconds"]);
    }
    let shifts: Vec<&str> =
        london["clock_changes"].as_array().unwrap().iter().map(|due| due["shift"].as_str().unwrap()).collect();
    assert!(shifts == ["gap", "overlap"] || shifts == ["overlap", "gap"], "{shifts:?}");
    assert!(london["zone_data"]["version"].as_str().is_some_and(|version| version.starts_with("20")), "{london}");
    let off = &connections[1];
    assert_eq!((&off["next_due"], &off["next"]), (&Value::Null, &serde_json::json!([])));

    let said = home.ok(&["check"]).stdout;
    let rows: Vec<&str> =
        said.lines().filter(|line| line.starts_with("london") && line.contains(" 01:30 +0")).collect();
    assert!(rows.len() >= 3 && rows.iter().all(|row| row.contains("jitter: starts at ")), "{said}");
    assert!(said.contains("the clock leaves out 01:30: first instant after it"), "{said}");
    assert!(said.contains("the clock shows 01:30 twice: first time"), "{said}");
    assert!(said.contains("\nzone data: "), "{said}");
    assert_eq!(home.run(&["check", "--next", "1001"]).code, Some(2));
}

#[test]
fn newer_zone_data_of_the_system_is_used_and_told() {
    let home = home(&[("payments", "day = \"monday\"\ntime = \"09:00\"\ntimezone = \"America/Vancouver\"")]);
    // A zone file without any change: -07:00 for good, as British Columbia decided for after 1 November 2026.
    let block = |footer: &str| {
        let mut block = b"TZif2".to_vec();
        block.extend([0; 15]);
        block.extend([0_u32, 0, 0, 0, 1, 4].into_iter().flat_map(u32::to_be_bytes));
        block.extend((-7 * 3600_i32).to_be_bytes());
        block.extend(b"\0\0MST\0");
        block.extend(footer.bytes());
        block
    };
    fs::create_dir_all(home.path("zones/America")).unwrap();
    fs::write(home.path("zones/America/Vancouver"), [block(""), block("\nMST7\n")].concat()).unwrap();
    home.write("zones/tzdata.zi", "# version 2099a\n");
    let check = |words: &[&str]| Said::of(home.command(words).env("TZDIR", home.path("zones")).output().unwrap());

    let said = check(&["-o", "json", "check", "--next", "60"]);
    let connection = &said.json()[0];
    assert_eq!(
        connection["zone_data"],
        serde_json::json!({"source": "system", "version": "2099a", "other_version": chrono_tz::IANA_TZDB_VERSION})
    );
    for due in connection["next"].as_array().unwrap() {
        assert!(due["at"].as_str().unwrap().ends_with("T16:00:00Z") && due["shift"] == "none", "{due}");
    }
    // Some winter is always within the 400 days that are compared.
    assert!(said.stderr.contains("warning: America/Vancouver is UTC-07:00 from "), "{}", said.stderr);
    assert!(said.stderr.contains("payments is due at "), "{}", said.stderr);
    assert!(check(&["check"]).stdout.ends_with("zone data: the system's, version 2099a\n"));

    fs::write(home.path("zones/America/Vancouver"), "no zone file").unwrap();
    let said = check(&["check"]);
    assert_eq!(said.code, Some(0));
    assert!(said.stderr.contains("zones/America/Vancouver cannot be used"), "{}", said.stderr);
}
