"""Checks of `ticketsmith doctor` of server, templates, locks and bucket: each returns what it found, or raises.

An error names the fix.
"""

import re
import time

from .. import __version__
from ..argo import Argo
from ..argo.locks import limited, limits, stuck
from ..errors import Denied, Retryable, UsageError
from ..hardware import PROFILES
from ..stores import open_store
from .deploy import differences
from .diagnosis import Unknown
from .waits import PAUSED, WAKE

FLOOR = (4, 0, 7)  # before, an output of a skipped step hangs a workflow for ever, and our last round is skipped
NEEDED = {
    "workflows": ("create", "get", "list", "watch", "patch"),
    "workflowtemplates": ("get", "list"),
    "pods/log": ("get",),
}
SECONDS = 3.0
"""Time in which a lock that was just released is given to the next."""


def server(argo: Argo) -> str:
    """The server answers, and knows us."""
    argo.list()
    return f"{argo.where}, namespace {argo.namespace}"


def version(argo: Argo) -> str:
    """The server is new enough."""
    release = argo.version()
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", release or "")
    if match is None:
        raise Unknown(f"not told by this transport ({release}); 4.0.7 is needed: `argo version`, or set ARGO_SERVER")
    if tuple(map(int, match.groups())) < FLOOR:
        raise UsageError(f"Argo Workflows {release} hangs on skipped steps", "upgrade it to 4.0.7 or newer")
    return f"Argo Workflows {release}"


def permissions(argo: Argo) -> str:
    """May this user do what the commands do?"""
    asked = [(verb, resource, argo.allowed(verb, resource)) for resource, verbs in NEEDED.items() for verb in verbs]
    if all(answer is None for *_, answer in asked):
        raise Unknown("the Argo Server does not say what this user may do; `submit` will tell")
    if missing := [f"{verb} {resource}" for verb, resource, answer in asked if not answer]:
        raise Denied(
            f"not allowed in namespace {argo.namespace}: {', '.join(missing)}",
            f"bind the role: `kubectl -n {argo.namespace} create rolebinding ticketsmith-you --role=ticketsmith-user "
            "--user=YOU`",
        )
    return "submit, watch, read logs, stop"


def templates(argo: Argo) -> str:
    """Those of this version are there, as this version renders them."""
    there = {template["metadata"]["name"] for template in argo.templates()}
    profiles = [name for name in PROFILES if PROFILES[name].template("imp") in there]
    fix = f"`ticketsmith templates apply --profile {profiles[0] if profiles else 't4'} --image IMAGE`"
    if not profiles:
        others = f"; it has {', '.join(sorted(there))}" if there else ""
        raise UsageError(f"none of ticketsmith {__version__} in namespace {argo.namespace}{others}", fix)
    stale = [name for profile in profiles for name in differences(argo, profile, None)]
    if stale:
        raise UsageError(f"not what ticketsmith {__version__} renders: {', '.join(stale)}", f"{fix}; `diff` shows how")
    return f"current, for {', '.join(profiles)}"


def locks(argo: Argo) -> str:
    """No run waits for a lock that none of ours holds; one that was just released is given within seconds."""
    known = limits(argo)
    if list(stuck(argo.list(), known)):
        time.sleep(SECONDS)
    waits = list(stuck(argo.list(), known))
    if sure := [wait for wait in waits if known is not None or not limited(wait[1])]:
        raise Retryable(f"held by no run of ours, and not given: {_waits(sure)}", WAKE.replace("RUN", sure[0][0]))
    if waits:
        raise Unknown(f"held by no run of ours: {_waits(waits)}; {PAUSED.replace('NAMESPACE', argo.namespace)}")
    return "none is free and waited for"


def _waits(waits: list[tuple[str, str]]) -> str:
    return ", ".join(f"{run} waits for {lock}" for run, lock in waits)


def bucket(url: str) -> str:
    """The bucket is there, and may be read."""
    if not url.startswith("gs://"):
        raise UsageError(f"{url!r} is no bucket", "set TICKETSMITH_STORE=gs://bucket/prefix, or give --store")
    store = open_store(url)
    store.exists("doctor")
    return f"{store.url} can be read"
