//! The ways in which a person may name an API.

use crate::config::regions::partition_of;
use crate::inventory::ApiId;

/// An API as a person named it; several APIs may answer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiRef {
    /// By id and whatever else was said; an absent part is any.
    Parts {
        /// `aws`, `aws-cn`, ….
        partition: Option<String>,
        /// Twelve digits.
        account_id: Option<String>,
        /// Region code.
        region: Option<String>,
        /// The id that API Gateway gave.
        api_id: String,
    },
    /// By one of its addresses, without scheme and trailing slash, its host in lower case.
    Url(String),
}

impl ApiRef {
    /// Takes apart an id, `region/id`, `account/region/id`, an ARN of API Gateway or of `execute-api`, or an address.
    ///
    /// # Errors
    /// One sentence, where the text is none of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with("arn:") {
            return arn(text).ok_or_else(|| format!("`{text}` is not the ARN of an API"));
        }
        let host = text.split('/').next().unwrap_or_default();
        if text.contains("://") || host.contains('.') {
            return Ok(Self::Url(bare_url(text)));
        }
        let parts: Vec<&str> = text.split('/').collect();
        let parsed = match parts.as_slice() {
            [id] => Some((None, None, *id)),
            [region, id] => Some((None, Some(*region), *id)),
            [account, region, id] if is_account(account) => Some((Some(*account), Some(*region), *id)),
            _ => None,
        };
        match parsed.filter(|(_, region, id)| is_id(id) && region.is_none_or(|region| !region.is_empty())) {
            Some((account, region, id)) => Ok(Self::Parts {
                partition: None,
                account_id: account.map(str::to_owned),
                region: region.map(str::to_owned),
                api_id: id.to_owned(),
            }),
            None => Err(format!(
                "`{text}` names no API; give its id, region/id, account/region/id, its ARN or one of its URLs"
            )),
        }
    }
}

impl ApiRef {
    /// What the address itself says of the API, where it is one of AWS's own (`ID.execute-api.REGION.…`): id and region.
    #[must_use]
    pub fn of_own_address(&self) -> Option<Self> {
        let Self::Url(bare) = self else { return None };
        let (api_id, region) = (id_in_host(bare)?, bare.split(['/', ':']).next()?.split('.').nth(2)?);
        let partition = partition_of(region)?;
        Some(Self::Parts {
            partition: Some(partition.to_owned()),
            account_id: None,
            region: Some(region.to_owned()),
            api_id: api_id.to_owned(),
        })
    }
}

impl From<&ApiId> for ApiRef {
    fn from(id: &ApiId) -> Self {
        Self::Parts {
            partition: Some(id.partition.clone()),
            account_id: Some(id.account_id.clone()),
            region: Some(id.region.clone()),
            api_id: id.api_id.clone(),
        }
    }
}

/// API Gateway's ARNs have no account: `arn:aws:apigateway:eu-west-1::/restapis/ID`, `…/apis/ID`; those of `execute-api` do:
/// `arn:aws:execute-api:eu-west-1:111122223333:ID/stage/…` (AWS's page "ARNs for API Gateway resources").
fn arn(text: &str) -> Option<ApiRef> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [_, partition, service, region, account, resource] = parts.as_slice() else { return None };
    let api_id = match *service {
        "apigateway" => {
            let rest = resource.strip_prefix("/restapis/").or_else(|| resource.strip_prefix("/apis/"))?;
            rest.split('/').next()?
        }
        "execute-api" => resource.split('/').next()?,
        _ => return None,
    };
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let account_id = given(account);
    let sound = is_id(api_id) && !region.is_empty() && account_id.as_deref().is_none_or(is_account);
    sound.then(|| ApiRef::Parts {
        partition: given(partition),
        account_id,
        region: given(region),
        api_id: api_id.to_owned(),
    })
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// An address without what people leave out or add: scheme, query, fragment, trailing slashes, and capitals in the host.
pub(super) fn bare_url(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    match rest.split_once('/') {
        Some((host, path)) => format!("{}/{path}", host.to_ascii_lowercase()),
        None => rest.to_ascii_lowercase(),
    }
}

/// The id in an address's host name: `ID.execute-api.…`, and `ID-vpce-….execute-api.…` through a VPC endpoint.
pub(super) fn id_in_host(bare: &str) -> Option<&str> {
    let host = bare.split('/').next()?;
    let mut labels = host.split('.');
    let (first, second) = (labels.next()?, labels.next()?);
    let id = first.split_once("-vpce-").map_or(first, |(id, _)| id);
    (second == "execute-api" && is_id(id)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(partition: Option<&str>, account: Option<&str>, region: Option<&str>) -> ApiRef {
        ApiRef::Parts {
            partition: partition.map(str::to_owned),
            account_id: account.map(str::to_owned),
            region: region.map(str::to_owned),
            api_id: "a1b2c3".to_owned(),
        }
    }

    #[test]
    fn an_api_is_named_by_id_region_account_or_arn() {
        let region = Some("eu-west-1");
        let account = Some("111122223333");
        for (text, expected) in [
            ("a1b2c3", parts(None, None, None)),
            ("eu-west-1/a1b2c3", parts(None, None, region)),
            ("111122223333/eu-west-1/a1b2c3", parts(None, account, region)),
            ("arn:aws:apigateway:eu-west-1::/restapis/a1b2c3", parts(Some("aws"), None, region)),
            ("arn:aws:apigateway:eu-west-1::/restapis/a1b2c3/stages/prod", parts(Some("aws"), None, region)),
            ("arn:aws-cn:apigateway:eu-west-1::/apis/a1b2c3", parts(Some("aws-cn"), None, region)),
            ("arn:aws:execute-api:eu-west-1:111122223333:a1b2c3/prod/GET/pets", parts(Some("aws"), account, region)),
        ] {
            assert_eq!(ApiRef::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn scheme_slash_and_capitals_of_the_host_do_not_matter_in_an_address() {
        let expected = ApiRef::Url("api.example.com/Pets".to_owned());
        for text in ["https://api.example.com/Pets", "wss://API.example.com/Pets/", "api.example.com/Pets"] {
            assert_eq!(ApiRef::parse(text), Ok(expected.clone()), "{text}");
        }
    }

    #[test]
    fn what_names_no_api_is_refused() {
        for text in
            ["", "a/b/c", "a1b2 c3", "1/2/3/4", "arn:aws:s3:::bucket", "arn:aws:apigateway:eu-west-1::/vpclinks/x"]
        {
            assert!(ApiRef::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn execute_api_hosts_carry_the_id() {
        assert_eq!(id_in_host("a1b2c3.execute-api.eu-west-1.amazonaws.com/prod"), Some("a1b2c3"));
        assert_eq!(id_in_host("a1b2c3-vpce-0f1e.execute-api.eu-west-1.amazonaws.com/prod"), Some("a1b2c3"));
        assert_eq!(id_in_host("api.example.com/prod"), None);
    }

    #[test]
    fn an_address_of_aws_names_id_and_region_by_itself() {
        let own = |url: &str| ApiRef::parse(url).unwrap().of_own_address();
        for url in [
            "https://a1b2c3.execute-api.eu-west-1.amazonaws.com/prod/orders/17",
            "wss://A1B2C3.execute-api.eu-west-1.amazonaws.com",
            "a1b2c3-vpce-0f00.execute-api.eu-west-1.amazonaws.com/prod",
        ] {
            assert_eq!(own(url), Some(parts(Some("aws"), None, Some("eu-west-1"))), "{url}");
        }
        assert_eq!(
            own("https://a1b2c3.execute-api.cn-north-1.amazonaws.com.cn/prod"),
            Some(parts(Some("aws-cn"), None, Some("cn-north-1")))
        );
        for url in ["https://api.shop.example/orders", "https://a1b2c3.execute-api.example", "https://x.execute-api"] {
            assert_eq!(own(url), None, "{url}");
        }
        assert_eq!(ApiRef::parse("a1b2c3").unwrap().of_own_address(), None);
    }
}
