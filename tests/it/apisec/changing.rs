//! What a stage's new specification does.

use super::{Desk, api, event, onboarded, orders, specification, unexported, url};

#[tokio::test]
async fn a_changed_specification_is_loaded_into_the_instances_of_its_stage_and_deletes_no_endpoint() {
    let desk = Desk::new();
    let both = api("orders", "a1b2c3d4e5", &["live", "prod"]);
    desk.delivered(&onboarded(&both)).await;
    let before = desk.stub.reloads().len();
    let mut changed = event("api.changed", &both);
    changed.notice.instances.retain(|instance| instance.stage == "prod");
    changed.specifications = ["live", "prod"].map(|stage| specification("a1b2c3d4e5", stage, "2")).to_vec();
    let said = desk.delivered(&changed).await;
    assert!(said.contains("loaded the specification of prod"), "{said}");
    let reloads = desk.stub.reloads();
    assert_eq!(reloads.len(), before + 1, "the other stage was none of this event's");
    let (reload, application) = (reloads.last().unwrap(), desk.stub.only());
    let prod = application.instances.iter().find(|instance| instance.url == url("a1b2c3d4e5", "prod")).unwrap();
    assert_eq!(reload.instance, prod.id);
    assert_eq!(prod.loaded.as_ref().unwrap()["info"]["version"], "2");
    for key in ["overwriteVal", "overwriteEndpointConfig", "deleteEndpoints"] {
        assert_eq!(reload.form[key], "false", "{key}");
    }
    // The same again, as after a crash before it was recorded: it is there already.
    desk.delivered(&changed).await;
    assert_eq!(desk.stub.reloads().len(), before + 1);
}

#[tokio::test]
async fn specifications_that_come_and_go_are_loaded_each_time() {
    let desk = Desk::new();
    desk.delivered(&onboarded(&orders())).await;
    for version in ["2", "1", "2"] {
        let mut changed = event("api.changed", &orders());
        changed.specifications = vec![specification("a1b2c3d4e5", "prod", version)];
        desk.delivered(&changed).await;
        assert_eq!(desk.stub.only().instances[0].loaded.as_ref().unwrap()["info"]["version"], version);
    }
    assert_eq!(desk.stub.reloads().len(), 3);
}

#[tokio::test]
async fn endpoints_are_deleted_only_where_the_file_says_so() {
    let desk = Desk::with("prune = true");
    desk.delivered(&onboarded(&orders())).await;
    let mut changed = event("api.changed", &orders());
    changed.specifications = vec![specification("a1b2c3d4e5", "prod", "2")];
    desk.delivered(&changed).await;
    assert_eq!(desk.stub.reloads()[0].form["deleteEndpoints"], "true");
}

#[tokio::test]
async fn a_person_s_application_keeps_its_specification_until_the_api_changes() {
    let desk = Desk::new();
    desk.stub.add("by hand", &[&url("a1b2c3d4e5", "prod")]);
    desk.delivered(&onboarded(&orders())).await;
    assert_eq!(desk.stub.reloads().len(), 0);
    desk.delivered(&event("api.changed", &orders())).await;
    assert_eq!(desk.stub.reloads().len(), 1);
}

#[tokio::test]
async fn a_change_that_could_not_be_exported_loads_nothing_and_says_so() {
    let desk = Desk::new();
    desk.delivered(&onboarded(&orders())).await;
    let mut changed = event("api.changed", &orders());
    changed.specifications = vec![unexported("prod")];
    let said = desk.delivered(&changed).await;
    assert!(said.contains("AWS would not export it"), "{said}");
    assert_eq!(desk.stub.reloads().len(), 0);
}

#[tokio::test]
async fn a_change_does_not_bring_back_what_a_person_deleted() {
    let desk = Desk::new();
    desk.delivered(&onboarded(&orders())).await;
    desk.stub.remove("app-0001");
    let mut changed = event("api.changed", &orders());
    changed.specifications = vec![specification("a1b2c3d4e5", "prod", "2")];
    let said = desk.delivered(&changed).await;
    assert_eq!(said, "application app-0001 was deleted in APIsec; a change does not create it again");
    assert_eq!(desk.stub.applications().len(), 0);
}

#[tokio::test]
async fn a_change_of_an_api_that_never_arrived_registers_it() {
    let desk = Desk::new();
    desk.delivered(&event("api.changed", &orders())).await;
    assert_eq!(desk.stub.only().urls(), [url("a1b2c3d4e5", "prod")]);
    assert_eq!(desk.stub.reloads().len(), 0, "it was created from the newest");
}
