//! `iam policy`: the permissions of each identity and role.

use super::holder::{Holder, Need, holders};
use super::node::Node;
use super::{Document, Kind, policy_of};
use crate::config::{AllWants, Connection};

/// What the policies written into one IAM user may hold together, without white space (IAM quotas).
const ROOM_IN_USER: usize = 2_048;
/// The same of a managed policy.
const ROOM_IN_MANAGED: usize = 6_144;
/// The same of the policies written into one role.
const ROOM_IN_ROLE: usize = 10_240;

/// The permissions that exactly these connections need, for themselves and for the integrations that offer their APIs, one document for
/// each identity and role. `partition` is where keys are that read
/// every region, of which the file cannot say it.
#[must_use]
pub fn policies(connections: &[&Connection], wants: &AllWants, partition: Option<&str>) -> Vec<Document> {
    holders(connections, wants, partition).into_iter().map(|(holder, need)| document(&holder, need)).collect()
}

fn document(holder: &Holder, need: Need) -> Document {
    let body = policy_of(need.rights.statements(&holder.partition));
    let mut notes = Vec::new();
    if need.guessed {
        notes.push(format!(
            "regions = [\"all\"] does not say in which partition the key is; {} is taken, --partition names another",
            holder.partition
        ));
    }
    notes.extend(too_long(&body, holder.kind, need.key));
    let title = format!("permissions of {}", holder.name);
    Document { kind: holder.kind, title, connections: need.connections.into_iter().collect(), notes, body }
}

/// What to do where the policy does not fit where one would put it first.
pub(super) fn too_long(policy: &Node, kind: Kind, key: bool) -> Option<String> {
    let length = serde_json::to_string(policy).map_or(0, |text| text.len());
    let room = if kind == Kind::Identity && key { ROOM_IN_USER } else { ROOM_IN_ROLE };
    let remedy = match length {
        _ if length <= room => return None,
        _ if length <= ROOM_IN_MANAGED => "attach it as a managed policy, which holds 6,144",
        _ => "write regions = [\"all\"], whose resources name no region, or split the connection",
    };
    Some(format!("it has {length} characters, more than the {room} that fit into it as an inline policy: {remedy}"))
}
