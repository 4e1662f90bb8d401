"""Starts a program under what a unit's hardening does, without systemd: USER FILTERS SYSCALLS FAMILIES WRITABLE PROGRAM ARGUMENT…"""

import ctypes
import glob
import os
import re
import socket
import struct
import subprocess
import sys

user, filters, syscalls, families, writable = sys.argv[1:6]
program = sys.argv[6:]
user = int(user)


def mount(*words):
    subprocess.run(["mount", *words], check=True)


# ProtectSystem=strict with StateDirectory and RuntimeDirectory; ProtectProc=invisible and ProcSubset=pid.
mount("--make-rprivate", "/")
for folder in writable.split(":"):
    mount("--bind", folder, folder)
mount("-o", "remount,bind,ro", "/")
mount("-t", "proc", "-o", "nosuid,nodev,noexec,subset=pid,hidepid=invisible", "proc", "/proc")

# The names in each of systemd's groups, and their numbers in the kernel's header.
groups, group = {}, None
for line in open(filters):
    if line.startswith("@"):
        group = groups.setdefault(line.strip(), set())
    elif line.strip() and not line.strip().startswith("#") and group is not None:
        group.add(line.strip())


def members(name):
    if not name.startswith("@"):
        return {name}
    return set().union(*(members(member) for member in groups[name]))


[header] = glob.glob("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
numbers = dict(re.findall(r"#define __NR_(\w+) (\d+)", open(header).read()))
allowed = members("@default")
removing = False
for word in syscalls.split():
    if word.startswith("~"):
        # Of its line, until the next begins with a group to allow.
        removing, word = True, word[1:]
    if removing:
        allowed -= members(word)
    else:
        allowed |= members(word)

LOAD, EQUAL, AND, RETURN = 0x20, 0x15, 0x54, 0x06
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
EPERM, EAFNOSUPPORT = 1, 97
NUMBER, ARCHITECTURE = 0, 4


def argument(index):
    return 16 + 8 * index


rules = [(LOAD, 0, 0, ARCHITECTURE), (EQUAL, 1, 0, 0xC000003E), (RETURN, 0, 0, KILL), (LOAD, 0, 0, NUMBER)]


def only(name, checks):
    """Rules that are passed over by other system calls."""
    rules.append((EQUAL, 0, len(checks), int(numbers[name])))
    rules.extend(checks)


# MemoryDenyWriteExecute=yes
both, execute = 6, 4
only("mmap", [(LOAD, 0, 0, argument(2)), (AND, 0, 0, both), (EQUAL, 0, 1, both), (RETURN, 0, 0, ERRNO | EPERM), (RETURN, 0, 0, ALLOW)])
for name in ("mprotect", "pkey_mprotect"):
    checks = [(LOAD, 0, 0, argument(2)), (AND, 0, 0, execute), (EQUAL, 0, 1, execute), (RETURN, 0, 0, ERRNO | EPERM), (RETURN, 0, 0, ALLOW)]
    only(name, checks)
# RestrictAddressFamilies=
checks = [(LOAD, 0, 0, argument(0))]
for family in families.split():
    checks += [(EQUAL, 0, 1, getattr(socket, family).value), (RETURN, 0, 0, ALLOW)]
only("socket", [*checks, (RETURN, 0, 0, ERRNO | EAFNOSUPPORT)])
# SystemCallFilter=
for name in sorted(allowed & numbers.keys()):
    rules += [(EQUAL, 0, 1, int(numbers[name])), (RETURN, 0, 0, ALLOW)]
rules.append((RETURN, 0, 0, ERRNO | EPERM))

libc = ctypes.CDLL(None, use_errno=True)


def prctl(*arguments):
    if libc.prctl(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"prctl{arguments}")


DROP_BOUNDING, NO_NEW_PRIVILEGES, SECCOMP, FILTER = 24, 38, 22, 2
for capability in range(64):
    # The first that the kernel does not know.
    if libc.prctl(DROP_BOUNDING, capability, 0, 0, 0) != 0:
        break
os.setgroups([])
os.setresgid(user, user, user)
os.setresuid(user, user, user)
os.umask(0o077)
prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
length = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rules), ctypes.addressof(code)))
prctl(SECCOMP, FILTER, ctypes.c_void_p(ctypes.addressof(length)), 0, 0)
os.execv(program[0], program)
