"""This machine: the runner as one child process, so that torch is imported once, and never here."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..cards import keep
from ..documents import canonical, told
from ..endings import ended
from ..errors import Retryable
from ..ledger import spec_key
from ..lottery.spec import Experiment
from ..runs import working
from ..stores import open_store

PREEMPTED = 75  # exit code
Listen = Callable[[dict[str, Any]], None]


def run(spec: Experiment, command: Sequence[str], *, store: str, data_root: str, workers: int, listen: Listen) -> int:
    """Write the spec into the store, run `command` of the runner on it, and return the exit code that the runner said.

    `listen` hears each event; a line that is no event (a message for people) comes as `{"event": "text", …}`.
    """
    key = spec_key(spec.run_id(), spec)
    opened = open_store(store)
    keep(opened, spec, data_root)
    opened.put_once(key, canonical(spec.model_dump(mode="json")))
    name, *options = command
    argv = [sys.executable, "-P", "-m", "ticketsmith_runner", name, "--spec", key, "--store", store]
    argv += ["--data-root", data_root, "--workers", str(workers), "--parent", str(os.getpid()), *options]
    code: int | None = None
    with working(opened, spec.run_id()) as held, _ended_softly(), started(argv, held) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                text, event = told(line)
                if text or event is None:
                    listen({"event": "text", "text": text})
                if event is not None and event["event"] == "end":
                    code = event.get("code")
                elif event is not None:
                    listen(event)
            return ended(child.wait(), code, "the runner")
        except BaseException:
            child.terminate()  # nothing is torn: a step counts only once its manifest is written
            raise


@contextmanager
def _ended_softly() -> Iterator[None]:
    """A SIGTERM ends this process as an exception does: the child is not left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(PREEMPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def started(argv: Sequence[str], kept: Sequence[int] = ()) -> "subprocess.Popen[str]":
    """The runner, with the descriptors that it keeps open; what it says is UTF-8, whatever this terminal shows."""
    spoken = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    try:
        return subprocess.Popen(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=spoken,
            encoding="utf-8",
            errors="replace",
            pass_fds=kept,
        )
    except OSError as error:
        raise Retryable(
            f"the runner cannot be started: {error}", "free memory or processes, then run it again"
        ) from error
