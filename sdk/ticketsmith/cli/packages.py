"""`ticketsmith pack` and `verify`: a ticket as a package that runs without torch."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import DataRoot, Replicate, RunId, StoreUrl

To = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The package; a file that is not there yet.")]
Package = Annotated[
    Path, typer.Argument(metavar="PACKAGE", help="What `pack` wrote: a zip, or the folder it unpacks to.")
]


def pack(
    run: RunId, to: To, store: StoreUrl = "runs", data_root: DataRoot = "data", replicate: Replicate = None
) -> int:
    """Write the last round's ticket as a package that `ticketsmith_runtime` loads; measured first if it was not."""
    from ..executors.local import run as start
    from ..ledger import Ledger
    from ..runs import find, spec_of
    from ..specs import remeasured
    from ..stores import open_store
    from .measure import benchmark_step
    from .progress import complain

    opened = open_store(store)
    spec = remeasured(spec_of(opened, each := find(opened, run)), replicate=replicate)
    step = benchmark_step(Ledger(opened, each), spec)
    place = ["--cohort", str(step.cohort), "--level", str(step.level)]
    measured = ["step", *place, "--arm", step.arm, "--kinds", step.kind]
    for command in (measured, ["pack", *place, "--to", str(to)]):
        if code := start(spec, command, store=opened.url, data_root=data_root, workers=1, listen=complain):
            return code
    typer.echo(f"{to}: {to.stat().st_size:,} bytes, level {step.level}")
    typer.echo(f"next:   ticketsmith verify {to}", err=True)
    return 0


def verify(package: Package) -> int:
    """Check every digest of a package, and that every program gives what the weights say. Exit code 5: damaged."""
    return subprocess.run([sys.executable, "-m", "ticketsmith_runtime", "verify", str(package)], check=False).returncode
