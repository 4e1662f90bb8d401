//! `[targets.NAME.backstage]`.

use super::{directory, places};
use crate::config::format::network::service_url;
use crate::config::read::Node;
use crate::config::report::{Complaint, Report};
use crate::config::{BackstageTarget, Definition, Place, Registration};

pub(super) fn backstage(report: &mut Report<'_>, node: &Node<'_>, place: &Place) -> Option<BackstageTarget> {
    let error = |report: &mut Report<'_>, key: &str, message: &str, hint: &str| {
        report.error(&node.span(key), &node.path(key), Complaint::new(message).hint(hint));
    };
    if node.has("url") && node.lacks("location") {
        let hint = "write location = \"https://…/catalog-info.yaml\", the URL at which Backstage finds the file";
        error(report, "url", "Backstage has to be told where the file is", hint);
    }
    for key in ["token", "location"] {
        if node.has(key) && node.lacks("url") {
            error(report, key, "means something only where Backstage is told", "write url beside it");
        }
    }
    let points = node.text("definition") == Some("text");
    if points && node.lacks("definition_base") {
        let hint = "write definition_base = \"./\" where the catalog file stands in the path of a directory target";
        error(report, "definition", "it has to be known where the files of a directory target are", hint);
    }
    if !points && node.has("definition_base") && (node.lacks("definition") || node.text("definition").is_some()) {
        let hint = "write definition = \"text\" beside it";
        error(report, "definition_base", "means something only where specifications are pointed to", hint);
    }
    places::of_apis_only(report, node);
    let definition = match node.text("definition_base") {
        Some(base) if points => Definition::Text { base: base.to_owned() },
        _ => Definition::Embed,
    };
    let registration = node.text("url").and_then(|url| service_url(url).ok()).zip(node.text("location"));
    let text = |key: &str| node.text(key).map(str::to_owned);
    Some(BackstageTarget {
        path: node.file("path", place)?,
        registration: registration.map(|(url, location)| Registration {
            url,
            token: node.secret("token", place),
            location: location.to_owned(),
        }),
        owner: text("owner").unwrap_or_else(|| "unknown".to_owned()),
        owner_tag: text("owner_tag"),
        system_tag: text("system_tag"),
        lifecycle: text("lifecycle").unwrap_or_else(|| "production".to_owned()),
        namespace: text("namespace").unwrap_or_else(|| "default".to_owned()),
        definition,
        git: directory::git(report, node),
    })
}
