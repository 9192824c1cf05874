"""`ticketsmith generate`: a packed network of tokens goes on with a text, in a process of the runtime."""

import os
import subprocess
import sys
from typing import Annotated

import typer

from ..endings import chosen
from .options import finite
from .packages import Package, needed
from .streams import left

Prompt = Annotated[
    str,
    typer.Argument(
        metavar="PROMPT", help="Text to go on with; of a package without a vocabulary, tokens: numbers and blanks."
    ),
]
Count = Annotated[int | None, typer.Option(min=1, help="Tokens. [default: until the network's positions are filled]")]
Temperature = Annotated[
    float, typer.Option(min=0, callback=finite, help="0: the likeliest token; 1: as likely as the network says.")
]
TopK = Annotated[int | None, typer.Option(min=1, help="Draw among so many likeliest. [default: among all]")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed draws the same tokens.")]
Threads = Annotated[int, typer.Option(min=1, max=1024, help="Threads that share the units of large layers.")]


def generate(
    package: Package,
    prompt: Prompt,
    max_new_tokens: Count = None,
    temperature: Temperature = 0.0,
    top_k: TopK = None,
    seed: Seed = 0,
    threads: Threads = 1,
) -> int:
    """Go on with a text, token by token. Exit code 2: it cannot, knows no such text, or lacks a library; 5: damaged."""
    needed()
    options = {"max-new-tokens": max_new_tokens, "temperature": temperature, "top-k": top_k, "seed": seed}
    words = [f"--{name}={value}" for name, value in {**options, "threads": threads}.items() if value is not None]
    # -P: what lies beside an unpacked package is not imported
    argv = [sys.executable, "-P", "-m", "ticketsmith_runtime", "generate", *words, "--", str(package), prompt]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, encoding="utf-8", env=environment) as child:
        assert child.stdout
        try:
            while not left() and (text := child.stdout.read(1)):
                typer.echo(text, nl=False)
                sys.stdout.flush()
        finally:
            if child.poll() is None and (left() or sys.exc_info()[0]):
                child.terminate()
    return 0 if left() else chosen(child.returncode, "the runtime")
