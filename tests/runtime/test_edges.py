"""Networks at the edge of what code is written for: each answer is numpy's, and none is read from beyond a value."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.runtime.machines import HOST

from ticketsmith_runtime import numerics
from ticketsmith_runtime.between import Bent, Between
from ticketsmith_runtime.execution import Execution
from ticketsmith_runtime.generation import decoder
from ticketsmith_runtime.network import Constant, Input, Network, Node, evaluate

RNG = np.random.default_rng(0)
T = 6
PLAIN = {"stride": [1, 1], "dilation": [1, 1], "groups": 1, "padding": [0, 0]}


def node(operator: str, reads: list[int], **attributes: Any) -> Node:
    return Node(operator=operator, reads=reads, attributes=attributes)


def drawn(*shape: int) -> Constant:
    return Constant(RNG.standard_normal(shape).astype(np.float32))


def steps(*shape: int) -> list[Constant]:
    """Weights in int8 and the steps of their units."""
    return [Constant(RNG.integers(-127, 127, shape).astype(np.int8)), Constant(np.full(shape[0], 0.01, np.float32))]


def by_tokens(net: Network, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
    made = decoder(Execution(net, HOST))
    state = made.start()
    return np.concatenate([made.step(tokens[:, n : n + 1], state) for n in range(tokens.shape[1])], 1)


def test_one_head_of_keys_serves_many_queries() -> None:
    nodes = [
        node("embedding", [1, 0]),
        node("linear", [4, 2]),
        node("linear", [4, 3]),
        node("view", [5], to=["1B", T, 4, 8]),
        node("permute", [7], axes=[0, 2, 1, 3]),
        node("view", [6], to=["1B", 1, T, 8]),
        node("attention", [8, 9, 9], causal=True, scale=0.3),
        node("permute", [10], axes=[0, 2, 1, 3]),
        node("view", [11], to=["1B", T, 32]),
    ]
    constants = [drawn(20, 32), drawn(32, 32), drawn(8, 32)]
    net = Network(inputs=[Input((T,), "int")], constants=constants, nodes=nodes, outputs=[12])
    tokens = RNG.integers(0, 20, (1, T))
    expected = evaluate(net, [tokens], np.float32)[0]
    made = decoder(Execution(net, HOST))
    for found in (made.step(tokens, made.start()), by_tokens(net, tokens)):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_norm_over_all_samples_has_gains_for_all_of_them() -> None:
    nodes = [node("layer_norm", [0], axes=2, eps=1e-5)]
    net = Network(inputs=[Input((500,), "float")], constants=[], nodes=nodes, outputs=[1])
    run = Execution(net, HOST)
    for samples in (1, 4):
        x = RNG.standard_normal((samples, 500)).astype(np.float32)
        assert np.array_equal(run(x)[0], evaluate(net, [x], np.float32)[0])


@pytest.mark.parametrize("turned", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_gelu_of_an_expanded_value_keeps_its_order(turned: tuple[int, ...]) -> None:
    x = np.broadcast_to(RNG.standard_normal((3, 1, 5)).astype(np.float32), (3, 4, 5)).transpose(turned)
    assert np.array_equal(Bent(Between(HOST), "gelu_tanh")(x), numerics.gelu_tanh(x))


def test_a_value_of_two_rows_is_not_two_samples() -> None:
    nodes = [
        node("expand", [4], to=[2, 3, 110, 110]),
        node("conv8", [0, 1, 2], fixed=None, **PLAIN),
        node("conv8", [5, 1, 2], fixed=None, **PLAIN),
    ]
    weight, scale = steps(4, 3, 1, 1)
    net = Network(
        inputs=[Input((3, 110, 110), "float")],
        constants=[weight, scale, drawn(4), drawn(1, 3, 110, 110)],
        nodes=nodes,
        outputs=[6, 7],
    )
    x = RNG.standard_normal((5, 3, 110, 110)).astype(np.float32)
    for found, expected in zip(Execution(net, HOST)(x), evaluate(net, [x], np.float32), strict=True):
        assert np.array_equal(found, expected)


def test_readers_in_other_ranges_have_bytes_of_their_own() -> None:
    weight, scale = steps(16, 16, 1, 1)
    flat, small = steps(9, 16 * 20)
    nodes = [
        node("conv8", [0, 1, 2], fixed=None, **PLAIN),
        node("conv8", [5, 1, 2], fixed=[-1.0, 1.0], **PLAIN),
        node("view", [5], to=["1B", 320]),
        node("conv8", [5, 1, 2], fixed=[-50.0, 70.0], **PLAIN),
        node("linear8", [7, 3, 4], fixed=[-1.0, 1.0]),
    ]
    constants = [weight, scale, flat, small]
    net = Network(inputs=[Input((16, 4, 5), "float")], constants=constants, nodes=nodes, outputs=[6, 8, 9])
    x = RNG.standard_normal((3, 16, 4, 5)).astype(np.float32)
    for found, expected in zip(Execution(net, HOST)(x), evaluate(net, [x], np.float32), strict=True):
        assert np.array_equal(found, expected)


def test_what_puts_out_no_floats_says_so_or_answers() -> None:
    """A table of whole numbers: no logits, and no call of code for a token."""
    table = Constant(RNG.integers(0, 9, (20, 8)))
    net = Network(inputs=[Input((T,), "int")], constants=[table], nodes=[node("embedding", [1, 0])], outputs=[2])
    tokens = RNG.integers(0, 20, (1, T))
    assert np.array_equal(by_tokens(net, tokens), evaluate(net, [tokens], np.float32)[0])


def test_a_shift_that_leaves_no_position_is_computed_anew() -> None:
    nodes = [
        node("embedding", [1, 0]),
        node("pad", [2], before=[0, 0, 0], after=[0, -T, 0], value=0.0),
        node("view", [3], to=["1B", 0, 2, 4]),
        node("view", [4], to=["1B", 0, 8]),
        node("pad", [5], before=[0, T, 0], after=[0, 0, 0], value=0.0),
    ]
    net = Network(inputs=[Input((T,), "int")], constants=[drawn(20, 8)], nodes=nodes, outputs=[6])
    tokens = RNG.integers(0, 20, (1, T))
    assert np.array_equal(by_tokens(net, tokens), evaluate(net, [tokens], np.float32)[0])
