"""A task seen from outside, before there is a run: its card, or a check of every part of it."""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

from ticketsmith import engine
from ticketsmith.sources import digest, unpack

from .cards import card
from .events import tell
from .reads import Reads, sample
from .tasks import Task


def about(options: argparse.Namespace) -> None:
    """The card of a task, or a check of every part of it, from an archive of its code."""
    code = options.archive.read_bytes()
    with TemporaryDirectory(prefix="ticketsmith-") as folder:
        unpack(code, digest(code), Path(folder, "code"))
        task = Task(str(Path(folder, "code")), options.module)
        if options.command == "check":
            _check(task, digest(code), Path(folder, "store"), options)
            return
        reads = Reads(Path(options.data_root))
        made = card(task, options.name, options.data_root, engine=engine.digest(), code=digest(code))
        examples = task.examples(options.data_root)
        sample(task, examples)
        named = [Path(file).absolute() for file in examples.splits.files]
        files = [str(file) for file in named if Path(folder) not in file.parents]
        unnamed, folders = reads.unnamed(named, Path(folder)), reads.listed(files, Path(folder))
        told = {"files": files, "folders": folders, "unnamed": unnamed}
        tell({"event": "card", "card": made.model_dump(mode="json"), **told})


def _check(task: Task, code: str, store: Path, options: argparse.Namespace) -> None:
    from .check.examine import examine  # and back-ends, which no step needs before a benchmark
    from .check.trial import Trial

    trial = Trial(
        task=task, name=options.name, data_root=options.data_root, code=code, asked=json.loads(options.asked),
        workers=options.workers, folder=store,
    )  # fmt: skip
    tell({"event": "check", "examination": examine(trial).model_dump(mode="json")})
