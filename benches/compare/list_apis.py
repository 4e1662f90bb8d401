"""Lists every API, stage and custom domain with boto3: the script that a careful engineer writes instead of a program.

One assumed role per account, one client per account, region and family, whole pages, threads over all of it, boto3's own
retries. What AWS refuses in the end is counted and does not stop the rest.
"""

import argparse
import json
import sys
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import boto3
import botocore.exceptions
from botocore.config import Config

PAGE = 500


class Account:
    """The clients of one account. Sessions are not safe to make clients from in two threads at once, clients are to use."""

    def __init__(self, session, sts, role_arn, connections):
        self.id = role_arn.split(":")[4]
        answer = sts.assume_role(RoleArn=role_arn, RoleSessionName="list-apis")["Credentials"]
        self.session = session
        self.keys = {
            "aws_access_key_id": answer["AccessKeyId"],
            "aws_secret_access_key": answer["SecretAccessKey"],
            "aws_session_token": answer["SessionToken"],
        }
        self.config = Config(max_pool_connections=connections)

    def client(self, lock, service, region):
        with lock:
            return self.session.client(service, region_name=region, config=self.config, **self.keys)


class Listing:
    """Jobs that find more jobs, on a pool of threads; only the thread that made it touches what was found."""

    def __init__(self, threads, deployments):
        self.pool = ThreadPoolExecutor(threads)
        self.threads = threads
        self.deployments = deployments
        self.lock = threading.Lock()
        self.pending = set()
        self.apis, self.stages, self.domains, self.failed = [], [], [], []

    def submit(self, job, *arguments):
        self.pending.add(self.pool.submit(job, *arguments))

    def run(self):
        """Each job returns what it found, and the jobs that follow from it."""
        while self.pending:
            done, self.pending = wait(self.pending, return_when=FIRST_COMPLETED)
            for future in done:
                try:
                    kind, found, more = future.result()
                except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
                    self.failed.append(str(error))
                    continue
                if kind:
                    getattr(self, kind).extend(found)
                for job in more:
                    self.submit(*job)
        self.pool.shutdown()

    def account(self, session, sts, role_arn, regions):
        account = Account(session, sts, role_arn, self.threads)
        return None, [], [(self.scope, account, region) for region in regions]

    def scope(self, account, region):
        rest = account.client(self.lock, "apigateway", region)
        http = account.client(self.lock, "apigatewayv2", region)
        place = (account.id, region)
        return None, [], [
            (self.rest_apis, rest, place),
            (self.http_apis, http, place),
            (self.rest_domains, rest, place),
            (self.http_domains, http, place),
        ]

    def rest_apis(self, client, place):
        found, more = [], []
        for page in client.get_paginator("get_rest_apis").paginate(PaginationConfig={"PageSize": PAGE}):
            for api in page["items"]:
                found.append([*place, api["id"]])
                more.append((self.rest_stages, client, place, api["id"]))
                if self.deployments:
                    more.append((self.rest_deployments, client, api["id"]))
        return "apis", found, more

    def rest_stages(self, client, place, api):
        stages = client.get_stages(restApiId=api)["item"]
        return "stages", [[*place, api, stage["stageName"]] for stage in stages], []

    def rest_deployments(self, client, api):
        list(client.get_paginator("get_deployments").paginate(restApiId=api, PaginationConfig={"PageSize": PAGE}))
        return None, [], []

    def http_apis(self, client, place):
        found, more = [], []
        for page in client.get_paginator("get_apis").paginate(PaginationConfig={"PageSize": PAGE}):
            for api in page["Items"]:
                found.append([*place, api["ApiId"]])
                more.append((self.http_stages, client, place, api["ApiId"]))
                if self.deployments:
                    more.append((self.http_deployments, client, api["ApiId"]))
        return "apis", found, more

    def http_stages(self, client, place, api):
        found = []
        for page in client.get_paginator("get_stages").paginate(ApiId=api, PaginationConfig={"PageSize": PAGE}):
            found += [[*place, api, stage["StageName"]] for stage in page["Items"]]
        return "stages", found, []

    def http_deployments(self, client, api):
        list(client.get_paginator("get_deployments").paginate(ApiId=api, PaginationConfig={"PageSize": PAGE}))
        return None, [], []

    def rest_domains(self, client, place):
        found = []
        for page in client.get_paginator("get_domain_names").paginate(PaginationConfig={"PageSize": PAGE}):
            found += [[*place, domain["domainName"]] for domain in page["items"]]
        return "domains", found, []

    def http_domains(self, client, place):
        """The mappings of each domain: v2 shows all of them, v1 only some."""
        more = []
        for page in client.get_paginator("get_domain_names").paginate(PaginationConfig={"PageSize": PAGE}):
            more += [(self.mappings, client, domain["DomainName"]) for domain in page["Items"]]
        return None, [], more

    def mappings(self, client, domain):
        client.get_api_mappings(DomainName=domain, MaxResults=str(PAGE))
        return None, [], []


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--deployments", action="store_true", help="also list each API's deployments")
    parser.add_argument("--regions", nargs="+", required=True)
    parser.add_argument("--roles", nargs="+", required=True, help="ARNs, one per account")
    arguments = parser.parse_args()

    session = boto3.Session()
    sts = session.client("sts", config=Config(max_pool_connections=arguments.threads))
    listing = Listing(arguments.threads, arguments.deployments)
    for role in arguments.roles:
        listing.submit(listing.account, session, sts, role, arguments.regions)
    listing.run()
    found = {kind: getattr(listing, kind) for kind in ("apis", "stages", "domains", "failed")}
    json.dump(found, sys.stdout)
    return 3 if listing.failed else 0


if __name__ == "__main__":
    sys.exit(main())
