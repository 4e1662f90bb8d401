//! `regions` of a connection.

use crate::config::read::{Node, compile};
use crate::config::report::{Complaint, Report};
use crate::config::{Pattern, Regions, regions};

/// The regions of a connection. `partition` is the one that the role's ARN names; `every` is what holds without the key.
pub(super) fn regions(
    report: &mut Report<'_>,
    node: &Node<'_>,
    partition: Option<&str>,
    every: bool,
) -> Option<Regions> {
    if !node.has("regions") {
        return every.then(|| Regions::All { except: crate::config::Patterns::default() });
    }
    let path = node.path("regions");
    let texts = node.texts("regions");
    let all = texts.iter().any(|(text, _)| *text == "all");
    let mut named = Vec::new();
    let mut except = Vec::new();
    let mut first_partition = partition.map(|id| (id, None));
    for (text, span) in &texts {
        if *text == "all" {
            continue;
        }
        if let Some(glob) = text.strip_prefix('!') {
            except.push(glob);
            if !all {
                let complaint = Complaint::new(format!("\"{text}\" takes away from nothing"));
                report.error(span, &path, complaint.hint("exceptions follow \"all\", as in [\"all\", \"!ap-*\"]"));
            } else if !matches_any(glob) {
                let complaint = Complaint::new(format!("\"{text}\" matches no region that is known"));
                report.warning(span, &path, complaint);
            }
            continue;
        }
        named.push((*text).to_owned());
        if all {
            let complaint = Complaint::new(format!("\"{text}\" stands beside \"all\", which has it already"));
            report.error(span, &path, complaint.hint("name regions, or write \"all\" with exceptions only"));
            continue;
        }
        let of = regions::partition_of(text);
        match (first_partition, of) {
            (Some((wanted, origin)), Some(of)) if wanted != of => {
                let other: &str = origin.unwrap_or("the role's ARN");
                let complaint = Complaint::new(format!(
                    "\"{text}\" is in the partition {of}, {other} in {wanted}: one connection stays in one partition"
                ));
                report.error(span, &path, complaint);
                continue;
            }
            (None, Some(of)) => first_partition = Some((of, Some(*text))),
            _ => {}
        }
        if !regions::is_known(text) {
            let complaint = Complaint::new(format!("\"{text}\" is not a region that is known here; it will be tried"));
            report.warning(span, &path, complaint.maybe(nearest(text)));
        }
    }
    if all { Some(Regions::All { except: compile(except.into_iter()) }) } else { Some(Regions::Named(named)) }
}

fn nearest(text: &str) -> Option<String> {
    regions::nearest(text).map(|name| format!("did you mean \"{name}\"?"))
}

/// Whether a glob matches a region of any partition.
fn matches_any(glob: &str) -> bool {
    let known = || regions::partitions().iter().flat_map(|partition| &partition.regions);
    Pattern::new(glob).is_ok_and(|pattern| known().any(|region| pattern.matches(region)))
}
