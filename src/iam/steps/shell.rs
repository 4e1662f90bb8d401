//! Words and parameters as a POSIX shell and the AWS CLI take them. What a secret is, is never looked at.

use super::reference;
use crate::config::SecretRef;

/// What stands before and behind a command that gets these parameters; nothing where there are none.
///
/// They go in by standard input as JSON: `ParameterKey=…,ParameterValue=…` would end at the comma that an external id may hold, and a value
/// among the arguments could be read by whoever lists the machine's processes. `printf` is a part of the shell, and no external id holds
/// what JSON escapes.
pub(super) fn piped(option: &str, parameters: &[(String, &SecretRef)]) -> (String, String) {
    if parameters.is_empty() {
        return (String::new(), String::new());
    }
    let pairs = parameters.iter().map(|(name, _)| format!(r#"{{"ParameterKey":"{name}","ParameterValue":"%s"}}"#));
    let values: Vec<String> = parameters.iter().map(|(_, place)| value_of(place)).collect();
    let json = pairs.collect::<Vec<_>>().join(",");
    (format!("printf '[{json}]' {} | ", values.join(" ")), format!(" {option} file:///dev/stdin"))
}

/// What a shell puts there.
fn value_of(place: &SecretRef) -> String {
    match place {
        SecretRef::Env(name) => format!("\"${name}\""),
        SecretRef::File(path) => format!("\"$(cat {})\"", word(&path.display().to_string())),
        // No shell reads YAML: a person puts it there.
        SecretRef::Property { .. } => word(&reference(place)),
    }
}

/// What a person fills in on the console's pages.
pub(super) fn fill_in(parameters: &[(String, &SecretRef)]) -> String {
    let fields =
        parameters.iter().map(|(name, place)| format!(", fill in {name} with what {} holds", reference(place)));
    fields.collect::<Vec<_>>().concat()
}

/// One word.
pub(super) fn word(word: &str) -> String {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+=".contains(&byte);
    if !word.is_empty() && !word.starts_with('-') && word.bytes().all(safe) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
