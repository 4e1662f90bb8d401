//! Page sizes and tokens. A token names the last key that was answered, so that pages stay right while things come and go.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Bound;

use crate::answer::AwsError;
use crate::operation::{Operation, Service};
use crate::request::Request;

/// Where a page starts and how long it may be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cursor {
    /// The key after which the page starts; empty = the first page.
    pub(crate) after: String,
    pub(crate) limit: usize,
    /// Grows from page to page, so that two tokens never are the same by accident.
    serial: u64,
}

impl Cursor {
    /// Reads page size and token by the parameter names of the request's service.
    pub(crate) fn of(request: &Request) -> Result<Self, AwsError> {
        let Some(route) = &request.route else { return Ok(Self::default()) };
        let json_token = request.json["NextToken"].as_str();
        let json_limit = || Some(&request.json["MaxResults"]).filter(|limit| !limit.is_null()).map(ToString::to_string);
        let (token, limit, default, max) = match (route.operation.service(), route.operation) {
            // API Gateway API reference: GetRestApis and its kin, default 25, maximum 500.
            (Service::Rest, _) => (request.parameter("position"), owned(request.parameter("limit")), 25, 500),
            (_, Operation::ListRoutingRules) => {
                (request.parameter("nextToken"), owned(request.parameter("maxResults")), 100, 100)
            }
            (Service::Http, _) => (request.parameter("nextToken"), owned(request.parameter("maxResults")), 25, 500),
            // Organizations API reference: ListAccounts, at most 20.
            (Service::Organizations | Service::Sts, _) => (json_token, json_limit(), 20, 20),
            // Account Management API reference: ListRegions, at most 50.
            (Service::Account, _) => (json_token, json_limit(), 20, 50),
        };
        let invalid = |what: &str| match route.operation.service() {
            Service::Organizations => {
                AwsError::new(400, "InvalidInputException", format!("You specified an invalid value: {what}"))
            }
            Service::Account => AwsError::new(400, "ValidationException", format!("Invalid {what}")),
            _ => AwsError::bad_request(format!("Invalid {what} parameter specified")),
        };
        let limit = match limit {
            None => default,
            Some(text) => match text.parse::<usize>() {
                Ok(limit) if limit > 0 && (limit <= max || route.operation.service().is_api_gateway()) => {
                    limit.min(max)
                }
                _ => return Err(invalid("limit")),
            },
        };
        let (after, serial) = match token {
            None => (String::new(), 0),
            Some(token) => decode(token).ok_or_else(|| invalid("position"))?,
        };
        Ok(Self { after, limit, serial })
    }

    /// The token of a page that starts after `key`.
    pub(crate) fn token_after(&self, key: &str) -> String {
        let mut token = format!("{:04x}", (self.serial + 1) & 0xffff);
        for byte in key.bytes() {
            // Writing to a string cannot fail.
            let _ = write!(token, "{byte:02x}");
        }
        token
    }

    /// One page of what `rest` yields in the order of its keys, all of them after [`Self::after`].
    pub(crate) fn page<'a, T>(&self, rest: impl Iterator<Item = (&'a str, T)>) -> (Vec<T>, Option<String>) {
        let mut rest = rest.peekable();
        let (mut items, mut last) = (Vec::new(), "");
        for (key, item) in rest.by_ref().take(self.limit) {
            items.push(item);
            last = key;
        }
        let next = rest.peek().is_some().then(|| self.token_after(last));
        (items, next)
    }

    /// One page of a map.
    pub(crate) fn page_of_map<'a, T>(&self, map: &'a BTreeMap<String, T>) -> (Vec<&'a T>, Option<String>) {
        let after = (Bound::Excluded(self.after.as_str()), Bound::Unbounded);
        self.page(map.range::<str, _>(after).map(|(key, item)| (key.as_str(), item)))
    }

    /// One page of a slice that is sorted by `key`.
    pub(crate) fn page_of_slice<'a, T>(&self, slice: &'a [T], key: fn(&T) -> &str) -> (Vec<&'a T>, Option<String>) {
        let start = slice.partition_point(|item| key(item) <= self.after.as_str());
        self.page(slice[start..].iter().map(|item| (key(item), item)))
    }
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

fn decode(token: &str) -> Option<(String, u64)> {
    let (serial, key) = token.split_at_checked(4)?;
    let serial = u64::from_str_radix(serial, 16).ok()?;
    let bytes: Option<Vec<u8>> = (0..key.len())
        .step_by(2)
        .map(|at| key.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok()))
        .collect();
    Some((String::from_utf8(bytes?).ok()?, serial))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_to_the_key_that_it_was_made_of() {
        let cursor = Cursor { serial: 7, ..Cursor::default() };
        assert_eq!(decode(&cursor.token_after("$default")), Some(("$default".to_owned(), 8)));
        assert_eq!(decode(&cursor.token_after("")), Some((String::new(), 8)));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for token in ["", "garbage", "000", "0001zz", "0001f", "0001ff"] {
            assert_eq!(decode(token), None, "{token}");
        }
    }
}
