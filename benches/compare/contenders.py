"""Who is measured: how each is set up for a world, and how what it found is counted from its own output."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from environment import HERE
from simulator import CHILD_ROLE, Simulator

# aboard's limiter under AWS's quota of 10/s and 40: a little below, as its calls may arrive closer together than they left.
LIMITS = {False: "requests_per_second = 0", True: "requests_per_second = 9.9\nburst = 39"}


@dataclass(frozen=True)
class Found:
    apis: int
    stages: int


class Contender:
    """A command to be measured. `gap` is what it cannot list at all, whatever the world has."""

    name = ""
    gap = ""

    def environment(self, folder, simulator):
        """Nothing of the user's own: no profile, no proxy, no metadata service."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "AWS_ENDPOINT_URL": simulator.url,
            "AWS_ACCESS_KEY_ID": simulator.keys[0],
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": simulator.regions[0],
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(folder / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-credentials"),
        }

    def prepare(self, folder, simulator):
        """Writes what it needs into an empty folder; the command to run there."""
        raise NotImplementedError

    def found(self, folder):
        """What it found, by its own output; each API and stage once."""
        raise NotImplementedError


class Aboard(Contender):
    """`aboard discover` over one connection per account, or over one that enters the accounts by the organization.

    A first look reads the deployments of each API, as it would register it. A second look, with a registry that knows every API,
    reads only those that changed: what every look after the first one costs.
    """

    def __init__(self, program, central=False, second=False):
        self.program, self.central, self.second = program, central, second
        self.name = "aboard" + (", central role" if central else "") + (", second look" if second else "")

    def prepare(self, folder, simulator):
        if self.second:
            self._onboard(folder, simulator)
        (folder / "schedules.toml").write_text(self.schedules(simulator, json.dumps(simulator.regions)))
        return [str(self.program), "-o", "json", "discover", "--all"]

    def _onboard(self, folder, simulator):
        """Fills the registry from another simulator of the same world; APIs have the same ids in each."""
        first = Simulator(simulator.program, simulator.world, latency_ms=0)
        try:
            (folder / "schedules.toml").write_text(self.schedules(first, json.dumps(first.regions)))
            command = [str(self.program), "onboard", "--all", "--yes"]
            done = subprocess.run(
                command, cwd=folder, env=self.environment(folder, first), stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=120,
            )
        finally:
            first.kill()
        if done.returncode != 0:
            raise RuntimeError(f"aboard onboard ended with {done.returncode}: {done.stderr.strip()}")

    def schedules(self, simulator, regions):
        source = f'{{ aws_user = {{ access_key_id = "{simulator.keys[0]}", secret_access_key = "env:AWS_SECRET_ACCESS_KEY" }} }}'
        lines = ["[limits]", LIMITS[bool(simulator.rate)], f"parallel_runs = {min(len(simulator.accounts), 3)}"]
        if self.central:
            lines += ["[connections.org]", f"regions = {regions}", "[connections.org.credentials.central_role]"]
            lines += [f'role_arn = "{simulator.central_role}"', f'child_role_name = "{CHILD_ROLE}"', f"source = {source}"]
            return "\n".join(lines) + "\n"
        for index, role in enumerate(simulator.role_arns()):
            lines += [f"[connections.a{index}]", f"regions = {regions}", f"[connections.a{index}.credentials.assume_role]"]
            lines += [f'role_arn = "{role}"', f"source = {source}"]
        return "\n".join(lines) + "\n"

    def found(self, folder):
        apis, stages = set(), set()
        with open(folder / "stdout") as reports:
            for report in map(json.loads, reports):
                for api in report["apis"]:
                    key = (api["account_id"], api["region"], api["api_id"])
                    apis.add(key)
                    stages.update((*key, instance["stage"]) for instance in api["instances"])
        return Found(len(apis), len(stages))


class Boto3(Contender):
    """The script beside this file."""

    def __init__(self, programs, threads, deployments=False):
        self.programs, self.threads, self.deployments = programs, threads, deployments
        self.name = f"boto3, {threads} thread{'s' if threads > 1 else ''}" + (", deployments" if deployments else "")
        self.gap = "deployments (when an API was last published)" if not deployments else ""

    def prepare(self, folder, simulator):
        command = [str(self.programs / "python"), str(HERE / "list_apis.py"), "--threads", str(self.threads)]
        command += ["--deployments"] if self.deployments else []
        return [*command, "--regions", *simulator.regions, "--roles", *simulator.role_arns()]

    def found(self, folder):
        listed = json.loads((folder / "stdout").read_text())
        return Found(len(set(map(tuple, listed["apis"]))), len(set(map(tuple, listed["stages"]))))


class C7nOrg(Contender):
    """Cloud Custodian over accounts and regions, in its own default of four processes a core."""

    name = "c7n-org"
    gap = "deployments (when an API was last published), API mappings of custom domains"

    def __init__(self, programs):
        self.programs = programs

    def prepare(self, folder, simulator):
        # JSON is YAML as well.
        accounts = [
            {"account_id": account, "name": f"account-{account}", "role": role}
            for account, role in zip(simulator.accounts, simulator.role_arns())
        ]
        (folder / "accounts.yml").write_text(json.dumps({"accounts": accounts}))
        shutil.copy(HERE / "c7n-policies.yml", folder / "policies.yml")
        # A cache of its own, empty for each run: within a run it saves it from listing the APIs again for the stages.
        (folder / "cache").mkdir()
        command = [str(self.programs / "c7n-org"), "run", "--config", "accounts.yml", "--use", "policies.yml"]
        command += ["--output-dir", "output", "--cache-path", "cache"]
        for region in simulator.regions:
            command += ["--region", region]
        return command

    def found(self, folder):
        apis, stages = set(), set()
        for path in Path(folder, "output").glob("*/*/*/resources.json"):
            place, policy = path.parts[-4:-2], path.parts[-2]
            for item in json.loads(path.read_text()):
                if policy == "rest-apis":
                    apis.add((*place, item["id"]))
                elif policy == "rest-stages":
                    stages.add((*place, item["restApiId"], item["stageName"]))
                elif policy == "http-apis":
                    apis.add((*place, item["ApiId"]))
                elif policy == "http-stages":
                    stages.add((*place, item["c7n:parent-id"], item["StageName"]))
        return Found(len(apis), len(stages))


def last_words(folder):
    """The end of what a command said on standard error, for a failure that has to be explained."""
    try:
        lines = (folder / "stderr").read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return " / ".join(line.strip() for line in lines[-3:])[:400]
