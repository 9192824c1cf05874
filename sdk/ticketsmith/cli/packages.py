"""`ticketsmith pack` and `verify`: a ticket as a package that runs without torch."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from ..endings import chosen
from .commands import command
from .options import DataRoot, Precision, Replicate, RunId, StoreUrl, file

RUNTIME = ("llvmlite", "numpy", "safetensors", "threadpoolctl")

To = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="FILE", callback=file, help="The package; a file that is not there yet."),
]
Onnx = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", callback=file, help="The compacted network too, for other runtimes, which gain little."
    ),
]
Precise = Annotated[Precision, typer.Option(help="Numbers of its weights: what was trained, or steps of 8 bits.")]
Package = Annotated[
    Path, typer.Argument(metavar="PACKAGE", help="What `pack` wrote: a zip, or the folder it unpacks to.")
]


def pack(
    run: RunId,
    to: To,
    store: StoreUrl = "runs",
    data_root: DataRoot = "data",
    replicate: Replicate = None,
    onnx: Onnx = None,
    precision: Precise = Precision.fp32,
) -> int:
    """Write the last round's ticket as a package that `ticketsmith_runtime` loads; measured if it was not here."""
    from ..executors.local import run as start
    from ..ledger import Ledger
    from ..runs import find, spec_of
    from ..specs import remeasured
    from ..stores import open_store
    from .measure import here
    from .progress import complain

    opened = open_store(store)
    spec = remeasured(spec_of(opened, each := find(opened, run)), replicate=replicate)
    spec, step = here(Ledger(opened, each), spec)
    place = ["--cohort", str(step.cohort), "--level", str(step.level)]
    measured = ["step", *place, "--arm", step.arm, "--kinds", step.kind]
    export = ["--onnx", str(onnx)] if onnx else []
    for part in (measured, ["pack", *place, "--to", str(to), "--precision", precision, *export]):
        if code := start(spec, part, store=opened.url, data_root=data_root, workers=1, listen=complain):
            return code
    typer.echo(f"{to}: {to.stat().st_size:,} bytes, level {step.level}")
    typer.echo(f"next:   {command('verify', to)}", err=True)
    return 0


def needed() -> None:
    """Raises UsageError if what the runtime is made of is not installed."""
    if missing := [name for name in RUNTIME if find_spec(name) is None]:
        from ..errors import UsageError

        raise UsageError(f"not installed: {', '.join(missing)}", "`pip install 'ticketsmith[runtime]'`")


def verify(package: Package) -> int:
    """Check every digest of a package, and that every program gives what the weights say. Exit code 5: damaged."""
    needed()
    # -P: what lies beside an unpacked package is not imported
    argv = [sys.executable, "-P", "-m", "ticketsmith_runtime", "verify", str(package)]
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    typer.echo(done.stdout, nl=False)
    typer.echo(done.stderr, nl=False, err=True)
    return chosen(done.returncode, "the check of the package")
