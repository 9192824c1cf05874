"""Numpy's products take as many threads as were asked for while a model answers, and no call leaves a trace."""

import threading

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from ticketsmith_runtime.blas import Limit
from ticketsmith_runtime.execution import Execution
from ticketsmith_runtime.network import Constant, Input, Network, Node

from .machines import HOST


def threads() -> list[int]:
    """Threads of each library of products in this process: numpy's, and scipy's where another test has loaded it."""
    return [each.num_threads for each in ThreadpoolController().select(user_api="blas").lib_controllers]


@pytest.fixture(autouse=True)
def before() -> list[int]:
    found = threads()
    if not found:
        pytest.skip("numpy's products are made by a library without threads")
    return found


def test_a_limit_ends_where_the_last_call_does(before: list[int]) -> None:
    with Limit(1):
        assert set(threads()) == {1}
        with Limit(3):
            assert set(threads()) == {1}
        assert set(threads()) == {1}
    assert threads() == before


def test_it_ends_with_an_error_too(before: list[int]) -> None:
    with pytest.raises(KeyError), Limit(1):
        raise KeyError
    assert threads() == before


def test_calls_that_overlap_leave_what_was_there(before: list[int]) -> None:
    inside, leave = threading.Barrier(2), threading.Event()

    def call() -> None:
        with Limit(1):
            inside.wait(10)
            leave.wait(10)

    other = threading.Thread(target=call)
    with Limit(2):
        other.start()
        inside.wait(10)
    assert set(threads()) == {2}
    leave.set()
    other.join()
    assert threads() == before


def test_what_somebody_else_has_set_holds(before: list[int]) -> None:
    with threadpool_limits(2, user_api="blas"):
        found = list[set[int]]()

        def call() -> None:
            with Limit(1):
                found.append(set(threads()))

        answering = threading.Thread(target=call)
        answering.start()
        answering.join()
        assert found == [{2}]
        assert set(threads()) == {2}
    assert threads() == before


def test_a_network_with_dense_products_answers_on_one_thread(before: list[int]) -> None:
    rng = np.random.default_rng(0)
    weight = Constant(rng.standard_normal((1500, 1500)).astype(np.float32))
    net = Network(
        inputs=[Input((1500,), "float")],
        constants=[weight],
        nodes=[Node(operator="linear", reads=[0, 1])],
        outputs=[2],
    )
    run, x, seen = Execution(net, HOST), rng.standard_normal((1500, 1500)).astype(np.float32), set[int]()
    answering = threading.Thread(target=lambda: [run(x) for _ in range(4)])
    answering.start()
    while answering.is_alive():
        seen |= set(threads())
    answering.join()
    assert 1 in seen
    assert seen <= {1, *before}
    assert threads() == before
