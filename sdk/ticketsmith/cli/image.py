"""Libraries of the runner's image: whatever TicketSmith requires, with the extras that it is built with."""

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

EXTRAS = ("runner", "gcs", "runtime")
NAME = re.compile(r"[A-Za-z0-9._-]+")
EXTRA = re.compile(r"extra *== *['\"]([^'\"]+)")


def beyond(modules: Sequence[str]) -> list[str]:
    """Modules of packages that are none of these: an image needs them besides."""
    there, packages = set(_closure()), packages_distributions()
    return [
        module
        for module in modules
        if not there & {_plain(package) for package in packages.get(module.partition(".")[0], [])}
    ]


def _closure() -> Iterator[str]:
    """Names of the packages, ours first."""
    waiting, seen = ["ticketsmith"], {"ticketsmith"}
    while waiting:
        name = waiting.pop()
        yield name
        for needed in _required(name):
            if needed not in seen:
                seen.add(needed)
                waiting.append(needed)


def _required(package: str) -> Iterator[str]:
    try:
        lines = requires(package) or []
    except PackageNotFoundError:
        return
    for line in lines:
        extra = EXTRA.search(line)
        if (extra is None or (package == "ticketsmith" and extra[1] in EXTRAS)) and (name := NAME.match(line)):
            yield _plain(name[0])


def _plain(name: str) -> str:
    """A package's name as the index compares it.

    >>> _plain("Hugging_Face.Hub")
    'hugging-face-hub'
    """
    return re.sub(r"[-_.]+", "-", name).lower()
