//! Query parameters: each is known, given once, and of the right form, or the answer says which is not.

use std::collections::BTreeMap;

use axum::http::Uri;
use chrono::TimeDelta;

use super::answer::Problem;
use super::backend::{ApisQuery, CoverageQuery, DeliveriesQuery, Paging, RunsQuery};
use crate::config::{Pattern, nearest};
use crate::inventory::{Protocol, ScopeState};
use crate::notice::DeliveryState;
use crate::plan::{ApiState, Decision, Reason};

/// How many are listed where nobody says.
pub(super) const LIMIT: usize = 100;
/// How many are listed at most.
pub(super) const MOST: usize = 1000;

/// The parameters of each list.
pub(super) const OF_CONNECTIONS: [&str; 2] = ["limit", "cursor"];
pub(super) const OF_INTEGRATIONS: [&str; 2] = OF_CONNECTIONS;
pub(super) const OF_APIS: [&str; 11] =
    ["connection", "state", "decision", "reason", "account", "region", "protocol", "name", "tag", "limit", "cursor"];
pub(super) const OF_RUNS: [&str; 3] = ["connection", "limit", "cursor"];
pub(super) const OF_DELIVERIES: [&str; 4] = ["state", "target", "limit", "cursor"];
pub(super) const OF_COVERAGE: [&str; 7] = ["connection", "account", "region", "state", "stale", "limit", "cursor"];

/// What a request asks for by name.
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    /// Takes a query apart that may hold only these parameters.
    ///
    /// # Errors
    /// One is not known, or given twice.
    pub(super) fn of(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let mut given = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                let problem = Problem::bad_request(format!("no parameter is named {name}"));
                return Err(problem.hint(match nearest(&name, known.iter().copied()) {
                    Some(name) => format!("did you mean {name}?"),
                    None if known.is_empty() => "there is none here".to_owned(),
                    None => format!("parameters here are {}", known.join(", ")),
                }));
            }
            if given.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(Problem::bad_request(format!("{name} is given twice")));
            }
        }
        Ok(Self(given))
    }

    /// `limit` and `cursor`.
    ///
    /// # Errors
    /// The limit is no number, or out of bounds.
    pub(super) fn paging(&mut self) -> Result<Paging, Problem> {
        let limit = match self.0.remove("limit") {
            None => LIMIT,
            Some(text) => match text.parse() {
                Ok(limit) if (1..=MOST).contains(&limit) => limit,
                _ => return Err(Problem::bad_request(format!("limit={text} is not a number from 1 to {MOST}"))),
            },
        };
        Ok(Paging { limit, cursor: self.0.remove("cursor") })
    }

    fn word<T: Copy>(&mut self, name: &str, all: &[T], text: fn(T) -> &'static str) -> Result<Option<T>, Problem> {
        let Some(given) = self.0.remove(name) else { return Ok(None) };
        let words: Vec<&str> = all.iter().map(|value| text(*value)).collect();
        match words.iter().position(|word| word.eq_ignore_ascii_case(&given)) {
            Some(place) => Ok(all.get(place).copied()),
            None => Err(Problem::bad_request(format!("no {name} is named {given}")).hint(
                match nearest(&given, words.iter().copied()) {
                    Some(word) => format!("did you mean {word}?"),
                    None => format!("known are {}", words.join(", ")),
                },
            )),
        }
    }

    fn glob(text: &str) -> Result<Pattern, Problem> {
        Pattern::new(text).map_err(|error| Problem::bad_request(format!("{text} is no glob: {error}")))
    }

    /// What `/api/v1/apis` is asked for.
    ///
    /// # Errors
    /// A value is not one of those that there are.
    pub(super) fn apis(mut self) -> Result<ApisQuery, Problem> {
        Ok(ApisQuery {
            paging: self.paging()?,
            state: self.word("state", &ApiState::ALL, ApiState::as_str)?,
            decision: self.word("decision", &Decision::ALL, Decision::as_str)?,
            reason: self.word("reason", &Reason::ALL, Reason::as_str)?,
            protocol: self.word("protocol", &Protocol::ALL, Protocol::as_str)?,
            name: self.0.remove("name").map(|text| Self::glob(&text)).transpose()?,
            tag: self.0.remove("tag").map(|text| tag(&text)).transpose()?,
            connection: self.0.remove("connection"),
            account: self.0.remove("account"),
            region: self.0.remove("region"),
        })
    }

    /// What `/api/v1/runs` is asked for.
    ///
    /// # Errors
    /// The limit is none.
    pub(super) fn runs(mut self) -> Result<RunsQuery, Problem> {
        Ok(RunsQuery { paging: self.paging()?, connection: self.0.remove("connection") })
    }

    /// What `/api/v1/deliveries` is asked for.
    ///
    /// # Errors
    /// A value is not one of those that there are.
    pub(super) fn deliveries(mut self) -> Result<DeliveriesQuery, Problem> {
        Ok(DeliveriesQuery {
            paging: self.paging()?,
            state: self.word("state", &DeliveryState::ALL, DeliveryState::as_str)?,
            target: self.0.remove("target"),
        })
    }

    /// What `/api/v1/coverage` is asked for.
    ///
    /// # Errors
    /// A value is not one of those that there are.
    pub(super) fn coverage(mut self) -> Result<CoverageQuery, Problem> {
        Ok(CoverageQuery {
            paging: self.paging()?,
            state: self.word("state", &ScopeState::ALL, ScopeState::as_str)?,
            stale: self.0.remove("stale").map(|text| span("stale", &text)).transpose()?,
            connection: self.0.remove("connection"),
            account: self.0.remove("account"),
            region: self.0.remove("region"),
        })
    }
}

fn span(name: &str, text: &str) -> Result<TimeDelta, Problem> {
    let span = humantime::parse_duration(text).ok().and_then(|span| TimeDelta::from_std(span).ok());
    span.ok_or_else(|| Problem::bad_request(format!("{name}={text} is no span")).hint("write one such as 8d or 12h"))
}

fn tag(text: &str) -> Result<(String, Pattern), Problem> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| Problem::bad_request(format!("tag={text} is not of the form KEY=GLOB")))?;
    Ok((key.to_owned(), Query::glob(value)?))
}
