"""A model that was loaded before a fork (gunicorn --preload, Celery) answers after it; and a copy is one that works.

https://github.com/pytorch/pytorch/issues/49555, https://github.com/benoitc/gunicorn/issues/2478: the child hangs.
"""

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ticketsmith_runtime import load
from ticketsmith_runtime.chain import Layer
from ticketsmith_runtime.graph import Graph
from ticketsmith_runtime.llvm import Machine
from ticketsmith_runtime.model import Model
from ticketsmith_runtime.package import Ticket, write

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
X = np.linspace(-1, 1, 512 * 64, dtype=np.float32).reshape(512, 64)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    rng, layers = np.random.default_rng(0), []
    for inputs, units in pairwise([64, 48, 10]):
        weight_OI = rng.standard_normal((units, inputs)).astype(np.float32)
        alive_OI = rng.random((units, inputs)) < 0.3
        bias_O = np.zeros(units, np.float32)
        layers.append(Layer(weight_OI=weight_OI * alive_OI, alive_OI=alive_OI, bias_O=bias_O, relu=units > 10))
    write(tmp_path / "my.ticket", Ticket(graph=Graph.chain(layers)))
    return tmp_path / "my.ticket"


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_fork_answers_and_so_do_its_parent_and_its_own_forks(package: Path, threads: int) -> None:
    script = f"""
import os, signal, sys
import numpy as np
from ticketsmith_runtime import load
signal.alarm(60)
x = np.linspace(-1, 1, 512 * 64, dtype=np.float32).reshape(512, 64)
model = load({str(package)!r}, threads={threads})
before = model(x)
for generation in range(3):
    if child := os.fork():
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert np.array_equal(model(x), before)
        sys.exit(0)
    signal.alarm(20)
    assert np.array_equal(model(x), before)
    assert np.array_equal(model(x[:40]), before[:40])  # a size that is new to this process
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr


def test_a_fork_while_another_thread_makes_code_makes_its_own(package: Path) -> None:
    """LLVM is one lock: a child that was forked while it was held would wait for a thread that it does not have."""
    script = f"""
import os, signal, threading
import numpy as np
from ticketsmith_runtime import load
x = np.ones((512, 64), np.float32)
models = [load({str(package)!r}) for _ in range(60)]
busy = threading.Thread(target=lambda: [model(x) for model in models[:-1]])
busy.start()
while busy.is_alive():
    if os.fork() == 0:
        signal.alarm(20)
        models[-1](x)
        os._exit(0)
    assert os.wait()[1] == 0, "the child hung"
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_answers_alike_and_takes_no_code_along(package: Path, copied: Callable[[Model], Model]) -> None:
    model = load(package, threads=2)
    model(X)
    other = copied(model)
    assert not other._made and np.array_equal(other(X), model(X))


def test_a_machine_that_was_given_is_kept(package: Path) -> None:
    plain = Machine("generic", "")
    assert vars(copy.deepcopy(load(package, machine=plain)).machine) == vars(plain)


def test_a_pickle_holds_the_ticket_and_no_more(package: Path) -> None:
    model = load(package)
    fresh = pickle.dumps(model)
    model(X)
    assert pickle.dumps(model) == fresh
