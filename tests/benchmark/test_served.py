"""The unit that is paid for: a token of a decoder, an image of a sampler, else a forward pass."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ticketsmith.lottery.results import Served, Speed
from ticketsmith.lottery.spec import BenchmarkOptions
from ticketsmith.lottery.steps import Benchmark
from ticketsmith_runner.applicable import NotApplicable
from ticketsmith_runner.backends import Forward, Kind, every
from ticketsmith_runner.served import served
from ticketsmith_runner.served.images import called, drawn, sampler, standing
from ticketsmith_runner.served.inferences import inferences
from ticketsmith_runner.served.stored import stored
from ticketsmith_runner.served.tokens import anew, speaker
from ticketsmith_runner.served.ways import Way, arm_of, arms_of, repeated, rows
from ticketsmith_runner.steps import benchmark
from ticketsmith_runner.subject import Subject
from ticketsmith_runner.tasks import Task
from ticketsmith_runtime.kernels._isa import AVX2

from ..kinds.own import Own
from ..runtime.machines import HOST

EXAMPLES = Path(__file__).parents[2] / "examples"
FEW = BenchmarkOptions(batch_sizes=(1,), rounds=2, seconds=0.0001)
SHARED = BenchmarkOptions(batch_sizes=(1,), rounds=6, seconds=0.0001)
FOUND = Served(unit="inference", batch_size=1, how="forward passes", rows=[])
SAMPLER = """
import torch
from torch import nn
from ticketsmith.task import NATS as METRIC
DEFAULTS = {}
def data(root): ...
def loss(model, batch): ...
class model(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.1))
        self.net = nn.Sequential(nn.Linear(17, 24), nn.ReLU(), nn.Linear(24, 16))
    def forward(self, x, t):
        return self.net(torch.cat([x, t[:, None]], 1))
def sample(model, generator):
    x = torch.randn(3, 16, generator=generator)
    for t in range(10):
        x = x - model.scale * CALL
    return list(x.sigmoid().reshape(3, 1, 4, 4))
"""
WHOLE = "model(x, torch.full((3,), t / 10))"


def masked(task: Task, density: float = 0.5) -> tuple[nn.Module, nn.Module, dict[str, Tensor]]:
    dense, other = (task.model({}, seed).eval().requires_grad_(False) for seed in (0, 1))
    masks = {}
    for number, (name, weight) in enumerate(other.named_parameters()):
        if weight.dim() == 2 and "token" not in name and "place" not in name:
            generator = torch.Generator().manual_seed(number)
            masks[name] = torch.rand(weight.shape, generator=generator) < density
            weight.mul_(masks[name])
    return dense, other, masks


def subject_of(task: Task, inputs: Any) -> Subject:
    dense, other, masks = masked(task)
    return Subject(replicate=0, dense=dense, masked=other, masks=masks, inputs=inputs)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Task]:
    """A task whose sampler computes `call` in each step."""

    def task(call: str) -> Task:
        name = f"drawing_{abs(hash(call))}"
        (tmp_path / f"{name}.py").write_text(SAMPLER.replace("CALL", call))
        return Task(str(tmp_path), name)

    return task


def pairs(task: Task) -> tuple[Tensor, Tensor]:
    return torch.randn(8, 16), torch.rand(8)


def arms(found: Served) -> dict[str, str]:
    return {row.arm: row.backend for row in found.rows}


def test_an_image_is_the_whole_sampler(written) -> None:
    task = written(WHOLE)
    found = served(FOUND, task, subject_of(task, pairs(task)), partial(task.model, {}), ["pytorch", "operators"], FEW)
    assert (found.unit, found.batch_size) == ("image", 3)
    assert found.how == "sample(): 3 images, 10 calls of the network in batches of 3"
    assert arms(found) == {"dense": "pytorch", "ticket": "operators"}
    dense, ticket = found.rows
    assert dense.ratios == [] and dense.seconds.n == 2 == ticket.seconds.n
    assert ticket.ratios[0].ratio == pytest.approx(dense.seconds.mean / ticket.seconds.mean)


def test_an_image_of_a_decoder_is_the_part_that_is_called() -> None:
    task = Task(str(EXAMPLES), "vae")
    subject = subject_of(task, torch.rand(8, 64).round())
    found = served(FOUND, task, subject, partial(task.model, {}), ["pytorch", "codegen", "masked"], SHARED)
    assert found.unit == "image" and found.how == "sample(): 4 images, 1 call of `up` in batches of 4"
    assert arms(found) == {"dense": "pytorch", "ticket": "codegen"}
    assert {row.seconds.n for row in found.rows} == {3}, "three processes"
    up = sum(each.numel() for each in subject.dense.get_submodule("up").parameters())
    assert found.rows[0].bytes == 4 * up


def test_a_back_end_draws_what_its_network_draws(written) -> None:
    task = written(WHOLE)
    subject = subject_of(task, pairs(task))
    draws = sampler(task, subject, partial(task.model, {}), ["pytorch", "operators"])
    ways, _ = draws.ways()
    expected = {"dense": drawn(task, subject.dense), "ticket": drawn(task, subject.masked)}
    for way in ways:
        assert torch.allclose(torch.stack(list(way.call())), torch.stack(expected[way.arm]), atol=1e-5)  # type: ignore[call-overload]
    assert not torch.allclose(torch.stack(expected["dense"]), torch.stack(expected["ticket"]), atol=1e-3)
    assert draws.calls.count == 10 and len(draws.calls.inputs[0]) == 30


def test_a_call_is_answered_by_the_back_end_alone() -> None:
    task = Task(str(EXAMPLES), "vae")
    network = task.model({}).eval()
    stand = standing(network, "up", Forward(lambda batch: torch.full((len(batch), 64), 100.0)))
    assert all(image.min() == 1 for image in drawn(task, stand)) and drawn(task, network)[0].min() < 1


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("model.net[2](model.net[0](torch.cat([x, x[:, :1]], 1)))", "sample() calls net.0, net.2 of the network"),
        ("x", "sample() calls no part of the network"),
        (f"({WHOLE} if t else model(x[:1], x[:1, 0]))", "in batches of several sizes"),
        (f"({WHOLE} if t else model(x, torch.zeros(3, dtype=torch.float64)).float())", "now with another"),
    ],
)
def test_what_no_back_end_could_answer_is_said(written, call: str, reason: str) -> None:
    task = written(call)
    network = task.model({})
    if "float64" in call:
        network.forward = lambda x, t: x  # type: ignore[method-assign]
    with pytest.raises(NotApplicable, match=re.escape(reason)):
        called(network, partial(drawn, task))


def test_a_long_sampler_is_remembered_by_calls_from_all_of_it(written) -> None:
    task = written(WHOLE.replace("t / 10", "float(t)"))
    text = Path(task.folder, f"{task.module}.py")
    text.write_text(text.read_text().replace("range(10)", "range(1000)"))
    calls = called(task.model({}), partial(drawn, task))
    times = calls.inputs[1]
    assert calls.count == 1000 and len(times) <= 3 * 128 and times.max() > 950


def test_what_is_sampled_and_cannot_be_served_is_a_forward_pass_with_the_reason(written) -> None:
    task = written("x")
    found = served(FOUND, task, subject_of(task, pairs(task)), partial(task.model, {}), ["pytorch", "operators"], FEW)
    assert found.unit == "inference" and "sample() calls no part" in found.how
    assert [refusal.backend for refusal in found.refused] == ["sample"]


def test_without_a_ticket_to_time_there_is_no_image(written) -> None:
    task = written(WHOLE)
    found = served(FOUND, task, subject_of(task, pairs(task)), partial(task.model, {}), ["pytorch", "codegen"], FEW)
    assert found.unit == "inference" and "codegen: the ticket runtime takes one tensor of floats" in found.how


def test_a_task_without_samples_serves_forward_passes(written) -> None:
    task = written(WHOLE)
    text = Path(task.folder, f"{task.module}.py")
    text.write_text(text.read_text().replace("def sample", "def drawing"))
    assert served(FOUND, task, subject_of(task, pairs(task)), partial(task.model, {}), ["pytorch"], FEW) == FOUND


@pytest.mark.skipif(not HOST.has(*AVX2.features), reason="int8 needs AVX2")
def test_a_token_is_one_of_a_decoder_with_its_cache() -> None:
    task = Task(str(EXAMPLES), "char_gpt")
    subject = subject_of(task, torch.randint(0, 128, (4, 32)))
    found = served(FOUND, task, subject, partial(task.model, {}), [], FEW)
    assert (found.unit, found.batch_size) == ("token", 1)
    assert found.how == "25 tokens after a prompt of 8, the prompt's time among theirs"
    assert set(arms(found)) == {"dense", "dense-int8", "ticket", "ticket-int8"}
    assert arms(found)["dense"] in ("runtime", "pytorch") and arms(found)["ticket"] == "ticket"
    assert all(row.bytes for row in found.rows) and {ratio.to for ratio in found.rows[2].ratios} == {
        "dense",
        "dense-int8",
    }


@pytest.mark.skipif(not HOST.has(*AVX2.features), reason="the runtime's code needs AVX2")
def test_every_way_in_fp32_says_the_same_tokens() -> None:
    task = Task(str(EXAMPLES), "char_gpt")
    subject = subject_of(task, torch.randint(0, 128, (4, 32)))
    talk = speaker(subject, partial(task.model, {}))
    ways, refused = talk.ways()
    said = {way.backend: way.call() for way in ways}
    prompt = subject.inputs[:1, : talk.prompt]  # type: ignore[index,call-overload]
    assert not refused and said["pytorch"] == said["runtime"] == anew(subject.dense, prompt, talk.new)
    assert said["ticket"] == anew(subject.masked, prompt, talk.new) and len(said["ticket"]) == talk.new  # type: ignore[arg-type]


def test_a_network_that_does_not_say_what_comes_next_has_no_tokens(tmp_path: Path) -> None:
    text = SAMPLER.replace("CALL", "x").replace("return list(x", 'return ["text"]\n    return list(x')
    (tmp_path / "mute.py").write_text(text)
    task = Task(str(tmp_path), "mute")
    found = served(FOUND, task, subject_of(task, pairs(task)), partial(task.model, {}), [], FEW)
    assert found.unit == "inference" and "not one sequence of tokens" in found.how


def test_a_benchmark_step_keeps_the_unit_of_its_task(tmp_path: Path) -> None:
    run = Own(EXAMPLES / "vae.py", tmp_path, {"replicates": 5, "benchmark": {"backends": ["codegen"]}}).go()
    step = next(step for step in run.steps.values() if isinstance(step, Benchmark))
    speed = Speed.model_validate_json(benchmark.run(step, run.context).volatile["speed.json"])
    assert speed.served and speed.served.unit == "image" and arms(speed.served)["ticket"] == "codegen"
    assert {row.backend for row in speed.rows} >= {"pytorch"}


def test_back_ends_are_ways_of_four_arms() -> None:
    found = {name: arm_of(backend.KIND) for name, backend in every().items()}
    assert (found["pytorch"], found["openvino-int8"], found["codegen"]) == ("dense", "dense-int8", "ticket")
    assert found["ticket-int8"] == "ticket-int8"
    assert all(found[name] is None for name in ("masked", "own-dense", "openvino-bf16", "pell19", "cuda-half"))


def test_forward_passes_are_those_that_were_timed(subject_for, chain) -> None:
    subject = subject_for(*chain([6, 5, 3], 0.5), torch.randn(7, 6))
    kinds = {"slow": Kind(dense=True), "fast": Kind(dense=True), "ours": Kind(), "control": Kind(control=True)}
    forwards = {name: Forward(lambda batch: batch) for name in kinds}
    seconds = {"slow": 4.0, "fast": 2.0, "ours": 1.0, "control": 0.1}
    latencies = [{2: {name: [[s * n, s * n, 9.0]] * 3 for name, s in seconds.items()}} for n in (1.0, 1.2, 1.4)]
    found = inferences(2, latencies, arms_of(kinds), forwards, {"": subject}, [{"ours": 18.0}] * 3)
    assert arms(found) == {"dense": "fast", "ticket": "ours"}
    mean = (1.0 * 1.2 * 1.4) ** (1 / 3)
    assert found.row("dense").seconds.mean == pytest.approx(2.0 * mean / 2)  # type: ignore[union-attr]
    ours = found.row("ticket")
    assert ours and ours.seconds.n == 3 and found.ratio("ticket", "dense") == ours.ratios[0]
    assert (ours.ratios[0].ratio, ours.ratios[0].low) == (pytest.approx(2), pytest.approx(2)), "processes differ alike"
    assert ours.joules == pytest.approx(3 * 18 / (27 * 2)) and found.row("dense").joules is None  # type: ignore[union-attr]


def test_a_network_of_its_own_is_an_arm_that_tickets_are_held_against(subject_for, chain) -> None:
    subject = subject_for(*chain([6, 5, 3], 0.5), torch.randn(7, 6))
    arms_by_name = {"theirs": "dense", "ours": "ticket", "small": "smaller"}
    seconds = {"theirs": 4.0, "ours": 1.0, "small": 2.0}
    latencies = [{1: {name: [[each]] * 2 for name, each in seconds.items()}}] * 3
    forwards = {name: Forward(lambda batch: batch) for name in seconds}
    found = inferences(1, latencies, arms_by_name, forwards, {"": subject})
    assert arms(found) == {"dense": "theirs", "ticket": "ours", "smaller": "small"}
    assert (ratio := found.ratio("ticket", "smaller")) and ratio.ratio == pytest.approx(2)


def test_a_single_process_has_its_rounds_for_repetitions() -> None:
    assert repeated([[[2.0, 4.0, 9.0], [6.0]]], units=2) == [2.0, 3.0]
    assert repeated([[[2.0], [4.0], [9.0]], [[6.0]]], units=2) == [2.0, 3.0]


def test_a_slow_process_that_slows_all_arms_widens_no_ratio() -> None:
    ways = [Way(arm=arm, backend=arm, call=lambda: None, bytes=None) for arm in ("ticket", "dense")]
    dense, ticket = rows(ways, {"dense": [1.0, 4.0, 16.0], "ticket": [0.5, 2.0, 8.0]}, {})
    assert (dense.arm, dense.seconds.mean, dense.ratios) == ("dense", pytest.approx(4), [])
    assert dense.seconds.low and dense.seconds.low < 1 and ticket.ratios[0].to == "dense"
    assert (ticket.ratios[0].low, ticket.ratios[0].high) == (pytest.approx(2), pytest.approx(2))


def test_a_single_repetition_has_no_interval() -> None:
    ways = [Way(arm=arm, backend=arm, call=lambda: None, bytes=None) for arm in ("ticket", "dense")]
    dense, ticket = rows(ways, {"dense": [1.0], "ticket": [0.5]}, {})
    assert dense.seconds.low is None and ticket.ratios[0].ratio == 2


def test_what_is_stored_shrinks_with_the_mask(subject_for, chain) -> None:
    inputs = torch.randn(7, 64)
    whole, half = (subject_for(*chain([64, 64, 10], density), inputs) for density in (1.0, 0.25))
    weights, biases = 64 * 64 + 64 * 10, 74
    assert stored("dense", "pytorch", half) == 4 * (weights + biases)
    kept = sum(int(mask.sum()) for mask in half.masks.values())
    assert stored("ticket", "codegen", half) == 4 * (kept + biases) + weights // 8
    assert stored("ticket", "codegen", half) < stored("ticket", "codegen", whole)
    assert stored("dense-int8", "openvino-int8", half) is None
    small = replace(half, quantized={"nncf.weights": b"12345"})
    assert stored("dense-int8", "openvino-int8", small) == 5
