//! Which text format a scraper wants, and the older one made from the newer.

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// What Prometheus had before: version 0.0.4.
    Plain,
}

impl Form {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// An exposition in OpenMetrics, in this form.
    pub(super) fn write(self, text: String) -> String {
        match self {
            Self::OpenMetrics => text,
            Self::Plain => plain(&text),
        }
    }
}

/// The form that an `Accept` header gives the greater weight; OpenMetrics where it does not care.
pub(super) fn choose(accept: &str) -> Form {
    let (mut open, mut text) = (0.0_f32, 0.0_f32);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
        match kind.as_str() {
            "application/openmetrics-text" => open = open.max(weight),
            // A person with a browser, which cannot show OpenMetrics.
            "text/plain" | "text/html" | "text/*" => text = text.max(weight),
            _ => {}
        }
    }
    if text > open { Form::Plain } else { Form::OpenMetrics }
}

/// The older format has no `info` type, and names a counter as its samples are named.
fn plain(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut renamed: Vec<(String, String)> = Vec::new();
    // The type follows the help, which needs it.
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            match kind {
                "counter" => renamed.push((name.to_owned(), format!("{name}_total"))),
                "info" => renamed.push((name.to_owned(), format!("{name}_info"))),
                _ => {}
            }
        }
    }
    for line in text.lines() {
        let comment = line.strip_prefix("# ").and_then(|rest| {
            let mut words = rest.splitn(3, ' ');
            Some((words.next()?, words.next()?, words.next()?))
        });
        match comment {
            Some((keyword @ ("HELP" | "TYPE"), name, rest)) => {
                let name = renamed.iter().find(|(old, _)| old == name).map_or(name, |(_, new)| new);
                let rest = if (keyword, rest) == ("TYPE", "info") { "gauge" } else { rest };
                written.extend(["# ", keyword, " ", name, " ", rest, "\n"]);
            }
            _ if line == "# EOF" => {}
            _ => written.extend([line, "\n"]),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scraper_gets_the_form_that_it_prefers() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for accept in ["", "*/*", prometheus, "application/openmetrics-text", "application/json"] {
            assert_eq!(choose(accept), Form::OpenMetrics, "{accept}");
        }
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for accept in ["text/plain", "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", browser] {
            assert_eq!(choose(accept), Form::Plain, "{accept}");
        }
    }

    #[test]
    fn the_older_format_names_counters_and_infos_as_their_samples() {
        let open = "# HELP a_runs Runs that ended.\n# TYPE a_runs counter\na_runs_total{outcome=\"x\"} 1\n\
                    # HELP a_build Of this binary.\n# TYPE a_build info\na_build_info{version=\"1\"} 1\n\
                    # HELP a_apis APIs.\n# TYPE a_apis gauge\na_apis 3\n# EOF\n";
        let plain = "# HELP a_runs_total Runs that ended.\n# TYPE a_runs_total counter\na_runs_total{outcome=\"x\"} 1\n\
                     # HELP a_build_info Of this binary.\n# TYPE a_build_info gauge\na_build_info{version=\"1\"} 1\n\
                     # HELP a_apis APIs.\n# TYPE a_apis gauge\na_apis 3\n";
        assert_eq!(Form::Plain.write(open.to_owned()), plain);
    }
}
