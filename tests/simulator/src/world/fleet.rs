//! Large fleets: thousands of scopes that come into being when they are first asked for.

use std::time::Duration;

use super::{Account, HttpApi, Region, RestApi, Role, User, World, derive};

/// Regions in the order in which a fleet uses them.
const REGIONS: [&str; 17] = [
    "eu-west-1",
    "eu-west-2",
    "eu-central-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "us-west-1",
    "eu-north-1",
    "eu-west-3",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ca-central-1",
    "sa-east-1",
];

/// How large a fleet is, and what its parts are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fleet {
    accounts: usize,
    regions: usize,
    rest: usize,
    http: usize,
    stages: usize,
}

impl Fleet {
    /// The role that every account of a fleet has.
    pub const CHILD_ROLE: &str = "AboardChildRole";
    /// The role that the management account, the fleet's first, has besides.
    pub const CENTRAL_ROLE: &str = "AboardCentralRole";

    /// Twelve digits of the account with this index, from 0.
    pub fn account_id(index: usize) -> String {
        format!("{:012}", 100_000_000_000 + index)
    }

    /// The access key of the account with this index.
    pub fn access_key(index: usize) -> String {
        format!("AKIAFLEET{index:011}")
    }

    /// The ARN of the central role.
    pub fn central_role_arn() -> String {
        format!("arn:aws:iam::{}:role/{}", Self::account_id(0), Self::CENTRAL_ROLE)
    }

    /// The first `count` regions of a fleet; at most 17.
    pub fn regions(count: usize) -> &'static [&'static str] {
        &REGIONS[..count.min(REGIONS.len())]
    }

    /// What the fleet has in one region; nothing outside of its accounts and regions.
    pub(crate) fn make(self, account: &str, region: &str) -> Region {
        let mut made = Region::new(account, region);
        let member = account.parse::<usize>().ok().and_then(|id| id.checked_sub(100_000_000_000));
        if member.is_none_or(|index| index >= self.accounts) || !Self::regions(self.regions).contains(&region) {
            return made;
        }
        let stage = |n: usize| if n == 0 { "prod".to_owned() } else { format!("stage-{n}") };
        for n in 0..self.rest {
            let api = RestApi::new(format!("rest-{n:04}")).created(Self::created(n)).tag("team", Self::team(n));
            made.add_rest((0..self.stages).fold(api, |api, n| api.stage(stage(n))));
        }
        for n in 0..self.http {
            // Every third one is a WebSocket API.
            let name = format!("http-{n:04}");
            let api = if n % 3 == 2 { HttpApi::websocket(name) } else { HttpApi::new(name) };
            let api = api.created(Self::created(n)).tag("team", Self::team(n));
            made.add_http((0..self.stages).fold(api, |api, n| api.stage(stage(n))));
        }
        made
    }

    /// Spread over a year, so that date filters have something to choose from.
    fn created(n: usize) -> chrono::DateTime<chrono::Utc> {
        let days = u32::try_from(n % 365).unwrap_or_default();
        derive::default_created() + Duration::from_hours(24) * days
    }

    fn team(n: usize) -> &'static str {
        ["payments", "orders", "catalog", "identity"][n % 4]
    }
}

impl World {
    /// A fleet: an organization of `accounts`, each with a user, and per account and region so many APIs, each with
    /// so many stages. The APIs of a region are made when it is first asked for, so that size costs nothing up front.
    pub fn fleet(accounts: usize, regions: usize, rest: usize, http: usize, stages: usize) -> Self {
        let fleet = Fleet { accounts, regions, rest, http, stages };
        let mut world = Self::new()
            .organization(Fleet::account_id(0))
            .role(Role::new(Fleet::central_role_arn()))
            .role_everywhere(Role::new(Fleet::CHILD_ROLE))
            .enabled_regions(Fleet::regions(regions).iter().copied());
        for index in 0..accounts {
            world.add_account(Account::new(Fleet::account_id(index)).name(format!("fleet-{index:05}")));
            world.add_user(User::new(Fleet::access_key(index), Fleet::account_id(index)));
        }
        world.fleet = Some(fleet);
        world
    }
}
