//! `[connections.NAME.auto_onboard]`: when, and what may enter.

use std::time::Duration;

use chrono::{NaiveTime, Weekday};
use chrono_tz::Tz;

use crate::config::format::time;
use crate::config::read::Node;
use crate::config::report::{Complaint, Report};
use crate::config::{AutoOnboard, CatchUp, EntryRules, Existing, MonthDay, PublishedBy, Recurrence, walk};

const MINUTE: u64 = 60;
const DEFAULT_TIMEOUT: Duration = Duration::from_hours(6);
const DEFAULT_RETRY_FAILED: [Duration; 3] =
    [Duration::from_secs(15 * MINUTE), Duration::from_hours(2), Duration::from_hours(12)];

pub(super) fn auto_onboard(report: &mut Report<'_>, node: &Node<'_>) -> Option<AutoOnboard> {
    let recurrence = recurrence(report, node);
    let timezone = zone(report, node);
    let retry_failed = if node.has("retry_failed") {
        node.texts("retry_failed").iter().filter_map(|(text, _)| time::duration(text).ok()).collect()
    } else {
        DEFAULT_RETRY_FAILED.to_vec()
    };
    Some(AutoOnboard {
        enabled: node.boolean("enabled").unwrap_or(true),
        recurrence: recurrence?,
        timezone: timezone?,
        catch_up: match node.text("catch_up") {
            Some("none") => CatchUp::None,
            _ => CatchUp::Latest,
        },
        misfire_grace: node.duration("misfire_grace"),
        jitter: node.duration("jitter").unwrap_or(Duration::ZERO),
        timeout: node.duration("timeout").unwrap_or(DEFAULT_TIMEOUT),
        retry_failed,
    })
}

fn zone(report: &mut Report<'_>, node: &Node<'_>) -> Option<Tz> {
    let text = node.text("timezone")?;
    if let Some(offset) = text.strip_prefix("Etc/GMT").filter(|offset| offset.starts_with(['+', '-'])) {
        let side = if offset.starts_with('+') { "behind" } else { "ahead of" };
        let complaint =
            Complaint::new(format!("\"{text}\" is {} h {side} UTC, the other way round than it reads", &offset[1..]));
        report.warning(
            &node.span("timezone"),
            &node.path("timezone"),
            complaint.hint("name a place, such as \"Europe/Paris\""),
        );
    }
    time::zone(text).ok()
}

/// A value that the frequency asks for; reports where it is missing.
fn needed(report: &mut Report<'_>, node: &Node<'_>, key: &str, example: Option<&str>) {
    if node.lacks(key) {
        report.error(node.at(), &node.path(key), walk::missing(key, example));
    }
}

fn recurrence(report: &mut Report<'_>, node: &Node<'_>) -> Option<Recurrence> {
    if node.has("cron") {
        let beside: Vec<&str> = ["frequency", "day", "time"].into_iter().filter(|key| node.has(key)).collect();
        if !beside.is_empty() {
            let complaint = Complaint::new("stands instead of frequency, day and time");
            let hint = format!("remove {}, or cron", beside.join(" and "));
            report.error(&node.key_span("cron"), &node.path("cron"), complaint.hint(hint));
            return None;
        }
        return Some(Recurrence::Cron { expression: node.text("cron")?.to_owned() });
    }
    // A misspelt `cron` has been reported, and makes up for the time.
    if !node.lacks("cron") {
        return None;
    }
    needed(report, node, "time", node.example("time"));
    let time = node.text("time").and_then(|text| time::time(text).ok());
    if node.lacks("frequency") {
        return weekly(report, node, time);
    }
    match node.text("frequency")? {
        "daily" => {
            if node.has("day") {
                let complaint = Complaint::new("has no meaning for a daily schedule");
                report.error(
                    &node.key_span("day"),
                    &node.path("day"),
                    complaint.hint("leave it out, or write frequency = \"weekly\""),
                );
            }
            Some(Recurrence::Daily { time: time? })
        }
        "weekly" => weekly(report, node, time),
        "monthly" => monthly(report, node, time),
        _ => None,
    }
}

fn weekly(report: &mut Report<'_>, node: &Node<'_>, time: Option<NaiveTime>) -> Option<Recurrence> {
    needed(report, node, "day", node.example("day"));
    if node.integer("day").is_some() || node.text("day") == Some("last") {
        let complaint = Complaint::new("a weekly schedule takes a weekday such as \"monday\"");
        report.error(
            &node.span("day"),
            &node.path("day"),
            complaint.hint("for a day of the month write frequency = \"monthly\""),
        );
        return None;
    }
    let day = node.text("day")?.parse::<Weekday>().ok()?;
    Some(Recurrence::Weekly { day, time: time? })
}

fn monthly(report: &mut Report<'_>, node: &Node<'_>, time: Option<NaiveTime>) -> Option<Recurrence> {
    needed(report, node, "day", Some("1"));
    if let Some(number) = node.integer("day") {
        return Some(Recurrence::Monthly { day: MonthDay::Day(u8::try_from(number).ok()?), time: time? });
    }
    if node.text("day")? == "last" {
        return Some(Recurrence::Monthly { day: MonthDay::Last, time: time? });
    }
    let complaint = Complaint::new("a monthly schedule takes a day from 1 to 28, or \"last\"");
    let hint = "for a weekday write frequency = \"weekly\"";
    report.error(&node.span("day"), &node.path("day"), complaint.hint(hint));
    None
}

/// What decides entry. Without a zone, where that is wrong, a local `published_after` stays unread.
pub(super) fn entry(report: &mut Report<'_>, node: &Node<'_>, zone: Option<Tz>) -> EntryRules {
    let usual = EntryRules::default();
    let moment = node.datetime("published_after").and_then(time::moment);
    let published_after = moment.and_then(|moment| {
        let instant = time::instant(moment, zone?);
        if instant.is_none() {
            let complaint = Complaint::new("does not exist in the time zone");
            report.error(&node.span("published_after"), &node.path("published_after"), complaint);
        }
        instant
    });
    EntryRules {
        published_after,
        published_by: match node.text("published_by") {
            Some("created") => PublishedBy::Created,
            Some("last_published") => PublishedBy::LastPublished,
            _ => PublishedBy::FirstPublished,
        },
        existing: match node.text("existing") {
            Some("record") => Existing::Record,
            _ => Existing::Register,
        },
        max_new: match node.integer("max_new") {
            Some(0) => None,
            Some(number) => u64::try_from(number).ok(),
            None => usual.max_new,
        },
    }
}
