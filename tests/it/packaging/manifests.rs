//! The image's recipe, the compose file and the Kubernetes manifests. No engine runs them here; what they must say is checked.

use serde_json::Value;

use super::{ours, read};
use crate::support::server::python;

/// The documents of a YAML file.
pub(super) fn yaml(name: &str) -> Vec<Value> {
    let script = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let output = python().args(["-c", script]).arg(ours(name)).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn of_kind(name: &str, kind: &str) -> Value {
    let mut found: Vec<Value> = yaml(name).into_iter().filter(|document| document["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{name}: {kind}");
    found.remove(0)
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let mut found = list.as_array().unwrap().iter().filter(|item| item["name"] == name);
    found.next().unwrap_or_else(|| panic!("no {name} in {list:#}"))
}

/// A Dockerfile's instructions, each in one line.
fn instructions() -> Vec<String> {
    let text = read("Dockerfile").replace("\\\n", "");
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

#[test]
fn the_image_is_built_in_one_stage_and_shipped_in_another_without_root_or_a_shell() {
    let lines = instructions();
    let stages: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("FROM ")).collect();
    assert_eq!(stages, ["${RUST} AS build", "scratch AS image"]);
    let last = lines.iter().position(|line| line == "FROM scratch AS image").unwrap();
    let image = &lines[last..];
    for expected in [
        "USER 65532:65532",
        "STOPSIGNAL SIGTERM",
        r#"ENTRYPOINT ["/usr/bin/aboard"]"#,
        r#"CMD ["run"]"#,
        r#"VOLUME ["/var/lib/aboard"]"#,
    ] {
        assert!(image.iter().any(|line| line == expected), "{expected}: {image:#?}");
    }
    let health = image.iter().find(|line| line.starts_with("HEALTHCHECK ")).unwrap();
    assert!(health.ends_with(r#"CMD ["/usr/bin/aboard", "health", "--live"]"#), "{health}");
    assert!(image.iter().all(|line| !line.starts_with("RUN ")), "there is no shell to run it: {image:#?}");
    let pinned = lines.iter().find_map(|line| line.strip_prefix("ARG RUST=")).unwrap();
    let (_, tag) = pinned.rsplit_once(':').unwrap();
    assert!(tag.starts_with(&format!("{}.", env!("CARGO_PKG_RUST_VERSION"))), "{pinned}");
}

#[test]
fn the_builder_gets_no_schedule_file_registry_or_secret() {
    let text = read(".dockerignore");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines[0], "*", "everything is left out that is not let in");
    // They are in a folder that is let in.
    for kept_out in ["packaging/schedules", "packaging/secrets"] {
        assert!(lines.iter().rposition(|line| *line == kept_out) > lines.iter().position(|line| *line == "!packaging"));
    }
    assert!(!lines.iter().any(|line| ["!schedules.toml", "!.", "!*", "!**"].contains(line)), "{lines:?}");
    for needed in ["Cargo.toml", "Cargo.lock", "src", "tests", "benches", "examples", "packaging"] {
        assert!(lines.contains(&format!("!{needed}").as_str()), "{needed}");
        assert!(ours(needed).exists(), "{needed}");
    }
}

#[test]
fn compose_mounts_a_directory_and_keeps_the_registry_in_a_volume() {
    let file = yaml("packaging/compose.yaml").remove(0);
    let service = &file["services"]["aboard"];
    assert_eq!((&service["read_only"], &service["user"]), (&true.into(), &"65532:65532".into()));
    assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]));
    assert_eq!(service["healthcheck"]["test"][1], "/usr/bin/aboard");
    let volumes: Vec<&str> =
        service["volumes"].as_array().unwrap().iter().map(|volume| volume.as_str().unwrap()).collect();
    assert_eq!(volumes, ["./schedules:/etc/aboard:ro", "registry:/var/lib/aboard"]);
    assert!(file["volumes"].as_object().unwrap().contains_key("registry"));
    assert!(service["tmpfs"].to_string().contains("/run/aboard"), "the control socket has a place: {service:#}");
}

/// What holds of each way to run it in a pod.
fn check_pod(set: &Value, aboard: &Value) {
    let pod = &set["spec"]["template"]["spec"];
    assert_eq!(set["spec"]["replicas"], 1);
    assert_eq!(
        set["spec"]["selector"]["matchLabels"], set["spec"]["template"]["metadata"]["labels"],
        "the set finds its pod"
    );
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() >= 60);
    assert_eq!(
        (&pod["securityContext"]["runAsNonRoot"], &pod["securityContext"]["fsGroup"]),
        (&true.into(), &65532.into())
    );
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(aboard["args"][0], "run");
    for probe in ["startupProbe", "livenessProbe"] {
        let command = &aboard[probe]["exec"]["command"];
        assert_eq!((&command[0], &command[1]), (&"/usr/bin/aboard".into(), &"health".into()), "{probe}");
    }
    let security = &aboard["securityContext"];
    assert_eq!(
        (&security["readOnlyRootFilesystem"], &security["allowPrivilegeEscalation"]),
        (&true.into(), &false.into())
    );
    assert_eq!(security["capabilities"]["drop"], serde_json::json!(["ALL"]));

    let mounts = &aboard["volumeMounts"];
    assert!(mounts.as_array().unwrap().iter().all(|mount| mount["subPath"].is_null()), "a subPath is never updated");
    let place = |name: &str| named(mounts, name)["mountPath"].clone();
    assert_eq!((place("schedules"), place("registry")), ("/etc/aboard".into(), "/var/lib/aboard".into()));
    assert_eq!(named(&pod["volumes"], "schedules")["configMap"]["name"], "aboard-schedules");
    let volumes = pod["volumes"].as_array().unwrap();
    assert!(volumes.iter().all(|volume| volume["name"] != "registry"), "the registry is no volume of the pod");
    let claims = set["spec"]["volumeClaimTemplates"].as_array().unwrap();
    assert_eq!((claims.len(), &claims[0]["metadata"]["name"]), (1, &"registry".into()));
    assert_eq!(claims[0]["spec"]["accessModes"], serde_json::json!(["ReadWriteOnce"]));
    assert_eq!(set["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"], "Retain");
}

#[test]
fn the_stateful_set_runs_one_worker_on_a_volume_that_stays() {
    let set = of_kind("packaging/kubernetes/statefulset.yaml", "StatefulSet");
    let pod = &set["spec"]["template"]["spec"];
    check_pod(&set, named(&pod["containers"], "aboard"));
    let account = of_kind("packaging/kubernetes/statefulset.yaml", "ServiceAccount");
    assert_eq!(pod["serviceAccountName"], account["metadata"]["name"]);
}

#[test]
fn the_stateful_sets_service_leads_to_the_port_that_the_schedule_file_may_open() {
    let set = of_kind("packaging/kubernetes/statefulset.yaml", "StatefulSet");
    let service = of_kind("packaging/kubernetes/statefulset.yaml", "Service");
    assert_eq!(set["spec"]["serviceName"], service["metadata"]["name"]);
    assert_eq!(service["metadata"]["name"], "aboard");
    assert_eq!(service["spec"]["clusterIP"], "None", "the pod is asked, and nothing before it");
    assert_eq!(service["spec"]["selector"], set["spec"]["selector"]["matchLabels"]);
    let aboard = named(&set["spec"]["template"]["spec"]["containers"], "aboard");
    assert_eq!(named(&aboard["ports"], "http")["containerPort"], 9847);
    let port = named(&service["spec"]["ports"], "http");
    assert_eq!((&port["port"], &port["targetPort"]), (&9847.into(), &"http".into()));
    let secret = &named(&aboard["env"], "ABOARD_HTTP_TOKEN")["valueFrom"]["secretKeyRef"];
    assert_eq!(*secret, serde_json::json!({ "name": "aboard-http", "key": "token", "optional": true }));
}

#[test]
fn the_sidecar_starts_before_and_ends_after_the_program_beside_it() {
    let set = of_kind("packaging/kubernetes/sidecar.yaml", "StatefulSet");
    let pod = &set["spec"]["template"]["spec"];
    let aboard = named(&pod["initContainers"], "aboard");
    assert_eq!(aboard["restartPolicy"], "Always");
    check_pod(&set, aboard);
    assert_eq!(pod["containers"].as_array().unwrap().len(), 1);
}

#[test]
fn the_config_map_holds_a_valid_schedule_file_under_the_name_that_is_looked_for() {
    let map = of_kind("packaging/kubernetes/schedules.yaml", "ConfigMap");
    assert_eq!(map["metadata"]["name"], "aboard-schedules");
    let home = crate::support::Home::new("http://127.0.0.1:1", map["data"]["schedules.toml"].as_str().unwrap());
    home.ok(&["check"]);
}

#[test]
fn the_config_maps_other_way_to_listen_is_valid_and_takes_the_token_of_the_secret() {
    let map = of_kind("packaging/kubernetes/schedules.yaml", "ConfigMap");
    let text = map["data"]["schedules.toml"].as_str().unwrap();
    let other = text
        .replace("listen = \"127.0.0.1:9847\"\n", "")
        .replace("\n#listen", "\nlisten")
        .replace("\n#token", "\ntoken");
    let lines: Vec<&str> =
        other.lines().filter(|line| line.starts_with("listen") || line.starts_with("token")).collect();
    assert_eq!(lines, ["listen = \"0.0.0.0:9847\"", "token = \"env:ABOARD_HTTP_TOKEN\""]);
    let home = crate::support::Home::new("http://127.0.0.1:1", &other);
    home.ok(&["check"]);
}
