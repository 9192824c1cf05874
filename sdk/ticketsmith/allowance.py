"""The share of this machine that the process may use: affinity, limits, and those of its container (control groups)."""

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path

MOUNT, MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def cores(mount: Path = MOUNT, membership: Path = MEMBERSHIP, affinity: int | None = None) -> int:
    """Number of processors, at least 1. A quota of one and a half is two: the second is worth half."""
    return max(1, min([affinity or _affinity(), *map(ceil, _quotas(mount, membership))]))


def memory(mount: Path = MOUNT, membership: Path = MEMBERSHIP) -> int:
    """Bytes of memory, swap aside."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), *_address_space()]
    for folder in _groups(mount, membership, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limits += [int(word) for word in _words(folder / name) if word.isdecimal()]
    return min(limits)


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.sysconf("SC_NPROCESSORS_ONLN")


def _address_space() -> list[int]:
    from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit

    soft, _ = getrlimit(RLIMIT_AS)
    return [] if soft == RLIM_INFINITY else [soft]


def _quotas(mount: Path, membership: Path) -> Iterator[float]:
    """The processors that each group above this process may use, where it has a limit."""
    for folder in _groups(mount, membership, "cpu"):
        match _words(folder / "cpu.max"):
            case [quota, period] if quota.isdecimal() and int(period):
                yield int(quota) / int(period)
        match [*_words(folder / "cpu.cfs_quota_us"), *_words(folder / "cpu.cfs_period_us")]:
            case [quota, period] if quota.isdecimal() and int(period):
                yield int(quota) / int(period)


def _groups(mount: Path, membership: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's groups, and of those above them; in a container its own group is the root."""
    for line in _lines(membership) or ["0::/"]:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        for root in {mount / controllers, mount / controller} if controllers else {mount}:
            parts = [part for part in path.split("/") if part not in ("", "..")]
            yield from (root.joinpath(*parts[:depth]) for depth in range(len(parts) + 1))


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
