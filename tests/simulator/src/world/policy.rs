//! What a principal may do at API Gateway, in so far as somebody says it.

/// Lets principals call API Gateway only where it says so. Whom no policy concerns may do everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    principal: String,
    allowed: Vec<(String, String)>,
}

impl Policy {
    /// Allows nothing yet to principals whose ARN contains this text, such as `user/agent`.
    pub fn of(principal: impl Into<String>) -> Self {
        Self { principal: principal.into(), allowed: Vec::new() }
    }

    /// Allows an action without its service (`GET`, `POST`, `DELETE`, `ListRoutingRules`) on resources whose path, the part of the ARN
    /// behind the account, is `path`; `*` stands for any text, slashes included, as in IAM. v2's `/v2/apis` is `/apis`.
    #[must_use]
    pub fn allow(mut self, action: impl Into<String>, path: impl Into<String>) -> Self {
        self.allowed.push((action.into(), path.into()));
        self
    }

    pub(crate) fn concerns(&self, arn: &str) -> bool {
        arn.contains(&self.principal)
    }

    pub(crate) fn allows(&self, action: &str, path: &str) -> bool {
        let action = action.strip_prefix("apigateway:").unwrap_or(action);
        self.allowed.iter().any(|(known, pattern)| known == action && matches(pattern, path))
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text
            .strip_prefix(head)
            .is_some_and(|tail| (0..=tail.len()).any(|at| tail.get(at..).is_some_and(|tail| matches(rest, tail)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text_with_slashes() {
        for (pattern, path, expected) in [
            ("/restapis", "/restapis", true),
            ("/restapis", "/restapis/a", false),
            ("/restapis/*", "/restapis/a/stages/b/exports/oas30", true),
            ("/restapis/*", "/restapis", false),
            ("/usageplans/*/keys", "/usageplans/p/keys", true),
            ("/usageplans/*/keys", "/usageplans/p/keys/k", false),
            ("*", "/usageplans", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
