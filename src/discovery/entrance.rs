//! A connection's accounts: which there are, and how each is entered when its turn comes.
//!
//! Naming them is cheap and comes first; entering one costs a call or more and happens while others are being looked at, so that an
//! organization of a thousand accounts is never entered as a whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::account::Account;
use super::aws::Aws;
use super::central::{Central, trouble_of};
use super::credentials::{as_itself, assume, default_chain, key, role_trouble};
use super::enabled::{self, Enabled, Unlistable};
use super::organization::Member;
use crate::config::{Connection, Credentials as Means, Patterns, Regions};
use crate::inventory::{AccountTrouble, Trouble};

/// The accounts of a connection.
#[derive(Debug, Default)]
pub struct Entrance {
    /// Those that can be tried, in AWS's order.
    pub doors: Vec<Door>,
    /// Those that are not tried, with the reason.
    pub shut: Vec<AccountTrouble>,
    /// The organization; absent where there is none.
    pub organization: Option<Organization>,
}

/// An organization whose accounts were listed whole.
#[derive(Debug)]
pub struct Organization {
    /// `o-…`; empty where AWS does not say.
    pub id: String,
    /// Every account, in the connection's scope or not.
    pub accounts: BTreeSet<String>,
}

impl Entrance {
    pub(super) fn of(account: Account, regions: &Regions) -> Self {
        let door = Door {
            account_id: account.account_id.clone(),
            account_name: None,
            way: Way::Entered(Box::new(account)),
            except: except(regions),
            unlistable: Arc::default(),
        };
        Self { doors: vec![door], shut: Vec::new(), organization: None }
    }
}

/// An account that can be entered.
#[derive(Debug)]
pub struct Door {
    /// Twelve digits.
    pub account_id: String,
    /// The account's name, where Organizations told it.
    pub account_name: Option<String>,
    way: Way,
    /// Where every region is asked for: but these.
    except: Result<Vec<String>, Patterns>,
    /// Shared by all doors of a connection.
    unlistable: Arc<Unlistable>,
}

#[derive(Debug)]
enum Way {
    Entered(Box<Account>),
    Child(Arc<Central>, Box<Member>),
}

/// The regions that the file names, or those that it leaves out of all.
fn except(regions: &Regions) -> Result<Vec<String>, Patterns> {
    match regions {
        Regions::Named(regions) => Ok(regions.clone()),
        Regions::All { except } => Err(except.clone()),
    }
}

impl Door {
    /// Whether it is one of an organization's, still to be entered.
    pub(super) fn is_child(&self) -> bool {
        matches!(self.way, Way::Child(..))
    }

    /// Enters the account and finds out its regions. Where only one region counts, and the file asks for all, the others are not asked
    /// about. `before` are regions where something was seen before, for where they cannot be listed.
    ///
    /// # Errors
    /// The account cannot be entered; it stands for all its scopes.
    pub async fn open(
        self,
        aws: &Aws,
        only: Option<&str>,
        before: BTreeSet<String>,
    ) -> Result<Account, AccountTrouble> {
        let mut account = match self.way {
            Way::Entered(account) => *account,
            Way::Child(central, member) => central.enter(&member).await?,
        };
        match (self.except, only) {
            (Ok(named), _) => account.regions = named,
            (Err(except), Some(only)) if !except.any(only) => account.regions = vec![only.to_owned()],
            (Err(_), Some(_)) => {}
            (Err(except), None) => match enabled::of(aws, &account, &except, before, &self.unlistable).await {
                Ok(Enabled { on, off, probed }) => {
                    (account.regions, account.disabled) = (on, off);
                    account.regions_probed = probed.map(|failure| failure.trouble());
                }
                Err(failure) => {
                    return Err(AccountTrouble {
                        account_id: Some(self.account_id),
                        account_name: self.account_name,
                        trouble: failure.trouble(),
                        meant: false,
                    });
                }
            },
        }
        Ok(account)
    }
}

/// Finds out which accounts a connection has.
///
/// # Errors
/// They cannot even be named: the credentials do not work, or the organization cannot be read.
pub async fn enter(aws: &Aws, connection: &Connection) -> Result<Entrance, AccountTrouble> {
    let regions = named(&connection.regions);
    let own = match &connection.credentials {
        Means::AwsUser(user) => as_itself(aws, key(user), regions).await,
        Means::DefaultChain(chain) => as_itself(aws, default_chain(aws, chain, regions).await, regions).await,
        Means::AssumeRole(role) => {
            let account = assume(aws, role, regions).await.map_err(|failure| AccountTrouble {
                account_id: Some(role.role_arn.account_id.clone()),
                ..nobody(role_trouble(&failure, &role.role_arn.arn))
            })?;
            return Ok(Entrance::of(account, &connection.regions));
        }
        Means::CentralRole(role) => {
            let central = Central::assume(aws, role, regions).await.map_err(nobody)?;
            let members = central.members(aws).await.map_err(nobody)?;
            return organization(central, members, &connection.regions).map_err(nobody);
        }
    };
    let (account, _) = own.map_err(|failure| nobody(failure.trouble()))?;
    Ok(Entrance::of(account, &connection.regions))
}

/// The accounts that a central role leads to.
pub(super) fn organization(central: Central, members: Vec<Member>, regions: &Regions) -> Result<Entrance, Trouble> {
    let all = Organization {
        id: members.iter().find_map(|member| member.organization.clone()).unwrap_or_default(),
        accounts: members.iter().map(|member| member.account_id.clone()).collect(),
    };
    let (central, unlistable) = (Arc::new(central), Arc::<Unlistable>::default());
    let mut entrance = Entrance { doors: Vec::new(), shut: Vec::new(), organization: Some(all) };
    for member in central.chosen(members)? {
        match member.closed() {
            Some(trouble) => entrance.shut.push(trouble_of(&member, trouble)),
            None => entrance.doors.push(Door {
                account_id: member.account_id.clone(),
                account_name: member.name.clone(),
                way: Way::Child(Arc::clone(&central), Box::new(member)),
                except: except(regions),
                unlistable: Arc::clone(&unlistable),
            }),
        }
    }
    Ok(entrance)
}

/// The regions by which STS is chosen.
pub(super) fn named(regions: &Regions) -> &[String] {
    match regions {
        Regions::Named(regions) => regions,
        Regions::All { .. } => &[],
    }
}

/// A trouble before any account is known.
fn nobody(trouble: Trouble) -> AccountTrouble {
    AccountTrouble { account_id: None, account_name: None, trouble, meant: false }
}
