"""Tokens after a prompt: what is drawn, when it ends, and what is refused."""

import collections
import itertools
import pickle
import re
import threading

import numpy as np
import pytest

from ticketsmith_runtime import load
from ticketsmith_runtime.anew import Anew
from ticketsmith_runtime.generation import Draw
from ticketsmith_runtime.graph import Unsuited
from ticketsmith_runtime.network import evaluate
from ticketsmith_runtime.network_model import NetworkModel
from ticketsmith_runtime.package import Ticket, write
from ticketsmith_runtime.positions import followed
from ticketsmith_runtime.sequence import Incremental
from ticketsmith_runtime.vocabulary import Vocabulary

from .machines import WIDE, WITH_AVX2, WITH_AVX512, WITH_NEITHER
from .tokens import LENGTH, WORDS, decoder


def greedy(network, prompt):
    """One whole window for each token, in float64."""
    tokens = list(prompt)
    while len(tokens) <= LENGTH:
        window = np.zeros((1, LENGTH), np.int64)
        window[0, : len(tokens)] = tokens
        tokens.append(int(evaluate(network, [window])[0][0, len(tokens) - 1].argmax()))
    return tokens[len(prompt) :]


@pytest.mark.parametrize(
    "machine", [*([WITH_AVX512] if WIDE else []), WITH_AVX2, WITH_NEITHER], ids=lambda each: each.cpu
)
@pytest.mark.parametrize(("mix", "kind"), [("attention", Incremental), ("sum", Anew)])
def test_the_likeliest_is_what_the_whole_window_says(mix, kind, machine):
    model = NetworkModel(Ticket(graph=decoder(mix)), machine=machine)

    assert isinstance(model.decoder, kind)
    for prompt in ([1], [3, 0, 5], [2] * LENGTH):
        assert model.generate(prompt) == greedy(decoder(mix), prompt)


def test_a_slow_one_gives_the_logits_of_several_samples():
    model = NetworkModel(Ticket(graph=decoder("sum")))
    tokens = np.random.default_rng(0).integers(0, WORDS, (3, LENGTH))
    state = model.decoder.start(3)

    found = [model.decoder.step(each, state) for each in np.split(tokens, [4, 5], 1)]

    np.testing.assert_allclose(np.concatenate(found, 1), model(tokens), rtol=1e-5)


@pytest.fixture
def model():
    return NetworkModel(Ticket(graph=decoder()))


def test_a_stream_gives_tokens_as_they_are_found(model):
    assert list(itertools.islice(model.stream([1, 2]), 3)) == model.generate([1, 2], 3) == model.generate([1, 2])[:3]


def test_it_ends_where_positions_end(model):
    assert len(model.generate([1, 2])) == LENGTH - 1
    assert len(model.generate([1] * LENGTH)) == 1


def test_the_same_seed_draws_the_same(model):
    draws = [model.generate([1], temperature=3.0, seed=seed) for seed in (0, 0, 1, 2, 3)]

    assert draws[0] == draws[1]
    assert len({*map(tuple, draws)}) > 1
    assert pickle.loads(pickle.dumps(model)).generate([1], temperature=3.0) == draws[0]


def test_several_threads_draw_their_own(model):
    expected = [model.generate([n], temperature=1.0) for n in range(6)]
    found: list = [None] * 6
    workers = [
        threading.Thread(target=lambda n=n: found.__setitem__(n, model.generate([n], temperature=1.0)))
        for n in range(6)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert found == expected


def test_draws_have_the_shares_that_logits_say():
    """Half of 40,000 draws differs from its share by more than 1.5 % once in a billion."""
    logits, rng = np.log(np.array([1, 3, 0, 4], np.float32) + 1e-30), np.random.default_rng(0)
    counts = collections.Counter(Draw(temperature=1.0).token(logits, rng) for _ in range(40_000))

    assert [counts[n] / 40_000 for n in range(4)] == pytest.approx([0.125, 0.375, 0, 0.5], abs=0.015)
    counts = collections.Counter(Draw(temperature=0.5).token(logits, rng) for _ in range(40_000))
    assert [counts[n] / 40_000 for n in range(4)] == pytest.approx([1 / 26, 9 / 26, 0, 16 / 26], abs=0.015)


@pytest.mark.parametrize(("top_k", "chosen"), [(1, {3}), (2, {1, 3}), (4, {0, 1, 2, 3}), (9, {0, 1, 2, 3})])
def test_top_k_leaves_the_likeliest(top_k, chosen):
    rng, logits = np.random.default_rng(0), np.array([0.0, 1.0, 0.5, 2.0], np.float32)

    assert {Draw(temperature=2.0, top_k=top_k).token(logits, rng) for _ in range(300)} == chosen


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (([],), "at least one token"),
        (([1.0, 2.0],), "each a whole number"),
        (([[1]],), "a list of at least one"),
        (([1] * (LENGTH + 1),), "the prompt has 10 tokens, the network knows 9 positions"),
        (([1, 2], LENGTH), "after 2 tokens 1 to 8 can follow in 9 positions, not 9"),
        (([1, 2], 0), "not 0"),
    ],
)
def test_a_wrong_prompt_is_named_before_anything_is_computed(model, arguments, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        model.stream(*arguments)


@pytest.mark.parametrize(("token", "says"), [(-1, "token -1 is less than 0"), (WORDS, "node 0 (embedding)")])
def test_a_token_that_nobody_knows_is_named(model, token, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        model.generate([1, token])


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"temperature": float("inf")}, "temperature is inf"),
        ({"top_k": 0}, "top_k is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_a_draw_that_makes_no_sense_is_named(model, draw, says):
    with pytest.raises(ValueError, match=says):
        model.stream([1], **draw)


def test_logits_that_are_no_numbers_are_an_error():
    with pytest.raises(ValueError, match="puts out NaN"):
        Draw().token(np.array([0, np.nan], np.float32), np.random.default_rng(0))


def test_a_network_that_looks_at_what_comes_later_is_refused():
    with pytest.raises(ValueError, match=r"depend on later tokens: node 2 \(mean\): it mixes positions"):
        NetworkModel(Ticket(graph=decoder("mean"))).generate([1])


WORDED = ["a", "b", "ab", " ", "\n", "é", "abc"]


@pytest.fixture
def worded(tmp_path):
    write(tmp_path / "a.ticket", Ticket(graph=decoder(), vocabulary=Vocabulary(WORDED)))
    return load(tmp_path / "a.ticket")


def test_text_is_answered_with_text(worded):
    numbers = worded.generate([2, 3, 0])

    assert worded.generate("ab a") == "".join(WORDED[n] for n in numbers) == "".join(worded.stream("ab a"))


def test_the_longest_word_that_fits_is_taken():
    words = Vocabulary(WORDED)

    assert words.encode("abcab\néba") == [6, 2, 4, 5, 1, 0]
    assert words.decode(words.encode("abcab\néba")) == "abcab\néba"
    assert words.encode("") == []


def test_text_that_nobody_knows_is_named(worded, model):
    with pytest.raises(ValueError, match="'x', character 2 of the text, is in no token"):
        worded.generate("abx")
    with pytest.raises(ValueError, match="at least one token"):
        worded.generate("")
    with pytest.raises(ValueError, match="no vocabulary: give the numbers"):
        model.generate("ab")


@pytest.mark.parametrize(
    ("mix", "says"),
    [
        ("attention", "with a cache of keys and values, 9 positions at most"),
        ("sum", "by whole windows: node 2 (cumsum): it mixes positions"),
        ("mean", "it does not say what comes next: its logits depend on later tokens: node 2 (mean)"),
    ],
)
def test_explain_says_how_tokens_are_generated(mix, says):
    assert says in NetworkModel(Ticket(graph=decoder(mix))).explain()


def test_more_positions_than_a_mask_has_memory_for_are_refused():
    with pytest.raises(Unsuited, match="more than 32,768 positions"):
        followed(decoder(length=(1 << 15) + 1), 1, {})


def test_a_network_of_no_tokens_is_refused(model):
    network = decoder()
    without = type(network)(**{**vars(network), "inputs": [type(network.inputs[0])((9,), "float")]})

    with pytest.raises(ValueError, match="not one sequence of tokens"):
        NetworkModel(Ticket(graph=without)).generate([1])
