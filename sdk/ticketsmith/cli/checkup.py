"""The checks of `ticketsmith doctor`, one function each: it returns what it found, or raises an error with the fix."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import typer
from rich.text import Text

from .. import __version__
from ..argo import Argo, connect
from ..errors import Denied, TicketSmithError, UsageError
from ..hardware import PROFILES
from ..stores import open_store
from .consoles import console as console_of
from .deploy import differences
from .options import Output

FLOOR = (4, 0, 7)  # before, an output of a skipped step hangs a workflow for ever, and our last round is skipped
NEEDED = {
    "workflows": ("create", "get", "list", "watch", "patch"),
    "workflowtemplates": ("get", "list"),
    "pods/log": ("get",),
}
COLOURS = {"ok": "green", "failed": "bold red", "unknown": "yellow"}


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    check: str
    state: Literal["ok", "failed", "unknown"]
    said: str
    fix: str = ""
    code: int = 0


class Unknown(Exception):
    """This cannot be checked from here; which is no pass."""


def checkup(store: str, output: Output) -> int:
    """Run every check and print what it found; returns the exit code of the first failure."""
    found = list(_findings(store))
    if output is Output.json:
        typer.echo(json.dumps([asdict(each) for each in found], indent=2))
    else:
        console = console_of()
        for each in found:
            line = Text(f"{each.state:8}", COLOURS[each.state]).append(f"{each.check}: {each.said}", "none")
            console.print(line, soft_wrap=True)
            if each.fix:
                console.print(Text(f"          fix: {each.fix}"), soft_wrap=True)
    return next((each.code for each in found if each.state == "failed"), 0)


def _findings(store: str) -> Iterator[Finding]:
    try:
        argo = connect()
    except TicketSmithError as error:
        yield _failed("server", error)
    else:
        checks = {"server": server, "version": version, "permissions": permissions, "templates": templates}
        for name, check in checks.items():
            yield (finding := _run(name, lambda check=check: check(argo)))  # type: ignore[misc]
            if name == "server" and finding.state == "failed":
                break
        else:
            yield _run("quota", lambda: quota(argo))
    yield _run("bucket", lambda: bucket(store))


def _run(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "ok", check())
    except Unknown as error:
        return Finding(name, "unknown", str(error))
    except TicketSmithError as error:
        return _failed(name, error)


def _failed(name: str, error: TicketSmithError) -> Finding:
    problem, fix = error.args
    return Finding(name, "failed", problem, fix, error.code)


def server(argo: Argo) -> str:
    """The server answers, and knows us."""
    argo.list()
    return f"{argo.where}, namespace {argo.namespace}"


def version(argo: Argo) -> str:
    """The server is new enough."""
    said = argo.version()
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", said or "")
    if match is None:
        raise Unknown(f"not told by this transport ({said}); 4.0.7 is needed: `argo version`, or set ARGO_SERVER")
    if tuple(map(int, match.groups())) < FLOOR:
        raise UsageError(f"Argo Workflows {said} hangs on skipped steps", "upgrade it to 4.0.7 or newer")
    return f"Argo Workflows {said}"


def permissions(argo: Argo) -> str:
    """May this user do what the commands do?"""
    asked = [(verb, resource, argo.allowed(verb, resource)) for resource, verbs in NEEDED.items() for verb in verbs]
    if all(answer is None for *_, answer in asked):
        raise Unknown("the Argo Server cannot be asked; `ticketsmith list` and `submit` will tell")
    if missing := [f"{verb} {resource}" for verb, resource, answer in asked if not answer]:
        raise Denied(
            f"not allowed in namespace {argo.namespace}: {', '.join(missing)}",
            "bind the role: `kubectl create rolebinding ticketsmith-you --role=ticketsmith-user --user=YOU`",
        )
    return "submit, watch, read logs, stop"


def templates(argo: Argo) -> str:
    """Those of this version are there, as this version renders them."""
    there = {each["metadata"]["name"] for each in argo.templates()}
    profiles = [name for name in PROFILES if PROFILES[name].template("imp") in there]
    fix = f"`ticketsmith templates apply --profile {profiles[0] if profiles else 't4'} --image IMAGE`"
    if not profiles:
        others = f"; it has {', '.join(sorted(there))}" if there else ""
        raise UsageError(f"none of ticketsmith {__version__} in namespace {argo.namespace}{others}", fix)
    stale = [name for profile in profiles for name in differences(argo, profile, None)]
    if stale:
        raise UsageError(f"not what ticketsmith {__version__} renders: {', '.join(stale)}", f"{fix}; `diff` shows how")
    return f"current, for {', '.join(profiles)}"


def quota(argo: Argo) -> str:
    """The limit on workflows that run at a time."""
    limits = argo.quota()
    if limits is None:
        raise Unknown("the Argo Server cannot be asked; `kubectl get configmap ticketsmith-limits -o yaml` tells")
    return ", ".join(f"{name}: {limit}" for name, limit in limits.items()) or "no limits"


def bucket(url: str) -> str:
    """The bucket is there, and may be read."""
    if not url.startswith("gs://"):
        raise UsageError(f"{url!r} is no bucket", "set TICKETSMITH_STORE=gs://bucket/prefix, or give --store")
    store = open_store(url)
    store.exists("doctor")
    return f"{store.url} can be read"
