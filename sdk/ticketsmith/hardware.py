"""Hardware: one image, three kinds of machine; and how long and how wide a workflow may run on them.

A T4 attaches to N1 machines; G2 machines carry the L4, never a T4.
"""

from dataclasses import dataclass

from . import __version__
from .errors import UsageError

PARALLEL = 4  # pods of an experiment at a time
HOURS = 24  # a workflow may take, unless it is told another limit
REPORTING = 900  # seconds that the report may take, which is written after that limit


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Resources of a pod. A main container gets what it requests, no more: its times do not hang on neighbours."""

    name: str
    cores: int
    """Also the number of the runner's workers."""
    memory: str
    accelerator: str | None = None
    """Value of GKE's label `cloud.google.com/gke-accelerator`; None: a machine without GPU."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Machines on which an experiment trains, and on which its speed is measured."""

    name: str
    train: Hardware
    benchmark: Hardware

    def template(self, kind: str) -> str:
        """This version's name for its template of a kind: what is running keeps the one that it started with."""
        return f"ticketsmith-{kind}-{self.name}-v{__version__.replace('.', '-')}"


T4 = Hardware(name="t4", cores=3, memory="8Gi", accelerator="nvidia-tesla-t4")  # n1-standard-4
L4 = Hardware(name="l4", cores=3, memory="8Gi", accelerator="nvidia-l4")  # g2-standard-4
CPU = Hardware(name="cpu", cores=1, memory="2Gi")
SMALL_T4 = Hardware(name="t4", cores=1, memory="2Gi", accelerator="nvidia-tesla-t4")

PROFILES = {
    profile.name: profile
    for profile in (
        Profile(name="t4", train=T4, benchmark=T4),
        Profile(name="l4", train=L4, benchmark=L4),
        Profile(name="cpu", train=CPU, benchmark=CPU),
        Profile(name="local", train=CPU, benchmark=SMALL_T4),
    )
}


def profile_named(name: str) -> Profile:
    """One of `PROFILES`. Raises UsageError."""
    if name not in PROFILES:
        raise UsageError(f"no profile {name!r}", f"one of {', '.join(PROFILES)}")
    return PROFILES[name]
