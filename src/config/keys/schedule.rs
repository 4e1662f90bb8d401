//! Keys of `[connections.NAME.auto_onboard]`.

use super::super::format::Format;
use super::super::shape::{Key, Shape, Table};
use super::DAY;

pub(in crate::config) const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

pub(in crate::config) static AUTO_ONBOARD: Table = Table {
    doc: "When a connection runs by itself, and what a run registers.",
    keys: &[
        Key::new("enabled", Shape::Boolean, "Whether the schedule is on.").default("true").example("true"),
        Key::new("frequency", Shape::Choice(&["daily", "weekly", "monthly"]), "How often.")
            .default("\"weekly\"")
            .example("\"weekly\""),
        Key::new("cron", Shape::Text(Format::Cron), "Instead of frequency, day and time: minute, hour, day of month, month, weekday.")
            .example("\"30 2 * * MON\""),
        Key::new("day", Shape::Day, "Weekly: a weekday. Monthly: 1 to 28, or \"last\".").example("\"monday\""),
        Key::new("time", Shape::Text(Format::Time), "Local time, HH:MM.").example("\"02:30\""),
        Key::new("timezone", Shape::Text(Format::Zone), "IANA name of the zone.").required().example("\"Europe/London\""),
        Key::new(
            "published_after",
            Shape::Instant,
            "Only APIs published at or after this instant; a date means 00:00 of that day in `timezone`. Without it every API.",
        )
        .example("2026-01-01"),
        Key::new(
            "published_by",
            Shape::Choice(&["first_published", "created", "last_published"]),
            "Which date `published_after` is compared with.",
        )
        .default("\"first_published\"")
        .example("\"first_published\""),
        Key::new(
            "existing",
            Shape::Choice(&["register", "record"]),
            "Whether what the first complete look finds is registered, or recorded as onboarded without telling any target.",
        )
        .default("\"register\"")
        .example("\"register\""),
        Key::new(
            "max_new",
            Shape::Integer { least: 0, most: i64::MAX },
            "A run that would register more than this registers none and waits for approval; 0 = no limit.",
        )
        .default("500")
        .example("500"),
        Key::new("catch_up", Shape::Choice(&["latest", "none"]), "Whether one run makes up for those missed while nothing ran.")
            .default("\"latest\"")
            .example("\"latest\""),
        Key::new("misfire_grace", Shape::Duration { least: 1, most: 365 * DAY }, "How late a run may still start; without it any time.")
            .example("\"2h\""),
        Key::new("jitter", Shape::Duration { least: 0, most: DAY - 1 }, "Longest delay after the due time; stable for each connection.")
            .default("\"0s\"")
            .example("\"0s\""),
        Key::new("timeout", Shape::Duration { least: 1, most: 30 * DAY }, "Longest run.").default("\"6h\"").example("\"6h\""),
        Key::new(
            "retry_failed",
            Shape::List { items: &Shape::Duration { least: 1, most: 30 * DAY }, never_empty: None },
            "When scopes that failed in passing are looked at again; [] = never.",
        )
        .default("[\"15m\", \"2h\", \"12h\"]")
        .example("[\"15m\", \"2h\", \"12h\"]"),
    ],
};
