use super::*;

#[test]
fn the_roll_out_goes_from_the_central_role_to_the_management_account_in_one_region() {
    let commands = |more: &str, partition: &str| {
        let config = config(&central(partition, more));
        let made = roll_outs(&all(&config), all(&config)).remove(0);
        let lines: Vec<Vec<String>> = made.steps.into_iter().map(|step| step.commands).collect();
        lines
    };
    let found = commands(
        "child_external_id = \"file:/run/an id\"\naccounts = { organizational_units = [\"ou-abcd-11112222\", \"ou-abcd-33334444\"] }",
        "aws-cn",
    );
    assert!(found[0][1].contains("deploy --region cn-north-1 --stack-name aboard-central-role-Central "), "{found:?}");
    assert!(found[1][0].contains("activate-organizations-access"));
    for part in [
        "create-stack-set",
        "--permission-model SERVICE_MANAGED",
        "--auto-deployment Enabled=true,RetainStacksOnAccountRemoval=false",
        "--capabilities CAPABILITY_NAMED_IAM",
        "printf '[{\"ParameterKey\":\"ExternalId\",\"ParameterValue\":\"%s\"}]' \"$(cat '/run/an id')\" | aws ",
        " --parameters file:///dev/stdin",
    ] {
        assert!(found[2][1].contains(part), "{part} in {}", found[2][1]);
    }
    assert!(found[3][0].contains("OrganizationalUnitIds=ou-abcd-11112222,ou-abcd-33334444 --regions cn-north-1 "));
    assert!(found[4][0].starts_with("printf ") && found[4][0].ends_with(" --parameter-overrides file:///dev/stdin"));
    assert_eq!(found[5], ["aboard test org"]);
    // Without units the root is asked for; who needs no role in the management account gets no command for it.
    assert!(commands("", "aws")[3][0].contains("list-roots"));
    assert!(commands("management_account = \"skip\"", "aws")[4].is_empty());
    assert!(commands("management_account = \"central_role\"", "aws")[4].is_empty());
    assert_eq!(commands("management_account = \"child_role\"", "aws")[4].len(), 1);
}

/// The connection `name` with a central role of the same ARN as [`central`]'s.
fn sharing_central(name: &str, more: &str) -> String {
    central("aws", more).replace(".org.", &format!(".{name}."))
}

#[test]
fn connections_that_share_a_central_role_share_its_stack_and_whichever_is_asked_for_gets_what_all_need() {
    let text = sharing_central("a", "child_external_id = \"env:A\"\nmanagement_account = \"skip\"")
        + &sharing_central("b", "child_external_id = \"env:B\"\nmanagement_account = \"child_role\"")
        + &sharing_central("c", "external_id = \"env:C\"").replace("spokes/Child", "Other")
        + &sharing_central("d", "").replace("hub/Central", "hub/Central2");
    let config = config(&text);
    let file = || config.connections.values();
    let chosen = [&config.connections["b"]];
    let names = |kind| sharing(file(), &chosen, kind).iter().map(|one| one.name.as_str()).collect::<Vec<_>>();
    assert_eq!((names(Kind::CentralRole), names(Kind::ChildRole)), (vec!["a", "b", "c"], vec!["a", "b"]));
    let central = &central_roles(&sharing(file(), &chosen, Kind::CentralRole), &AllWants::default(), |_| {
        "111122223333".to_owned()
    });
    assert_eq!(central.len(), 1);
    let text = value(&central[0].body).to_string();
    assert!(text.contains("role/spokes/Child") && text.contains("role/Other") && text.contains("what env:C holds"));

    let made = roll_outs(&all(&config), all(&config));
    let of: Vec<Vec<String>> = made.iter().map(|one| one.connections.clone()).collect();
    assert_eq!(of, [vec!["a", "b", "c"], vec!["d"]]);
    let commands: Vec<&String> = made[0].steps.iter().flat_map(|step| &step.commands).collect();
    let with = |text: &str| commands.iter().filter(|line| line.contains(text)).count();
    assert_eq!(with("aboard iam central-role a b c > "), 1);
    assert_eq!(with("--stack-name aboard-central-role-Central "), 1);
    assert_eq!((with("aboard iam child-role a b > "), with("aboard iam child-role c > ")), (1, 1));
    assert_eq!((with("create-stack-set "), with("--stack-set-name aboard-child-role-Other --template-body")), (2, 1));
    // What needs most decides, and each external id has its parameter.
    assert_eq!(with("--stack-name aboard-child-role-Child "), 1);
    assert_eq!(with("\"ExternalId\",\"ParameterValue\":\"%s\"},{\"ParameterKey\":\"ExternalId2\""), 2);
    assert_eq!((with("\"$A\" \"$B\" | "), with("aboard test a b c")), (2, 1));
}

#[test]
fn one_connection_that_wants_every_account_of_an_organization_has_the_role_deployed_to_all() {
    let units = |name: &str, unit: &str| {
        sharing_central(name, &format!("accounts = {{ organizational_units = [\"ou-abcd-{unit}\"] }}"))
    };
    let targets = |text: &str| {
        let config = config(text);
        let made = roll_outs(&all(&config), all(&config)).remove(0);
        made.steps[3].commands.iter().find(|line| line.contains("create-stack-instances")).unwrap().clone()
    };
    let (one, two) = (units("a", "11112222"), units("b", "33334444"));
    assert!(targets(&(one.clone() + &two)).contains("Ids=ou-abcd-11112222,ou-abcd-33334444 "));
    assert!(targets(&(one + &sharing_central("b", ""))).contains("Ids=\"$ROOT\" "));
}

#[test]
fn a_central_role_that_goes_by_a_child_role_of_the_same_name_is_named_before_it_is_in_the_way() {
    let why = |other: &str| {
        let config = config(&(sharing_central("a", "") + other));
        let made = roll_outs(&[&config.connections["a"]], all(&config)).remove(0);
        made.steps.into_iter().find(|step| step.title.contains("StackSet of")).unwrap().why
    };
    let other = |from: &str, to: &str| sharing_central("b", "").replace(from, to);
    let elsewhere = why(&other("111122223333", "444455556666").replace("spokes/Child", "child"));
    assert!(elsewhere.contains("arn:aws:iam::444455556666:role/hub/Central in the schedule file"), "{elsewhere}");
    assert!(elsewhere.contains("may be in the way") && elsewhere.contains("another child_role_name"), "{elsewhere}");
    assert!(elsewhere.ends_with("before this step, unless that is another organization."), "{elsewhere}");
    let same_account = why(&other("hub/Central", "hub/Central2"));
    assert!(
        same_account.contains("name is in the way") && same_account.ends_with("before this step."),
        "{same_account}"
    );
    for harmless in
        [other("Child", "Other"), other("", ""), other("arn:aws:iam::111122223333", "arn:aws-cn:iam::444455556666")]
    {
        assert!(!why(&harmless).contains("in the way"), "{harmless}");
    }
}
