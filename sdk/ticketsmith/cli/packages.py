"""`ticketsmith pack` and `verify`: a ticket as a package that runs without torch."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from ..endings import chosen
from .options import DataRoot, EvenIf, Output, OutputKind, Precision, Replicate, RunId, StoreUrl, file

RUNTIME = ("llvmlite", "numpy", "safetensors", "threadpoolctl")

To = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="FILE", callback=file, help="File to write; it must not exist."),
]
Onnx = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        callback=file,
        help="Write ONNX too, to this file. Other runtimes run it about as fast as the dense network.",
    ),
]
Precise = Annotated[Precision, typer.Option(help="Numbers of its weights: what was trained, or steps of 8 bits.")]
PackedLevel = Annotated[
    int | None, typer.Option("--level", min=1, help="Round of pruning, by its number. [default: as `best` says]")
]
Even = Annotated[EvenIf | None, typer.Option(help="Pack what has this verdict, or a milder one, all the same.")]
Json = Annotated[bool, typer.Option("--json", help="Say what was packed as JSON.")]
Package = Annotated[
    Path, typer.Argument(metavar="PACKAGE", help="What `pack` wrote: a zip, or the folder it unpacks to.")
]


def pack(
    run: RunId,
    to: To,
    store: StoreUrl = "runs",
    data_root: DataRoot = "data",
    level: PackedLevel = None,
    even_if: Even = None,
    replicate: Replicate = None,
    onnx: Onnx = None,
    precision: Precise = Precision.fp32,
    json: Json = False,
) -> int:
    """Write the ticket that `best` names as a package that `ticketsmith_runtime` loads; measured if it was not here.

    Exit code: 0, or that of a verdict that is not PASS: 1 FAIL, 7 UNDECIDED, 8 INVALID; others: docs/commands.md.
    """
    from ..runs import data_folder, find, spec_of
    from ..specs import remeasured
    from ..stores import open_store
    from .shipping import Order, ship

    opened = open_store(store)
    spec = remeasured(spec_of(opened, run_id := find(opened, run)), replicate=replicate)
    root = data_folder(opened, run_id, data_root)
    return ship(
        Order(
            store=opened, run=run_id, spec=spec, to=to, data_root=root, level=level, even_if=even_if,
            replicate=replicate, onnx=onnx, precision=precision, as_json=json,
        )
    )  # fmt: skip


def needed() -> None:
    """Raises UsageError if what the runtime is made of is not installed."""
    if missing := [name for name in RUNTIME if find_spec(name) is None]:
        from ..errors import UsageError

        raise UsageError(f"not installed: {', '.join(missing)}", "`pip install 'ticketsmith[runtime]'`")


def verify(package: Package, output: OutputKind = Output.text) -> int:
    """Check every digest of a package, and that every program gives what the weights say. Exit code 5: damaged."""
    needed()
    # -P: what lies beside an unpacked package is not imported
    argv = [
        sys.executable,
        "-P",
        "-m",
        "ticketsmith_runtime",
        "verify",
        str(package),
        *(["--json"] if output is Output.json else []),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    typer.echo(done.stdout, nl=False)
    typer.echo(done.stderr, nl=False, err=True)
    return chosen(done.returncode, "the check of the package")
