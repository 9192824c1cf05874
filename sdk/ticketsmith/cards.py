"""Cards of tasks: made by the runner, which imports the task; written beside the run; read by everybody else."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory, TemporaryFile
from typing import Any

from . import engine, weights
from .digests import cache_file
from .documents import canonical, told
from .endings import STOPPED, ended
from .errors import PAGE, Conflict, IntegrityError, TicketSmithError
from .ledger import CARD, Ledger
from .lottery.card import Card
from .lottery.spec import Experiment
from .references import Reference, find
from .sources import archive, code_key
from .stores import Store

Listen = Callable[[dict[str, Any]], None]
"""Told of each event of the runner."""


def of(reference: str, data_root: str) -> Card:
    """The card of a task by its file, module or name. Raises UsageError for whatever is wrong with it."""
    return _made(reference, os.path.abspath(data_root)).card


def keep(store: Store, spec: Experiment, data_root: str) -> None:
    """Put the task's code, its card and given weights where the run finds them; what is there is enough, be files gone.

    Raises Conflict if a file is not what the spec was made of.
    """
    weights.keep(store, spec)
    ledger = Ledger(store, spec.run_id())
    if ledger.settled(CARD) is not None and store.exists(code_key(spec.sources.code)):
        return
    made = _made(spec.task, os.path.abspath(data_root))
    if (made.card.code, made.card.data) != (spec.sources.code, spec.sources.data):
        what = "code" if made.card.code != spec.sources.code else "data"
        raise Conflict(
            f"{spec.run_id()} was begun with other {what} than {spec.task} has now",
            "put back what it was begun with; the options that it was begun with now begin another run",
        )
    store.put_once(code_key(made.card.code), made.code)
    ledger.settle(CARD, lambda: canonical(made.card.model_dump(mode="json")))


def read(ledger: Ledger) -> Card:
    """The card that a run was begun with. Raises IntegrityError if it is not there whole."""
    try:
        return Card.model_validate(ledger.agreed(CARD))
    except ValueError as error:
        raise IntegrityError(
            f"no card of the task at {ledger.store.url}/{ledger.run_id}/{CARD}",
            "bring it back from a copy, or begin in another --store; runs of version 0.1.0 have none",
        ) from error


@dataclass(frozen=True)
class Made:
    """A card, and what it was made of."""

    card: Card
    code: bytes
    """The archive of the task's code."""
    files: tuple[str, ...]
    """Paths of the data files that the task names, without those that are part of its code."""
    unnamed: str | None = None
    """A file below the data root that was read and is not named; None: there is none."""


def made(reference: str, data_root: str) -> Made:
    """The card of a task, with its code and its data files: what travels. Raises UsageError as `of` does."""
    return _made(reference, os.path.abspath(data_root))


@lru_cache(maxsize=8)
def _made(reference: str, data_root: str) -> Made:
    task = find(reference)
    code = archive(task)
    digest = sha256(code).hexdigest()
    place = cache_file().parent / "cards" / f"{_key(digest, task, data_root)}.json"
    document = _remembered(place) or _asked(task, code, data_root, place)
    files = tuple(path for path, *_ in document["files"])
    return Made(Card.model_validate(document["card"]), code, files, document["unnamed"])


def _key(code: str, task: Reference, data_root: str) -> str:
    return sha256(canonical([code, engine.digest(), task.module, task.name, data_root])).hexdigest()


def _remembered(place: Path) -> dict[str, Any] | None:
    """The card that was made before, if every file that the examples come from is as it was, and no other came."""
    try:
        document: dict[str, Any] = json.loads(place.read_bytes())
        places = [*document["files"], *document["folders"]]
        same = document["files"] and all(_stamp(Path(path)) == stamp for path, *stamp in places)
        Card.model_validate(document["card"])
        return document if same and document["unnamed"] is None else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _asked(task: Reference, code: bytes, data_root: str, place: Path) -> dict[str, Any]:
    """Let the runner make the card, and remember it where named files account for every example."""
    with _packed(code) as packed:
        document = ask("card", *_about(task, packed, data_root))
    card = Card.model_validate(document["card"]).model_dump(mode="json")
    files, folders = ([[path, *_stamp(Path(path))] for path in document[kind]] for kind in ("files", "folders"))
    made = {"card": card, "files": files, "folders": folders, "unnamed": document["unnamed"]}
    if files and made["unnamed"] is None:
        _write(place, canonical(made))
    return made


@contextmanager
def _packed(code: bytes) -> Iterator[Path]:
    """A file with the archive."""
    with TemporaryDirectory(prefix="ticketsmith-") as folder:
        packed = Path(folder, "code.tar")
        packed.write_bytes(code)
        yield packed


def _about(task: Reference, packed: Path, data_root: str) -> list[str]:
    return [
        *("--archive", str(packed), "--module", task.module, "--name", task.name),
        *("--data-root", os.path.abspath(data_root)),
    ]


def examine(
    task: Reference,
    code: bytes,
    data_root: str,
    asked: Mapping[str, Any],
    workers: int,
    listen: Listen = lambda _: None,
) -> dict[str, Any]:
    """Let the runner check every part of a task; `listen` hears of each. See `lottery.examination`."""
    with _packed(code) as packed:
        options = ["--asked", json.dumps(asked, default=str), "--workers", str(workers)]
        document: dict[str, Any] = ask("check", *_about(task, packed, data_root), *options, listen=listen)
    examination: dict[str, Any] = document["examination"]
    return examination


def ask(command: str, *options: str, listen: Listen = lambda _: None) -> dict[str, Any]:
    """The document that a short command of the runner ends with. Raises what the runner raised."""
    argv = [sys.executable, "-P", "-m", "ticketsmith_runner", command, *options]
    spoken = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    events: list[dict[str, Any]] = []
    with (
        TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=errors, env=spoken, encoding="utf-8") as runner,
    ):
        assert runner.stdout is not None
        for line in runner.stdout:
            _, event = told(line)
            if event is not None:
                events.append(event)
                listen(event)
        status = runner.wait()
        errors.seek(0)
        printed = errors.read()
    words = next((event["code"] for event in events if event["event"] == "end"), None)
    if code := ended(status, words, "the runner"):
        if code in STOPPED:
            raise SystemExit(code)
        if code == TicketSmithError.code:  # a bug, with its traceback
            sys.stderr.write(printed.rpartition("error: ")[0])
        raise _error(code, printed)
    return next(event for event in events if event["event"] == command)


def _error(code: int, text: str) -> TicketSmithError:
    """The error that the runner printed, of the class that its exit code stands for."""
    # At the head of a line, if it can be: what is wrong may be said in such words, or follow half a progress bar.
    _, mark, last = f"\n{text}".rpartition("\nerror: ") if "\nerror: " in f"\n{text}" else text.rpartition("error: ")
    problem, _, fix = last.strip().partition(PAGE)[0].partition("\n  fix: ")
    kinds: dict[int, type[TicketSmithError]] = {kind.code: kind for kind in TicketSmithError.__subclasses__()}
    if not mark:
        return TicketSmithError(f"the runner ended with {code}: {text.strip()}", "report it with the lines above")
    return kinds.get(code, TicketSmithError)(problem, fix)


def _stamp(path: Path) -> list[int]:
    """Whatever changes with a file's content, or with the names in a folder."""
    status = path.stat()
    return [status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]


def _write(place: Path, data: bytes) -> None:
    """Whole or not at all; a folder that may not be written to only costs the time to make the card again."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=place.parent, delete=False) as file:
            file.write(data)
        os.replace(file.name, place)
    except OSError:
        return
