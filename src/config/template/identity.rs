//! What an API is called by in another system, such as `{account_id}:{region}:{api_id}:{stage}`.

use std::fmt;

use super::{Known, Part, filled, parts, write};
use crate::config::report::Complaint;
use crate::inventory::ApiId;

/// What a placeholder of an identity stands for: what never changes of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OfIdentity {
    /// `aws`, `aws-cn`, ….
    Partition,
    /// The account's id.
    AccountId,
    /// The region.
    Region,
    /// The API's id.
    ApiId,
    /// The stage.
    Stage,
}

impl Known for OfIdentity {
    const ALL: &'static [Self] = &[Self::Partition, Self::AccountId, Self::Region, Self::ApiId, Self::Stage];

    fn word(self) -> &'static str {
        match self {
            Self::Partition => "partition",
            Self::AccountId => "account_id",
            Self::Region => "region",
            Self::ApiId => "api_id",
            Self::Stage => "stage",
        }
    }
}

/// A template of what APIs are called by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityTemplate(Vec<Part<OfIdentity>>);

impl Default for IdentityTemplate {
    /// `{account_id}:{region}:{api_id}:{stage}`.
    fn default() -> Self {
        let text = |text: &str| Part::Text(text.to_owned());
        Self(vec![
            Part::Placeholder(OfIdentity::AccountId),
            text(":"),
            Part::Placeholder(OfIdentity::Region),
            text(":"),
            Part::Placeholder(OfIdentity::ApiId),
            text(":"),
            Part::Placeholder(OfIdentity::Stage),
        ])
    }
}

impl IdentityTemplate {
    /// Reads one. AWS gives ids of APIs at random, so that one alone may do where only few accounts are looked at.
    pub(in crate::config) fn parse(text: &str) -> Result<Self, Complaint> {
        let parts = parts(text)?;
        if !parts.contains(&Part::Placeholder(OfIdentity::ApiId)) {
            return Err(Complaint::new("{api_id} is not in it, so two APIs could be taken for one"));
        }
        Ok(Self(parts))
    }

    /// Whether stages of one API are told apart. Where they are not, an API is one however many stages it has.
    #[must_use]
    pub fn tells_stages_apart(&self) -> bool {
        self.0.contains(&Part::Placeholder(OfIdentity::Stage))
    }

    /// What a stage of an API is called by.
    #[must_use]
    pub fn of(&self, api: &ApiId, stage: &str) -> String {
        let ApiId { partition, account_id, region, api_id } = api;
        self.render(|placeholder| match placeholder {
            OfIdentity::Partition => partition,
            OfIdentity::AccountId => account_id,
            OfIdentity::Region => region,
            OfIdentity::ApiId => api_id,
            OfIdentity::Stage => stage,
        })
    }

    /// The identity, with `value` for each placeholder.
    fn render<'a>(&self, value: impl Fn(OfIdentity) -> &'a str) -> String {
        filled(&self.0, value)
    }
}

impl fmt::Display for IdentityTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(of: OfIdentity) -> &'static str {
        match of {
            OfIdentity::Partition => "aws",
            OfIdentity::AccountId => "111122223333",
            OfIdentity::Region => "eu-west-1",
            OfIdentity::ApiId => "a1b2c3d4e5",
            OfIdentity::Stage => "prod",
        }
    }

    #[test]
    fn an_api_is_called_by_account_region_id_and_stage_unless_the_template_says_otherwise() {
        let usual = IdentityTemplate::default();
        assert_eq!(usual.to_string(), "{account_id}:{region}:{api_id}:{stage}");
        assert_eq!(IdentityTemplate::parse(&usual.to_string()).unwrap(), usual);
        assert_eq!(usual.render(orders), "111122223333:eu-west-1:a1b2c3d4e5:prod");
        let bare = IdentityTemplate::parse("{api_id}").unwrap();
        assert_eq!(bare.render(orders), "a1b2c3d4e5");
        assert!(usual.tells_stages_apart() && !bare.tells_stages_apart());
    }

    #[test]
    fn what_changes_or_says_too_little_is_no_identity() {
        assert!(
            IdentityTemplate::parse("{name}/{api_id}").unwrap_err().message.starts_with("\"name\" is no placeholder")
        );
        assert!(IdentityTemplate::parse("{account_id}").unwrap_err().message.contains("{api_id} is not in it"));
        assert!(IdentityTemplate::parse("{api_id}\n").is_err());
    }
}
