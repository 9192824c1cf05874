"""Libraries that a task needs and our image has not: known before a pod fails over one."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

from ..references import find
from ..sources import libraries

OURS, EXTRAS = "ticketsmith", ("runner", "gcs")
"""Package and extras that images/requirements.txt is compiled from."""
OLD = re.compile(r"python_(full_)?version\s*<\s*['\"]3\.(\d|10|11)['\"]")
"""A requirement for Pythons that the image is newer than."""
NAME, EXTRA = re.compile(r"[\w.-]+"), re.compile(r"extra\s*==\s*['\"]([\w.-]+)['\"]")


def missing(reference: str) -> list[str]:
    """Names, as one installs them, of the libraries that a task's code imports and the image does not bring."""
    others = [library for library in libraries(find(reference)) if _plain(library) not in brought()]
    owners = packages_distributions() if others else {}  # it looks through everything that is installed
    wanted = ({_plain(name) for name in owners.get(library, [library])} for library in others)
    return sorted({min(names) for names in wanted if not names & brought()})


@cache
def brought() -> frozenset[str]:
    """Distributions of the image, as far as they are installed on this machine too."""
    names, waiting = set[str](), [*_needed(OURS, EXTRAS)]
    while waiting:
        if (name := waiting.pop()) not in names:
            names.add(name)
            waiting += _needed(name, ())
    return frozenset(names)


def _needed(name: str, extras: tuple[str, ...]) -> Iterator[str]:
    """Requirements of a distribution, and those of some extras; versions and platforms are not looked at."""
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        return
    for line in lines:
        extra = EXTRA.search(line)
        if OLD.search(line) or (extra is not None and extra[1] not in extras):
            continue
        if match := NAME.match(line):
            if _plain(match[0]) == OURS:  # `ticketsmith[runtime]` in an extra of its own
                yield from _needed(OURS, tuple(re.findall(r"\w+", line.partition("[")[2].partition("]")[0])))
            else:
                yield _plain(match[0])


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
