"""The simulated AWS that everybody is measured against, one fresh process for each run."""

import json
import queue
import subprocess
import threading
import time
from dataclasses import asdict, dataclass

CHILD_ROLE = "AboardChildRole"


@dataclass(frozen=True)
class World:
    """What there is to be found."""

    accounts: int
    regions: int
    rest: int
    http: int
    stages: int

    @property
    def apis(self):
        return self.accounts * self.regions * (self.rest + self.http)

    @property
    def all_stages(self):
        return self.apis * self.stages

    def as_json(self):
        return asdict(self) | {"apis": self.apis, "all_stages": self.all_stages}

    def __str__(self):
        each = f"{self.rest} REST and {self.http} HTTP and WebSocket APIs × {self.stages} stages"
        return f"{self.accounts} accounts × {self.regions} regions × ({each})"


class Simulator:
    """Runs until it is stopped; should this process die, its standard input ends, and it with it."""

    def __init__(self, program, world, latency_ms, rate=0, burst=40):
        options = {**asdict(world), "latency-ms": latency_ms, "rate": rate, "burst": burst}
        command = [str(program)]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        self.program, self.world, self.rate, self.burst = program, world, rate, burst
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.accounts, self.keys = [], []
        while True:
            line = self._line()
            word, _, rest = line.partition(" ")
            if word == "url":
                self.url, self._begun = rest, time.monotonic()
            elif word == "central_role":
                self.central_role = rest
            elif word == "access_key":
                key, _, account = rest.partition(" account ")
                self.keys.append(key)
                self.accounts.append(account)
            elif word == "regions":
                self.regions = rest.split()
                break

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def _line(self):
        try:
            line = self.lines.get(timeout=60)
        except queue.Empty:
            line = None
        if line is None:
            self.process.kill()
            raise RuntimeError("the simulator ended, or said nothing for a minute")
        return line

    def age(self):
        """Seconds on the clock that its times are told by, which begins when it prints its URL."""
        return time.monotonic() - self._begun

    def role_arns(self):
        return [f"arn:aws:iam::{account}:role/{CHILD_ROLE}" for account in self.accounts]

    def stop(self):
        """Ends it; what it counted, and the floor that the quota set for that."""
        self.process.stdin.close()
        last = ""
        while (line := self.lines.get(timeout=60)) is not None:
            last = line
        self.process.wait(timeout=60)
        counted = json.loads(last)
        counted["floor"] = self._floor(counted["buckets"])
        return counted

    def _floor(self, buckets):
        """The seconds that the busiest bucket needs for what it granted. A refused call costs no token, so it sets no floor."""
        if not self.rate:
            return 0.0
        granted = max((bucket["calls"] - bucket["throttled"] for bucket in buckets), default=0)
        return max(0.0, (granted - self.burst) / self.rate)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
