"""What a measurement needs before it can begin: the release binaries, and the peers in a Python environment of their own."""

import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# As cargo finds it, so that a user's shared target folder is used here as well.
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
FOLDER = TARGET / "compare"
PYTHON = FOLDER / "python"


class Missing(Exception):
    """Something that the measurement needs and cannot have, in a sentence."""


def binary(package, given):
    """A release binary: the one that was given, else the one that cargo builds now."""
    if given:
        path = Path(given).resolve()
        if not os.access(path, os.X_OK):
            raise Missing(f"{given} is not a program that can be run")
        return path
    print(f"building {package} (release)", file=sys.stderr, flush=True)
    command = ["cargo", "build", "--release", "--locked", "--package", package, "--bin", package]
    try:
        built = subprocess.run(command, cwd=ROOT)
    except FileNotFoundError:
        raise Missing("cargo is not installed; give the binaries with --aboard and --simulator") from None
    if built.returncode != 0:
        raise Missing(f"`{' '.join(command)}` failed")
    return TARGET / "release" / package


def _is_made(wanted):
    stamp = PYTHON / "requirements.done"
    # The second: the Python that it was made from may have been removed since.
    return stamp.exists() and stamp.read_text() == wanted and (PYTHON / "bin/python").exists()


def peers(make=True):
    """The folder of the peers' programs; made once, under a lock, whoever comes first."""
    requirements = HERE / "requirements.txt"
    wanted = requirements.read_text()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "python.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_made(wanted):
            return PYTHON / "bin"
        if not make:
            raise Missing("the peers are not installed; a run without --short installs them once")
        print("installing the peers of benches/compare/requirements.txt, once", file=sys.stderr, flush=True)
        shutil.rmtree(PYTHON, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(PYTHON)], "Python's venv module is needed; on Debian: apt install python3-venv")
        pip = [str(PYTHON / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        _run([*pip, "--no-deps", "-r", str(requirements)], "the peers come from PyPI; pip's own settings name a mirror of it")
        (PYTHON / "requirements.done").write_text(wanted)
    return PYTHON / "bin"


def _run(command, remedy):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Missing(f"`{' '.join(command)}` failed:\n{done.stdout.strip()}\n{remedy}")


def versions(aboard, given, with_peers):
    """Of everything that was measured, so that figures can be told apart later. A binary that was given may be of any commit."""
    told = {
        "aboard": _first_line([str(aboard), "--version"]),
        "commit": "an unknown commit" if given else _commit(),
        "python": platform.python_version(),
    }
    if with_peers:
        listed = subprocess.run(
            [str(PYTHON / "bin/python"), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"],
            stdout=subprocess.PIPE, text=True, check=True,
        )
        peers_of = {package["name"].replace("-", "_"): package["version"] for package in json.loads(listed.stdout)}
        told |= {name: peers_of[name] for name in ("boto3", "botocore", "c7n", "c7n_org")}
    return told


def _commit():
    commit = _first_line(["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"])
    return commit or "unknown"


def _first_line(command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except FileNotFoundError:
        return ""
    return done.stdout.strip().split("\n")[0]


def machine():
    """What the figures depend on; nothing that names the machine."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    kib = int(Path("/proc/meminfo").read_text().split("MemTotal:")[1].split()[0])
    return {"cpus": os.cpu_count(), "cpu": model, "memory_gib": round(kib / 2**20, 1), "kernel": platform.release()}
