//! What people, programs and clocks do to the worker, one thing a round.

use std::fs;

use chrono::TimeDelta;
use chrono_tz::Tz;
use nix::sys::signal::Signal;

use super::Soak;
use super::model::{Said, When, odd_time};
use crate::reload::hash;
use crate::support;

/// After so many deeds each kind was done once.
pub(super) const KINDS: u64 = 12;

const REJECTED: &str = "rejected ";

impl Soak {
    pub(super) fn do_something(&mut self) {
        let (number, kind) = (self.done / KINDS, self.done % KINDS);
        self.done += 1;
        let done = match kind {
            0 => self.edit_in_place(number),
            1 => self.edit_by_rename(number),
            2 => self.edit_by_command(number),
            3 => self.hang_up(),
            4 => self.spoil_and_cure(number),
            5 => self.come_or_go(),
            6 => self.onboard_and_discover(),
            7 => self.pause(number),
            8 => self.resume(number),
            9 => self.step_the_clock(number),
            10 => self.switch(),
            _ => self.look(),
        };
        *self.deeds.entry(done).or_default() += 1;
    }

    /// Runs a command beside the worker, under its clock and without its secrets.
    fn beside(&self, words: &[&str]) -> support::Said {
        let mut command = self.timed.home.command(words);
        command.env_remove("SECRET");
        support::Said::of(self.timed.clock.given(command).output().unwrap())
    }

    fn beside_ok(&self, words: &[&str]) {
        let said = self.beside(words);
        assert_eq!(said.code, Some(0), "aboard {}: {said:?}", words.join(" "));
    }

    /// Changes the file, and waits until it is in force.
    fn edit(&mut self, change: impl FnOnce(&mut Self, &str)) {
        let before = self.timed.clock.now();
        self.hear();
        let text = self.model.text();
        change(self, &text);
        let text = fs::read_to_string(self.timed.home.path("schedules.toml")).unwrap();
        self.worker.wait_until_said(&hash(&text));
        self.model.taken(before, self.timed.clock.now());
    }

    fn write(&self, text: &str) {
        self.timed.home.write("schedules.toml", text);
    }

    fn edit_in_place(&mut self, number: u64) -> &'static str {
        let said = Said { when: When::Daily(Tz::UTC, odd_time(number)), enabled: true };
        self.model.plan("moving1").said = Some(said);
        self.edit(|soak, text| soak.write(text));
        "edited in place"
    }

    /// What is edited is no schedule, so none begins anew.
    fn edit_by_rename(&mut self, number: u64) -> &'static str {
        self.model.plan(&format!("steady{:02}", number % 18)).excluded += 1;
        self.edit(|soak, text| {
            soak.timed.home.write("schedules.new", text);
            fs::rename(soak.timed.home.path("schedules.new"), soak.timed.home.path("schedules.toml")).unwrap();
        });
        "edited by renaming"
    }

    fn edit_by_command(&mut self, number: u64) -> &'static str {
        let time = odd_time(number + 3);
        let moving = self.model.plan("moving2").said.as_mut().unwrap();
        moving.when = When::Daily(chrono_tz::Europe::London, time);
        self.edit(|soak, _| {
            soak.beside_ok(&["schedule", "set", "moving2", "--time", &time.format("%H:%M").to_string()]);
        });
        "edited by schedule set"
    }

    fn hang_up(&mut self) -> &'static str {
        self.edit(|soak, text| {
            soak.write(text);
            soak.worker.signal(Signal::SIGHUP);
        });
        "SIGHUP"
    }

    fn spoil_and_cure(&mut self, number: u64) -> &'static str {
        self.hear();
        let file = self.timed.home.path("schedules.toml");
        match number % 4 {
            0 => self.write("[[[ half a"),
            1 => self.write(""),
            2 => fs::remove_file(&file).unwrap(),
            _ => {
                let text = self.model.text();
                self.write(&text.replace("timezone", "timezoen"));
            }
        }
        self.worker.wait_until_said(REJECTED);
        assert_eq!(self.beside(&["--registry", "aboard.db", "health"]).code, Some(3));
        self.edit(|soak, text| soak.write(text));
        "spoiled and cured"
    }

    fn come_or_go(&mut self) -> &'static str {
        let visitor = self.model.plan("visitor");
        let said = Said { when: When::Daily(Tz::UTC, odd_time(17)), enabled: true };
        visitor.said = visitor.said.is_none().then_some(said);
        let done = if visitor.said.is_some() { "added a connection" } else { "removed a connection" };
        self.edit(|soak, text| {
            soak.write(text);
            soak.beside_ok(&["reload", "--wait"]);
        });
        done
    }

    fn onboard_and_discover(&mut self) -> &'static str {
        for words in [&["-o", "json", "onboard", "steady06"][..], &["discover", "steady07"]] {
            let said = self.beside(words);
            assert!(matches!(said.code, Some(0 | 3)), "aboard {}: {said:?}", words.join(" "));
        }
        "onboard and discover"
    }

    fn pause(&mut self, number: u64) -> &'static str {
        self.beside_ok(&["pause", &format!("steady{:02}", number % 18), "--note", "soaking"]);
        "pause"
    }

    fn resume(&mut self, number: u64) -> &'static str {
        self.beside_ok(&["resume", &format!("steady{:02}", number % 18)]);
        "resume"
    }

    /// Back and forth, as a bad time source does it; every second time forth and back.
    fn step_the_clock(&mut self, number: u64) -> &'static str {
        let step = TimeDelta::seconds(if number.is_multiple_of(2) { -40 } else { 20 });
        for step in [step, -step] {
            self.hear();
            self.timed.clock.set(self.timed.clock.now() + step);
            self.worker.wait_until_said("the clock jumped by");
        }
        "clock stepped there and back"
    }

    fn switch(&mut self) -> &'static str {
        let moving = self.model.plan("moving2").said.as_mut().unwrap();
        moving.enabled = !moving.enabled;
        let words: &[&str] = if moving.enabled {
            &["schedule", "enable", "moving2"]
        } else {
            &["schedule", "disable", "moving2", "--yes"]
        };
        self.edit(|soak, _| soak.beside_ok(words));
        "schedule disabled or enabled"
    }

    /// Nothing but looks.
    fn look(&mut self) -> &'static str {
        self.beside_ok(&["runs", "--limit", "20"]);
        self.beside_ok(&["-o", "json", "audit", "--limit", "20"]);
        self.beside_ok(&["check"]);
        "looks"
    }
}
