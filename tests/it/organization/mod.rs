//! One connection over a whole organization, through the real binary.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

mod accounts;
mod closed;
mod costs;
mod failures;
mod management;
mod regions;
mod trying;

use aboard_simulator::{Account, RestApi, Role, Simulator, World};
use serde_json::Value;

use crate::support::{Home, shop};

const MANAGEMENT: &str = "111122223333";
/// Member accounts, each with one REST API in each of two regions.
pub(crate) const MEMBERS: [&str; 3] = ["444455556666", "555566667777", "666677778888"];
const KEY: &str = "AKIACENTRALCENTRALCE";
const CENTRAL: &str = "arn:aws:iam::111122223333:role/AboardCentralRole";
const CHILD: &str = "AboardChildRole";

/// The role of one member account.
pub(crate) fn child(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/{CHILD}")
}

/// An organization as the usual templates make it: the central role lives in the management account, and the child role in every
/// account but that one, for service-managed StackSets leave it out.
pub(crate) fn organization() -> World {
    let world = World::new()
        .user(KEY, MANAGEMENT)
        .organization(MANAGEMENT)
        .role(Role::new(CENTRAL))
        .role_everywhere(Role::new(CHILD))
        .without_role(&child(MANAGEMENT))
        .enabled_regions(["eu-west-1", "eu-west-2"]);
    MEMBERS.into_iter().fold(world, |world, account| {
        let world = world.account(Account::new(account));
        ["eu-west-1", "eu-west-2"].into_iter().fold(world, |world, region| {
            world.rest(account, region, RestApi::new(format!("orders-{account}-{region}")).stage("prod"))
        })
    })
}

/// A schedule file with the connection `org`; `role` are more keys of the central role, `keys` of the connection.
fn schedules(keys: &str, role: &str) -> String {
    format!(
        r#"{}
[connections.org]
{keys}
[connections.org.credentials.central_role]
role_arn = "{CENTRAL}"
child_role_name = "{CHILD}"
source = {{ aws_user = {{ access_key_id = "{KEY}", secret_access_key = "env:SECRET" }} }}
{role}
"#,
        shop::targets()
    )
}

pub(crate) fn open(world: World, keys: &str, role: &str) -> (Simulator, Home) {
    let sim = Simulator::start(world);
    let home = Home::new(&sim.url(), &schedules(keys, role));
    (sim, home)
}

/// The rows of a report's scopes: `account region family state`, with `*` for what is meant and `-` for what an account's own row lacks.
fn rows(report: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let row = |scope: &Value| {
        let meant = if scope["explained"] == true { " *" } else { "" };
        let [account, region, family, state] =
            ["account_id", "region", "family", "state"].map(|name| word(&scope[name]));
        format!("{account} {region} {family} {state}{meant}")
    };
    report["scopes"].as_array().unwrap().iter().map(row).collect()
}

/// The rows of one account.
fn rows_of(report: &Value, account: &str) -> Vec<String> {
    let of = |row: &String| row.strip_prefix(account).map(|row| row.trim_start().to_owned());
    rows(report).iter().filter_map(of).collect()
}

/// The row of one account where it has only one.
fn row_of<'a>(report: &'a Value, account: &str) -> &'a Value {
    let scopes = report["scopes"].as_array().unwrap();
    let mut of = scopes.iter().filter(|scope| scope["account_id"] == account);
    let row = of.next().unwrap();
    assert!(of.next().is_none(), "{report}");
    row
}
