"""`ticketsmith doctor`: run every check, and print what it found."""

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial

from rich.text import Text

from ..argo import Argo, connect
from ..errors import TicketSmithError
from . import checks, surroundings
from .consoles import console as console_of
from .diagnosis import Finding, failed, settled
from .options import Output
from .told import tell

COLOURS = {"ok": "green", "failed": "bold red", "unknown": "yellow", "advice": "yellow"}
HERE: dict[str, Callable[[Argo], str]] = {
    "version": checks.version,
    "permissions": checks.permissions,
    "templates": checks.templates,
    "locks": checks.locks,
}
"""Those that ask as the commands do: what another user may do is no answer."""
DIRECT: dict[str, Callable[[Argo], str]] = {
    "quota": surroundings.quota,
    "objects": surroundings.objects,
    "nodes": surroundings.nodes,
    "image": surroundings.image,
    "restrictions": surroundings.restrictions,
}
"""Those that the Kubernetes API answers, and the Argo Server does not."""


def checkup(store: str, output: Output) -> int:
    """Run every check and print what it found; returns the exit code of the first failure."""
    findings = list(_findings(store))
    if output is Output.json:
        tell("doctor", {"checks": [asdict(finding) for finding in findings]})
    else:
        console = console_of()
        for finding in findings:
            line = Text(f"{finding.state:8}", COLOURS[finding.state]).append(f"{finding.check}: {finding.said}", "none")
            console.print(line, soft_wrap=True)
            if finding.fix:
                console.print(Text(f"          fix: {finding.fix}"), soft_wrap=True)
    return next((finding.code for finding in findings if finding.state == "failed"), 0)


def _findings(store: str) -> Iterator[Finding]:
    try:
        argo = connect()
    except TicketSmithError as error:
        yield failed("server", error)
    else:
        yield (reached := settled("server", lambda: checks.server(argo)))
        if reached.state == "ok":
            yield from (settled(name, partial(check, argo)) for name, check in HERE.items())
            direct = beside(argo)
            yield from (settled(name, partial(check, direct)) for name, check in DIRECT.items())
    yield settled("bucket", lambda: checks.bucket(store))


def beside(argo: Argo) -> Argo:
    """The Kubernetes API of the kubeconfig, if it is that of the same cluster: the Argo Server knows less."""
    try:
        direct = connect({**os.environ, "ARGO_SERVER": "", "ARGO_NAMESPACE": argo.namespace})
        theirs, ours = ({template["metadata"].get("uid") for template in way.templates()} for way in (direct, argo))
    except TicketSmithError:
        return argo
    return direct if ours and ours == theirs else argo
