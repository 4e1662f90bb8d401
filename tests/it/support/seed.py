"""What the scripts of the end-to-end tests share: short ways to make things with boto3, and an independent listing.

`account` is a boto3 session, `REGION` the region where nothing else is said, `answer` prints what the test reads.
"""

import json
import os
from datetime import timezone

import boto3
from botocore.config import Config

URL = os.environ["URL"]
REGION = "eu-west-1"
CONFIG = Config(retries={"total_max_attempts": 1})


def session(key, secret, token=None):
    return boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token)


def root(account_id):
    """The root of an account of MiniStack."""
    return session(account_id, "test")


def entered(account_id):
    """An account of moto, which lets anybody in."""
    return assumed(session("AKIAANYBODY", "any"), f"arn:aws:iam::{account_id}:role/Seed")


def assumed(account, role_arn, **options):
    answer = client(account, "sts").assume_role(RoleArn=role_arn, RoleSessionName="seed", **options)
    key = answer["Credentials"]
    return session(key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])


def client(account, service, region=REGION):
    return account.client(service, region_name=region, endpoint_url=URL, config=CONFIG)


def answer(value):
    print(json.dumps(value))


def rest(account, name, stages=("prod",), region=REGION, **options):
    """Makes a REST API with a stage of each name, each with a deployment of its own; gives its id."""
    gateway = client(account, "apigateway", region)
    api_id = gateway.create_rest_api(name=name, **options)["id"]
    resource = gateway.get_resources(restApiId=api_id)["items"][0]["id"]
    place = {"restApiId": api_id, "resourceId": resource, "httpMethod": "GET"}
    gateway.put_method(authorizationType="NONE", **place)
    gateway.put_integration(type="MOCK", **place)
    for stage in stages:
        gateway.create_deployment(restApiId=api_id, stageName=stage)
    return api_id


def http(account, name, protocol="HTTP", region=REGION, **options):
    """Makes an HTTP or WebSocket API without a stage; gives its id."""
    if protocol == "WEBSOCKET":
        options["RouteSelectionExpression"] = "$request.body.action"
    gateway = client(account, "apigatewayv2", region)
    return gateway.create_api(Name=name, ProtocolType=protocol, **options)["ApiId"]


def stage(account, api_id, name, region=REGION, **options):
    """Makes a stage of an HTTP or WebSocket API."""
    client(account, "apigatewayv2", region).create_stage(ApiId=api_id, StageName=name, **options)


def edge_domain(account, name, region=REGION):
    certificate = "arn:aws:acm:us-east-1:111111111111:certificate/11111111-1111-1111-1111-111111111111"
    client(account, "apigateway", region).create_domain_name(
        domainName=name, certificateArn=certificate, endpointConfiguration={"types": ["EDGE"]}
    )


def regional_domain(account, name, region=REGION):
    certificate = f"arn:aws:acm:{region}:111111111111:certificate/11111111-1111-1111-1111-111111111111"
    client(account, "apigatewayv2", region).create_domain_name(
        DomainName=name, DomainNameConfigurations=[{"CertificateArn": certificate, "EndpointType": "REGIONAL"}]
    )


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def may(action, *resources, effect="Allow"):
    return {"Effect": effect, "Action": action, "Resource": list(resources) or ["*"]}


READ = may("apigateway:GET", "arn:aws:apigateway:*::/*")


def user(account, name, *statements):
    """Makes a user that may do this; gives its access key."""
    iam = client(account, "iam")
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=policy(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


def role(account, name, trusted, *statements, external_id=None):
    """Makes a role that `trusted` may assume; gives its ARN."""
    trust = {"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"}
    if external_id:
        trust["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
    iam = client(account, "iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=policy(*statements))
    return arn


def pages(call, members, **arguments):
    """Every item of a listing, whichever way it is paged."""
    items = []
    while True:
        page = call(**arguments)
        items += next(page[member] for member in members if member in page)
        for token_in, token_out in (("position", "position"), ("NextToken", "NextToken")):
            if page.get(token_out):
                arguments[token_in] = page[token_out]
                break
        else:
            return items


def listing(account, *regions):
    """Every API as aboard should show it, made from boto3's answers alone."""
    account_id = client(account, "sts").get_caller_identity()["Account"]
    apis = []
    for region in regions or (REGION,):
        first, second = client(account, "apigateway", region), client(account, "apigatewayv2", region)
        ways = mappings(first, second)
        for api in pages(first.get_rest_apis, ["items"], limit=500):
            stages = [rest_stage(first, api["id"], stage) for stage in first.get_stages(restApiId=api["id"])["item"]]
            host = f"https://{api['id']}.execute-api.{region}.amazonaws.com"
            facts = {
                "api_id": api["id"],
                "protocol": "REST",
                "name": api["name"],
                "description": api.get("description") or None,
                "version": api.get("version") or None,
                "endpoint_type": api["endpointConfiguration"]["types"][0],
                "tags": api.get("tags") or {},
                "created_at": instant(api["createdDate"]),
            }
            answers = not api.get("disableExecuteApiEndpoint")
            apis.append(document(account_id, region, facts, stages, host, answers, ways))
        for api in pages(second.get_apis, ["Items"]):
            found = pages(second.get_stages, ["Items"], ApiId=api["ApiId"])
            stages = [http_stage(second, api["ApiId"], stage) for stage in found]
            scheme = "wss" if api["ProtocolType"] == "WEBSOCKET" else "https"
            host = f"{scheme}://{api['ApiId']}.execute-api.{region}.amazonaws.com"
            facts = {
                "api_id": api["ApiId"],
                "protocol": api["ProtocolType"],
                "name": api["Name"],
                "description": api.get("Description") or None,
                "version": api.get("Version") or None,
                "endpoint_type": "REGIONAL",
                "tags": api.get("Tags") or {},
                "created_at": instant(api["CreatedDate"]),
            }
            answers = not api.get("DisableExecuteApiEndpoint")
            apis.append(document(account_id, region, facts, stages, host, answers, ways))
    return sorted(apis, key=lambda api: (api["region"], api["api_id"]))


def rest_stage(gateway, api_id, stage):
    deployment = stage.get("deploymentId")
    deployed = gateway.get_deployment(restApiId=api_id, deploymentId=deployment)["createdDate"] if deployment else None
    return {
        "name": stage["stageName"],
        "published": bool(deployment),
        "created_at": instant(stage.get("createdDate")),
        "deployed_at": instant(deployed),
    }


def http_stage(gateway, api_id, stage):
    deployment = stage.get("DeploymentId")
    deployed = gateway.get_deployment(ApiId=api_id, DeploymentId=deployment)["CreatedDate"] if deployment else None
    return {
        "name": stage["StageName"],
        "published": bool(deployment) or stage.get("AutoDeploy", False),
        "created_at": instant(stage.get("CreatedDate")),
        "deployed_at": instant(deployed),
    }


def mappings(first, second):
    """(API, stage, address without scheme) of every custom domain, by whichever service knows the domain."""
    ways = set()
    for domain in pages(first.get_domain_names, ["items"], limit=500):
        name = domain["domainName"]
        for mapping in pages(first.get_base_path_mappings, ["items"], domainName=name, limit=500):
            path = mapping["basePath"] if mapping["basePath"] != "(none)" else ""
            ways.add((mapping["restApiId"], mapping["stage"], f"{name}/{path}".rstrip("/")))
    for domain in pages(second.get_domain_names, ["Items"]):
        name = domain["DomainName"]
        for mapping in pages(second.get_api_mappings, ["Items"], DomainName=name):
            ways.add((mapping["ApiId"], mapping["Stage"], f"{name}/{mapping.get('ApiMappingKey', '')}".rstrip("/")))
    return ways


def document(account_id, region, facts, stages, host, answers, ways):
    published = [stage for stage in stages if stage["published"]]
    instances = []
    for stage in stages:
        path = "" if stage["name"] == "$default" and facts["protocol"] == "HTTP" else f"/{stage['name']}"
        times = {"created_at": stage["created_at"], "deployed_at": stage["deployed_at"]}
        callable_ = stage["published"] and answers
        own = {"stage": stage["name"], "url": host + path, "kind": "execute-api", "callable": callable_}
        instances.append(own | times)
        for api_id, named, address in ways:
            if (api_id, named) == (facts["api_id"], stage["name"]):
                url = f"{host.split(':')[0]}://{address}"
                way = {"stage": named, "url": url, "kind": "custom-domain", "callable": stage["published"]}
                instances.append(way | times)
    created = [stage["created_at"] for stage in published if stage["created_at"]]
    deployed = [stage["deployed_at"] for stage in published if stage["deployed_at"]]
    return facts | {
        "partition": "aws",
        "account_id": account_id,
        "region": region,
        "first_published_at": min(created, default=None),
        "last_published_at": max(deployed, default=None),
        "instances": sorted(instances, key=lambda way: (way["stage"], way["kind"], way["url"])),
    }


def instant(at):
    if at is None:
        return None
    at = at.astimezone(timezone.utc)
    milliseconds = at.microsecond // 1000
    return at.strftime("%Y-%m-%dT%H:%M:%S") + (f".{milliseconds:03d}" if milliseconds else "") + "Z"
