"""Runs a command and measures it: wall time, processor time and peak memory of it and all its descendants."""

import os
import resource
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

# Between two looks at the memory. A look at a tree of large processes takes a while itself; it is given at most one part in
# twenty of one core, so that it does not slow down what it looks at.
INTERVAL = 0.02
SHARE = 20

PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Measured:
    wall: float
    cpu: float
    peak_kib: int
    # The largest sum of resident sizes, for comparison with tools that add those up; shared pages count once per process.
    peak_resident_kib: int
    processes: int
    exit: int
    timed_out: bool
    # (seconds since the start, resident KiB of the tree); kept only where they were asked for.
    samples: list = field(default_factory=list)


def descendants(root):
    """The process and all below it. The kernel lists children per thread."""
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                todo += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        except OSError:
            continue  # it ended meanwhile
    return found


def _field(path, name):
    """A line `name:   123 kB` of a file in /proc; 0 for a process that has ended."""
    try:
        text = Path(path).read_text()
    except OSError:
        return 0
    _, found, rest = text.partition(name)
    return int(rest.split()[0]) if found else 0


def _resident(pid):
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE // 1024
    except OSError:
        return 0


class Watch(threading.Thread):
    """Looks at a process tree until it is told to stop.

    One process: the kernel's own high-water mark. Several: the sum of proportional set sizes, in which a page that
    processes share counts once; sums of resident sizes would count the interpreter once per worker.
    """

    def __init__(self, pid, keep_every=None):
        super().__init__(daemon=True)
        self.pid, self.keep_every = pid, keep_every
        self.over = threading.Event()
        self.begun = time.monotonic()
        self.peak_alone = self.peak_tree = self.peak_resident = 0
        self.processes = 1
        self.samples = []

    def run(self):
        kept = 0.0
        while True:
            before = time.monotonic()
            pids = descendants(self.pid)
            self.processes = max(self.processes, len(pids))
            self.peak_alone = max(self.peak_alone, _field(f"/proc/{self.pid}/status", "VmHWM:"))
            if len(pids) > 1:
                self.peak_tree = max(self.peak_tree, sum(_field(f"/proc/{pid}/smaps_rollup", "\nPss:") for pid in pids))
            resident = sum(map(_resident, pids))
            self.peak_resident = max(self.peak_resident, resident)
            if self.keep_every and (not self.samples or before - kept >= self.keep_every):
                kept = before
                self.samples.append((round(before - self.begun, 3), resident))
            took = time.monotonic() - before
            if self.over.wait(max(INTERVAL, took * SHARE)):
                return


def run(command, environment, folder, timeout, keep_every=None):
    """Runs it in `folder`, its output in `stdout` and `stderr` there. Whatever of it is left after `timeout` is killed."""
    with open(Path(folder) / "stdout", "wb") as output, open(Path(folder) / "stderr", "wb") as errors:
        begun = time.monotonic()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
            start_new_session=True,
        )
        watch = Watch(process.pid, keep_every)
        watch.start()
        timed_out = threading.Event()

        def give_up():
            timed_out.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(timeout, give_up)
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.monotonic() - begun
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            timer.cancel()
            watch.over.set()
            if process.returncode is None:  # interrupted
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        watch.join()
    _end_the_rest(process.pid)
    # Between the last look and the end it may have grown; of one process the kernel tells the peak in the end. That includes
    # the peak of this process, from which it was forked, so up to there it says nothing.
    inherited = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    alone = max(watch.peak_alone, usage.ru_maxrss if usage.ru_maxrss > inherited and watch.processes == 1 else 0)
    return Measured(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        peak_kib=max(alone, watch.peak_tree),
        peak_resident_kib=max(alone, watch.peak_resident),
        processes=watch.processes,
        exit=process.returncode,
        timed_out=timed_out.is_set(),
        samples=watch.samples,
    )


def _end_the_rest(group):
    """Whatever a command leaves behind in its own process group would disturb the next one."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
