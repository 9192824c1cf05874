"""Endings: every exception and every code of a child has one of ours."""

import errno
import signal
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from ticketsmith.endings import chosen, ended, explained
from ticketsmith.errors import Conflict, Retryable, TicketSmithError
from ticketsmith.executors import local
from ticketsmith_runtime import __main__ as runtime
from ticketsmith_runtime.verification import Unequal

EXCEPTIONS = [
    (Conflict("it is there", "move it"), 6),
    (ModuleNotFoundError("No module named 'torch'", name="torch"), 2),
    (ModuleNotFoundError("No module named 'torch._C'", name="torch._C"), 2),
    (ImportError("libcudart.so.12: cannot open shared object file"), 2),
    (OSError("libtorch.so: cannot open shared object file: No such file or directory"), 2),
    (OSError(errno.ENOSPC, "No space left on device"), 3),
    (OSError(errno.EDQUOT, "Disk quota exceeded"), 3),
    (OSError(errno.EMFILE, "Too many open files", "x"), 3),
    (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), 3),
    (PermissionError(errno.EACCES, "Permission denied", "x"), 4),
    (OSError(errno.EROFS, "Read-only file system", "x"), 4),
    (BrokenProcessPool("a process in the pool was terminated abruptly"), 3),
    (MemoryError("Unable to allocate 1. TiB"), 3),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), 3),
    (ImportError("libtorch_cpu.so: failed to map segment from shared object"), 3),
    (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), None),
    (FileNotFoundError(errno.ENOENT, "No such file", "x"), None),
    (KeyError("x"), None),
]


@pytest.mark.parametrize(("error", "code"), EXCEPTIONS, ids=lambda value: str(value)[:40])
def test_an_exception_has_its_code(error: Exception, code: int | None) -> None:
    ours = explained(error)
    assert (ours.code if ours else None) == code
    assert ours is None or all(ours.args)


@pytest.mark.parametrize("name", ["torch", "hera", "lightkube", "pydantic", "google.cloud"])
def test_what_is_missing_is_named_with_the_extra_that_has_it(name: str) -> None:
    extras = {
        "torch": "[runner]",
        "hera": "[workflows]",
        "lightkube": "[argo]",
        "pydantic": "",
        "google.cloud": "[gcs]",
    }
    said = str(explained(ModuleNotFoundError(f"No module named {name!r}", name=name)))
    assert f"'ticketsmith{extras[name]}'`" in said


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 6, 70])
def test_a_code_counts_if_the_child_has_said_it(code: int) -> None:
    assert ended(code, code, "it") == code
    for said in (None, code + 1):
        with pytest.raises(TicketSmithError, match=f"it ended with {code} before it could say") as end:
            ended(code, said, "it")
        assert end.value.code == 70


def test_a_child_that_was_asked_to_stop_need_not_say_so() -> None:
    assert [ended(code, None, "it") for code in (75, 130)] == [75, 130]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGILL, signal.SIGABRT, signal.SIGKILL, signal.SIGTERM])
def test_a_crash_is_a_bug_and_a_kill_may_be_tried_again(number: int) -> None:
    with pytest.raises(TicketSmithError) as end:
        ended(-number, None, "it")
    assert end.value.code == (3 if number in (signal.SIGKILL, signal.SIGTERM) else 70)


def test_a_child_that_says_nothing_never_means_1() -> None:
    assert [chosen(code, "it") for code in (0, 2, 5, 70)] == [0, 2, 5, 70]
    with pytest.raises(TicketSmithError):
        chosen(1, "it")


def test_a_runner_that_cannot_be_started_is_3(tmp_path: Path) -> None:
    with pytest.raises(Retryable, match=r"the runner cannot be started: .*No such file"):
        local.started([str(tmp_path / "no-python"), "-m", "ticketsmith_runner"])
    with local.started([sys.executable, "-c", "print('é')"]) as child:
        assert child.stdout and child.stdout.read() == "é\n"


def test_a_package_with_other_numbers_is_a_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def unequal(model: Any) -> None:
        raise Unequal("mixed differs by 1.0")

    monkeypatch.setattr(runtime, "load", lambda package: None)
    monkeypatch.setattr(runtime, "verify", unequal)
    package = tmp_path / "my.ticket"
    package.touch()
    assert runtime.main(["verify", str(package)]) == 70
    assert "fix: report it" in capsys.readouterr().err
