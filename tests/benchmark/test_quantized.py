"""Int8 has verdicts of its own: over every replicate, by the task's score and the ticket's gate."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from ticketsmith.lottery.choices import DENSE_IN_INT8
from ticketsmith.lottery.results import Machine, Served, ServedRow, Speed, SpeedRow, Summary
from ticketsmith.report.opponents import quantized
from ticketsmith_runner.applicable import NotApplicable
from ticketsmith_runner.arms import arm
from ticketsmith_runner.backends import Forward, Kind, every
from ticketsmith_runner.inputs import call
from ticketsmith_runner.quantized import judged, waiting
from ticketsmith_runner.replicate import network, subject_of
from ticketsmith_runner.standing_in import asked, standing_in
from ticketsmith_runner.tensors import member

from .test_benchmark import committed

INT8 = Kind(dense=True, precision="int8")
ALWAYS = 3
"""What the worst of all quantizers says of every digit."""


@dataclass
class Int8:
    """A back-end that answers as it is told, and remembers the examples that it was given to build itself of."""

    answer: object
    KIND: Kind = INT8

    def __post_init__(self) -> None:
        self.subjects = []

    def build(self, subject):
        self.subjects.append(subject)
        return Forward(lambda inputs: self.answer(subject.dense, inputs))


def _same(dense, inputs):
    return dense(inputs)


def _constant(dense, inputs):
    return torch.eye(10)[ALWAYS].expand(len(inputs), 10)


def _speed(seconds: dict[str, float], headline: str) -> Speed:
    def row(name: str, p50: float) -> SpeedRow:
        same = {"p50": p50, "p95": p50, "p99": p50, "throughput": 1 / p50}
        return SpeedRow(backend=name, batch_size=8, ratio=1.0, low=1.0, high=1.0, **same)

    rows = {name: row(name, p50) for name, p50 in seconds.items()}
    machine = Machine(cpu="some", cores=1, device="cpu", threads=1, versions={}, date="")
    return Speed(
        machine=machine, replicate=0, sparsity=0.5, max_abs_difference={}, rows=list(rows.values()), refused=[],
        chosen=headline, headline=rows[headline],
        precisions={name: "int8" for name in rows if name.startswith("int8")},
    )  # fmt: skip


SPEED = _speed({"dense": 3.0, "int8-a": 1.5, "int8-b": 0.5, "int8-c": 2.5, "ticket": 2.0}, "ticket")


def test_the_fastest_is_judged_and_then_those_that_are_faster_than_the_ticket():
    fast = _speed({"dense": 3.0, "int8-a": 1.5, "int8-b": 1.0, "ticket": 0.5}, "ticket")
    assert list(waiting(SPEED, {"int8-a", "int8-b", "int8-c"})) == ["int8-b", "int8-a"]
    assert list(waiting(SPEED, {"int8-a", "int8-c"})) == ["int8-a"]
    assert list(waiting(fast, {"int8-a", "int8-b"})) == ["int8-b"]
    assert list(waiting(_speed({"dense": 1.0, "ticket": 0.5}, "ticket"), {"dense", "ticket"})) == []


@pytest.fixture
def learned(monkeypatch):
    """Networks whose weights were drawn learned nothing, which would be all that a verdict says."""
    monkeypatch.setattr("ticketsmith_runner.steps.gate.unlearned", lambda *_, **__: "")


def _judged(folder, **answers):
    context, step = committed(folder)
    backends = {name: Int8(answer) for name, answer in answers.items()}
    backends |= {name: Int8(_same) for name in ("int8-a", "int8-b") if name not in backends}
    return judged(SPEED, backends, subject_of(step, context), step, context), backends, context, step


def test_the_verdict_is_over_every_replicate_on_its_own_test_split(tmp_path, learned):
    speed, backends, context, step = _judged(tmp_path, **{"int8-b": _constant})

    verdict, changes = speed.quantized[0], []
    for r in range(3):
        labels = context.examples.batch(context.split(r).test)[1]
        logits = network(member(context.tensors(step.dense, "weights.safetensors"), r), context)(context.inputs(r))
        changes.append(float((labels == ALWAYS).double().mean() - (logits.argmax(1) == labels).double().mean()))
    assert (verdict.backend, verdict.replicates) == ("int8-b", [0, 1, 2])
    assert verdict.difference.mean == pytest.approx(sum(changes) / 3)
    assert verdict.score.mean == pytest.approx(0.1, abs=0.02)
    assert len(backends["int8-b"].subjects) == 3


def test_the_next_one_is_judged_where_the_first_does_not_pass(tmp_path, learned):
    speed, *_ = _judged(tmp_path, **{"int8-b": lambda dense, x: -dense(x)})

    assert [(each.backend, each.status != "PASS") for each in speed.quantized] == [("int8-b", True), ("int8-a", False)]
    assert (speed.quantized[1].difference.mean, speed.unjudged) == (0, None)


def test_what_makes_tokens_is_judged_though_no_forward_pass_of_it_was_timed(tmp_path, learned):
    took = Summary(mean=1e-4, se=None, low=1e-4, high=1e-4, n=4)
    rows = [ServedRow(arm="dense-int8", backend=DENSE_IN_INT8, seconds=took)]
    speed = SPEED.model_copy(update={"served": Served(unit="token", batch_size=1, how="", rows=rows)})
    context, step = committed(tmp_path)

    found = judged(
        speed, {name: Int8(_same) for name in ("int8-a", "int8-b")}, subject_of(step, context), step, context
    )

    assert [verdict.backend for verdict in found.quantized] == ["int8-b", DENSE_IN_INT8]
    assert found.quantized[1].replicates == [0, 1, 2]
    assert found.quantized[1].difference.mean == pytest.approx(0, abs=0.02)
    assert quantized(found).backend == "int8-b", "beside forward passes"


def test_after_a_pass_no_other_one_is_asked(tmp_path, learned):
    speed, backends, *_ = _judged(tmp_path)

    assert [(each.backend, each.status) for each in speed.quantized] == [("int8-b", "PASS")]
    assert not backends["int8-a"].subjects


def test_a_dense_network_that_learned_nothing_says_nothing_of_int8_either(tmp_path):
    speed, *_ = _judged(tmp_path)

    assert {each.status for each in speed.quantized} == {"INVALID"}


def test_ranges_come_from_examples_that_the_replicate_was_trained_on(tmp_path, learned):
    _, backends, context, _ = _judged(tmp_path)

    for r, subject in enumerate(backends["int8-b"].subjects):
        split = context.split(r)
        trained, tested = (
            {tuple(x.flatten().tolist()) for x in context.examples.batch(numbers)[0]}
            for numbers in (split.train, split.test)
        )
        calibration = {tuple(x.flatten().tolist()) for x in subject.calibration}
        assert calibration <= trained and not calibration & (tested - trained)
        assert len(subject.calibration) == 256


def test_where_int8_cannot_be_judged_the_reason_is_said(tmp_path, learned):
    def broken(dense, inputs):
        raise NotApplicable("not this one")

    speed, *_ = _judged(tmp_path, **{"int8-b": broken})

    assert (speed.quantized, speed.unjudged) == ([], "dense: not this one")


def test_a_ticket_is_judged_by_its_own_weights_whatever_dense_says(tmp_path, learned):
    def broken(dense, inputs):
        raise NotApplicable("not this one")

    context, step = committed(tmp_path)
    ticket = Int8(_same, Kind(precision="int8"))
    seen = []
    ticket.answer = lambda dense, inputs: seen.append(len(inputs)) or ticket.subjects[-1].masked(inputs)
    speed = judged(SPEED, {"int8-a": ticket, "int8-b": Int8(broken)}, subject_of(step, context), step, context)

    (verdict,) = speed.quantized
    assert (verdict.backend, verdict.ticket, verdict.replicates) == ("int8-a", True, [0, 1, 2])
    assert speed.unjudged == "dense: not this one"
    for r, subject in enumerate(ticket.subjects):
        trained = member(context.tensors(step.ticket, "weights.safetensors"), r)
        assert all(torch.equal(each, trained[name]) for name, each in subject.masked.state_dict().items())
        assert subject.masks.keys() == member(context.tensors(step.mask, "mask.safetensors"), r).keys()
    assert seen


def test_a_trace_of_one_replicate_serves_the_weights_of_another(tmp_path):
    context, step = committed(tmp_path)
    first = subject_of(step, context, 0)
    other = subject_of(step, context, 2)
    borrowed = replace(other, alike=first)
    for mine, theirs in zip(borrowed.network.constants, other.network.constants, strict=True):
        assert (mine.array == theirs.array).all()
        assert mine.name == theirs.name
        assert mine.alive is None or (mine.alive == theirs.alive).all()


@pytest.mark.parametrize("name", [name for name, each in every().items() if each.KIND.precision == "int8"])
def test_a_quantizer_serves_every_replicate(tmp_path, learned, name):
    """The export of one replicate with the weights of another; whatever its narrow products may come to."""
    context, step = committed(tmp_path)

    speed = judged(
        _speed({"dense": 3.0, "int8": 1.0}, "dense"), {"int8": every()[name]}, subject_of(step, context), step, context
    )

    (verdict,) = speed.quantized
    assert verdict.replicates == [0, 1, 2]
    if name != "openvino-int8":  # which answers small batches of narrow networks with zeros
        trained = step.ticket if verdict.ticket else step.dense
        rows = arm([trained], context.ledger).on_test("score")
        assert verdict.score.mean == pytest.approx(sum(row.mean() for row in rows) / 3, abs=0.02)


class Pair(NamedTuple):
    logits: Tensor
    state: Tensor


class Named(nn.Module):
    """A network with a form of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> dict[str, object]:
        return {"pair": Pair(self.inner(x), x.sum(1)), "nothing": None}


def _stands_in(make, inputs, size=4):
    made = make().requires_grad_(False)
    sizes = []

    def half(batch):
        sizes.append(len(batch))
        answer = call(made, batch)
        pair = answer["pair"] if isinstance(answer, dict) else None
        return [leaf / 2 for leaf in pair] if pair else answer / 2

    return made, standing_in(made, Forward(half), inputs, size), sizes


def test_a_back_end_answers_in_the_networks_own_form_and_in_batches_of_one_size():
    inputs = torch.randn(7, 4)
    made, model, sizes = _stands_in(Named, inputs)

    answer = model(inputs)

    assert sizes == [4, 4] and answer["nothing"] is None and isinstance(answer["pair"], Pair)
    assert torch.equal(answer["pair"].logits, made.inner(inputs) / 2)
    assert torch.equal(answer["pair"].state, inputs.sum(1) / 2)


def test_nothing_of_the_network_itself_is_taken_for_the_back_ends():
    inputs = torch.randn(7, 4)
    _, model, _ = _stands_in(lambda: nn.Sequential(nn.Linear(4, 3)), inputs)

    assert model(inputs).shape == (7, 3)
    with pytest.raises(NotApplicable, match="parts of the network"):
        model[0](inputs)
    for args, kwargs in [((inputs, inputs), {}), ((), {"input": inputs}), ((inputs.double(),), {}), ((inputs.T,), {})]:
        with pytest.raises(NotApplicable, match="arguments"):
            model(*args, **kwargs)


def test_numbers_that_no_back_end_gives_are_not_taken_from_fp32():
    class Says(Named):
        def forward(self, x: Tensor) -> dict[str, object]:
            return super().forward(x) | {"prediction": self.inner(x).argmax(1)}

    _, model, _ = _stands_in(Says, inputs := torch.randn(7, 4))

    with pytest.raises(NotApplicable, match="no numbers by example"):
        model(inputs)


def test_what_a_task_asks_of_its_network_is_found_out_by_asking():
    """A text's loss leaves out the last token: what int8 is built for is not what `inputs` gives."""
    network = nn.Sequential(nn.Embedding(11, 4), nn.Linear(4, 11))
    tokens = torch.randint(0, 11, (6, 9))

    def loss(model):
        return [model(tokens[first : first + 4, :-1]) for first in (0, 4)]

    assert torch.equal(asked(network, loss), tokens[:, :-1])
    with pytest.raises(NotApplicable, match="as a whole"):
        asked(network, lambda model: model[1](model[0](tokens)))
    with pytest.raises(NotApplicable, match="now with"):
        asked(network, lambda model: (model(tokens), model(tokens[:, 1:])))
