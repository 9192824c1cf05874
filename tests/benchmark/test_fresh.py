"""Fresh processes: each is new, one measures at a time, and none is left."""

import os
import signal
import sys

import pytest

from ticketsmith.errors import Retryable, TicketSmithError
from ticketsmith_runner import fresh
from ticketsmith_runner.fresh import processes
from ticketsmith_tasks.mlp import chain


def _pid():
    return os.getpid


def _fails():
    raise ValueError("no such kernel")


def _failing():
    return _fails


def _dies():
    os.kill(os.getpid(), signal.SIGKILL)


def _heavy():
    chain(6, 5, 3)  # what is made first on `meta` brings sympy along
    return lambda: {"scipy", "sympy", "nncf", "onnxscript"} & sys.modules.keys()


def _gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_each_work_has_a_process_of_its_own_of_which_none_is_left():
    with processes(2) as started:
        pids = list(started.each([_pid, _pid]))

    assert len({*pids, os.getpid()}) == 3
    assert all(map(_gone, pids))


def test_a_process_that_measures_waits_for_no_library_that_only_others_need():
    with processes(1) as started:
        assert list(started.each([_heavy])) == [set()]


@pytest.mark.parametrize(
    ("work", "expected", "said"),
    [(_failing, TicketSmithError, "ValueError: no such kernel"), (_dies, Retryable, "ended from outside")],
)
def test_what_a_process_runs_into_is_raised_here_and_no_process_is_left(work, expected, said):
    pids = []

    def run():
        with processes(1) as started:
            pids.append(started.alive[0]._process.pid)
            list(started.each([work]))

    with pytest.raises(expected, match=said):
        run()
    assert _gone(pids[0])


@pytest.fixture
def said(monkeypatch):
    """Questions to processes that do nothing, and their answers."""
    said = []

    class Told:
        count = 0

        def __init__(self):
            self.name, self.imports = Told.count, True
            Told.count += 1
            said.append(f"{self.name} starts")

        def imported(self):
            if self.imports:
                said.append(f"{self.name} has imported")
            self.imports = False

        def say(self, word):
            said.append(f"{self.name} {'measures' if word is None else word}")

        def hear(self):
            said.append(f"{self.name} is done")

        def end(self):
            said.append(f"{self.name} ends")

    monkeypatch.setattr(fresh, "_Process", Told)
    return said


ONE = "{name} builds,{name} is done,{first}{name} measures,{name} is done,{name} ends"


def test_one_imports_while_one_builds_and_nothing_runs_while_one_measures(said, monkeypatch):
    monkeypatch.setattr(fresh, "memory", lambda: 2**30)
    with processes(3) as started:
        list(started.each(["builds"] * 3))

    assert ",".join(said) == ",".join(
        [
            "0 starts,1 starts,0 has imported",
            ONE.format(name=0, first="1 has imported,"),
            "2 starts",
            ONE.format(name=1, first="2 has imported,"),
            ONE.format(name=2, first=""),
        ]
    )


def test_where_there_is_memory_all_import_at_once_and_none_while_one_measures(said, monkeypatch):
    monkeypatch.setattr(fresh, "memory", lambda: 2**34)
    with processes(3) as started:
        list(started.each(["builds"] * 3))

    assert ",".join(said) == ",".join(
        [
            "0 starts,1 starts,2 starts,0 has imported",
            ONE.format(name=0, first="1 has imported,2 has imported,"),
            ONE.format(name=1, first=""),
            ONE.format(name=2, first=""),
        ]
    )
