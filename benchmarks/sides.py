"""Two checkouts, and what a training in each of them takes by its own record.

    python benchmarks/sides.py

Nothing to run here: `benchmarks/against.py` imports it. Of a side it knows the flags of `ticketsmith run imp`, and
where a run keeps `trainers.json` and a training its `timing.json`: nothing that one imports.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ticketsmith.errors import TicketSmithError, UsageError

ROOT = Path(__file__).resolve().parents[1]
SPEC = "sdk/ticketsmith/lottery/spec.py"
PATIENCE, GLANCE = 600, 0.05  # seconds: for one process, between two looks at its store


@dataclass(frozen=True)
class Side:
    """A checkout whose packages come before those that are installed."""

    name: str
    root: Path

    @property
    def environment(self) -> dict[str, str]:
        packages = (str(self.root / package) for package in ("sdk", "runner", "workflows"))
        return {**os.environ, "PYTHONPATH": os.pathsep.join(packages)}

    @property
    def widths(self) -> str:
        """The field of a network's widths: in a section `model` as long as the spec has a class of that name."""
        return "model.hidden" if "\nclass Model(" in (self.root / SPEC).read_text() else "options.hidden"


class Training(NamedTuple):
    """Dense or a ticket: its trainer, and seconds of each replicate."""

    trainer: str
    updates: list[float]
    whole: list[float]


def resolved(name: str) -> str:
    """The full name of a commit."""
    argv = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(f"no commit {name!r}", "`git log --oneline --all` lists them; `git fetch --all` brings more")
    return done.stdout.strip()


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """A folder with the files of a commit, which is gone at the end, whatever comes."""
    git = ["git", "-C", str(ROOT), "worktree"]
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder).resolve() / commit[:12])
        try:
            subprocess.run([*git, "add", "--quiet", "--detach", path, commit], check=True)
            yield Path(path)
        finally:
            subprocess.run([*git, "remove", "--force", path], capture_output=True, check=False)


def verify(side: Side) -> None:
    """Raise UsageError if a side has no spec, or if what it would import is not its own."""
    if not (side.root / SPEC).exists():
        raise UsageError(f"the {side.name} side has no {SPEC}", "name a commit that has one")
    code = "import ticketsmith, ticketsmith_runner as runner; print(ticketsmith.__file__, runner.__file__, sep='\\n')"
    argv = [sys.executable, "-P", "-c", code]
    done = subprocess.run(argv, env=side.environment, capture_output=True, text=True, check=True)
    for path in done.stdout.splitlines():
        if not Path(path).resolve().is_relative_to(side.root):
            raise UsageError(f"the {side.name} side imports {path}", "run it in an environment of `make .venv/ready`")


def train(side: Side, flags: Sequence[str], data: Path, levels: int) -> list[Training]:
    """Start a run, end it as soon as dense and the ticket of each round are trained, and read their records."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as said:
        argv = [sys.executable, "-P", "-m", "ticketsmith", "run", "imp", *flags, "--workers", "1", "-o", "json"]
        argv += ["--store", folder, "--data-root", str(data)]
        child = subprocess.Popen(argv, cwd=folder, env=side.environment, stdout=subprocess.DEVNULL, stderr=said)
        try:
            _wait(child, Path(folder), levels)
        finally:
            child.terminate()  # ends its runner too
            child.wait(PATIENCE)
        trainings = _recorded(Path(folder))
        if len(trainings) < levels:
            said.seek(0)
            words = said.read().strip() or f"nothing was said in {PATIENCE} s"
            again = shlex.join(["ticketsmith", "run", "imp", *flags])
            raise TicketSmithError(f"the {side.name} side did not train: {words}", f"try it in its checkout: {again}")
    return trainings


def _wait(child: "subprocess.Popen[bytes]", store: Path, levels: int) -> None:
    """Until the last ticket is trained, or the process is at its end. A manifest is what a step writes last."""
    end = time.monotonic() + PATIENCE
    while child.poll() is None and time.monotonic() < end:
        if any(store.glob(f"*/cohort-00/level-{levels - 1:02}/ticket/train/manifest.json")):
            return
        time.sleep(GLANCE)


def _recorded(store: Path) -> list[Training]:
    """The arms that are trained, by level."""
    trainers = {level: one["trainer"] for path in store.glob("*/trainers.json") for level, one in _read(path).items()}
    paths = sorted(store.glob("*/cohort-00/level-*/*/train/timing.json"))
    return [
        Training(trainers[str(level)], times["updates"], times["seconds"])
        for level, times in enumerate(map(_read, paths))
    ]


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
