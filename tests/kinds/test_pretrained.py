"""Training from given weights: a head of another size, names with something before them, half of them, none of them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ticketsmith import weights
from ticketsmith.errors import Conflict, IntegrityError, UsageError
from ticketsmith.lottery.stability import POINTS, stability
from ticketsmith.specs import revised
from ticketsmith.stores.local import LocalStore
from ticketsmith_runner import trainers
from ticketsmith_runner.execute import execute
from ticketsmith_runner.network import restore, state
from ticketsmith_runner.start import Start, laid, prefixes
from ticketsmith_runner.steps.stability import line
from ticketsmith_runner.tensors import unpack

from .own import TASKS, Own

Tensors = dict[str, Tensor]


@pytest.fixture
def begun(tmp_path: Path) -> Callable[..., Own]:
    """A run that has not begun, from the weights that a file holds."""

    def made(given: Mapping[str, Tensor], kind: str = "chain", **fields: Any) -> Own:
        save_file(dict(given), file := tmp_path / "start.safetensors")
        training = {"start": str(file)} | fields.pop("training", {})
        return Own(TASKS / "pictures.py", tmp_path, {"options": {"kind": kind}, "training": training} | fields)

    return made


def chain(outputs: int = 2) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(108, 12), nn.ReLU(), nn.Linear(12, outputs))


def saved(network: nn.Module, prefix: str = "") -> Tensors:
    """Its state with every parameter at a half, so that nobody draws it."""
    return {prefix + name: torch.full_like(value, 0.5) for name, value in state(network).items()}


def halves(start: Start) -> set[str]:
    """Names of the tensors that came from the file."""
    return {name.removeprefix("weights/") for name, value in start.state.items() if bool((value == 0.5).all())}


def dense(run: Own) -> Own:
    execute(run.steps["level-00/dense/train"], run.context)
    return run


def begun_at(run: Own) -> Any:
    """The network at the start of the first replicate."""
    network = run.context.network()
    restore(network, trainers.weights(run.context.start(0).state))
    return network.eval()


def test_every_weight_that_fits_is_that_of_the_file(begun: Any) -> None:
    start = begun(saved(chain())).context.start(0)
    assert halves(start) == {"1.weight", "1.bias", "3.weight", "3.bias"}
    assert (start.prefix, start.drawn, start.unused) == ("", [], [])


def test_a_head_of_another_size_is_drawn_and_named(begun: Any) -> None:
    """Megvii-BaseDetection/YOLOX#849."""
    run = begun(saved(chain(outputs=1000)))
    start, drawn = run.context.start(0), state(run.context.network("init", 0))
    assert (start.drawn, start.unused) == (["3.weight", "3.bias"], ["3.bias", "3.weight"])
    assert halves(start) == {"1.weight", "1.bias"}
    assert torch.equal(start.state["weights/3.weight"], drawn["3.weight"])


@pytest.mark.parametrize("prefix", ["module.", "model.", "state_dict.", "teacher.", "backbone.", "module.backbone."])
def test_what_stands_before_every_name_is_taken_off_and_named(prefix: str) -> None:
    """open-mmlab/mmdetection#9106, RangiLyu/nanodet#274."""
    start = laid(chain(), saved(chain(), prefix))
    assert (start.prefix, start.drawn, start.unused) == (prefix, [], [])


def test_of_two_prefixes_the_one_with_most_names_holds() -> None:
    given = saved(chain(), "student.") | {"teacher.1.bias": torch.zeros(12), "optimizer.step": torch.zeros(1)}
    start = laid(chain(), given)
    assert (start.prefix, start.unused) == ("student.", ["optimizer.step", "teacher.1.bias"])


def test_of_two_prefixes_with_equal_names_the_teacher_holds() -> None:
    assert laid(chain(), saved(chain(), "student.") | saved(chain(), "teacher.")).prefix == "teacher."


def test_nothing_before_the_names_comes_first() -> None:
    assert prefixes({"module.model.a": torch.zeros(1), "b.module": torch.zeros(1)}) == ["", "module.", "module.model."]


def test_a_network_whose_own_names_begin_so_keeps_them() -> None:
    network = nn.ModuleDict({"model": chain()})
    start = laid(network, saved(network))
    assert (start.prefix, start.drawn, start.unused) == ("", [], [])


def test_half_of_the_names_are_laid_and_half_drawn(begun: Any) -> None:
    start = begun({name: value for name, value in saved(chain()).items() if name[0] == "1"}).context.start(0)
    assert (halves(start), start.drawn) == ({"1.weight", "1.bias"}, ["3.weight", "3.bias"])


@pytest.mark.parametrize(
    "given",
    [
        {"conv1.weight": torch.ones(8, 3, 7, 7), "fc.weight": torch.ones(10, 8)},
        {"1.weight": torch.ones(11, 108)},
        {"1.weight": torch.ones(12, 108, dtype=torch.int8)},  # quantized: without its scales it is another weight
        {"layers.1.weight": torch.ones(12, 108)},
    ],
)
def test_weights_of_which_nothing_fits_are_refused_with_both_lists_of_names(begun: Any, given: Tensors) -> None:
    with pytest.raises(UsageError, match=r"no tensor that fits the network: it holds .*, the network 1.weight, 1.bias"):
        dense(begun(given))


def test_a_counter_alone_is_no_fit(begun: Any) -> None:
    with pytest.raises(UsageError, match="no tensor that fits"):
        begun({"1.num_batches_tracked": torch.tensor(7)}, "batchnorm").context.start(0)


def test_weights_that_are_not_finite_are_refused_and_named(begun: Any) -> None:
    given = saved(chain())
    given["1.bias"][3] = torch.nan
    with pytest.raises(UsageError, match=r"holds NaN or infinities: 1\.bias"):
        begun(given).context.start(0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_weights_take_the_type_of_the_network(dtype: torch.dtype) -> None:
    start = laid(chain(), {name: value.to(dtype) for name, value in saved(chain()).items()})
    assert {value.dtype for value in start.state.values()} == {torch.float32}


def test_statistics_of_batches_come_along(begun: Any) -> None:
    run = begun({"1.running_var": torch.full((4,), 3.0), "1.num_batches_tracked": torch.tensor(7)}, "batchnorm")
    start = run.context.start(0).state
    assert start["weights/1.running_var"].tolist() == [3.0] * 4 and start["weights/1.num_batches_tracked"] == 7


@pytest.mark.parametrize("name", ["first.weight", "second.weight"])
def test_a_shared_weight_is_laid_by_either_name(begun: Any, name: str) -> None:
    run = begun({name: torch.full((12, 12), 0.5)}, "tied")
    start = run.context.start(0)
    network = begun_at(run)
    assert start.unused == [] and network.second.weight is network.first.weight
    assert bool((network.second.weight == 0.5).all())


def test_of_a_shared_weight_the_second_of_two_that_differ_is_named(begun: Any) -> None:
    given = {"first.weight": torch.ones(12, 12), "second.weight": torch.zeros(12, 12)}
    start = begun(given, "tied").context.start(0)
    assert start.unused == ["second.weight"] and bool((start.state["weights/first.weight"] == 1).all())


def test_the_record_names_what_was_drawn_and_the_prefix(begun: Any) -> None:
    given = saved(chain(outputs=7), "module.") | {"epoch": torch.zeros(1)}
    run = begun(given).go("train", "prune", "rewind")
    metrics = run.metrics("level-00/dense/train")
    assert (metrics.prefix, metrics.drawn) == ("module.", ["3.weight", "3.bias"])
    assert metrics.unused == ["epoch", "module.3.bias", "module.3.weight"]
    assert "drawn" not in json.loads(run.read("level-01/ticket/train", "metrics.json"))


def test_a_record_without_given_weights_is_what_it_was(tmp_path: Path) -> None:
    run = dense(Own(TASKS / "pictures.py", tmp_path, {"options": {"kind": "chain"}}))
    assert not {"prefix", "drawn", "unused"} & json.loads(run.read("level-00/dense/train", "metrics.json")).keys()


def test_untrained_is_the_score_of_the_given_weights(begun: Any) -> None:
    """With every weight at a half the first class is the answer, whatever the image."""
    records = dense(begun(saved(chain()))).tensors("level-00/dense/train", "records")
    assert torch.equal(records["untrained"] == 1, records["label"] == 0)


def test_survivors_go_back_to_the_given_weights(begun: Any) -> None:
    run = begun(saved(chain())).go("train", "prune", "rewind")
    start = run.tensors("level-01/ticket/rewind", "start")["weights/1.weight"]
    assert set(start.unique().tolist()) == {0.0, 0.5}


def test_the_reinitialized_control_draws_anew(begun: Any) -> None:
    run = begun(saved(chain())).go("train", "prune", "rewind")
    start = run.tensors("level-01/reinit/rewind", "start")["weights/1.weight"]
    assert start.unique().numel() > 100 and 0.5 not in start


def test_two_replicates_start_alike_and_see_other_batches(begun: Any) -> None:
    run = dense(begun(saved(chain())))
    first, second = (run.context.start(r).state for r in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    trained = run.tensors("level-00/dense/train")["1.weight"]
    assert not torch.equal(trained[0], trained[1])


def test_what_a_replicate_does_to_its_start_no_other_sees(begun: Any) -> None:
    run = begun(saved(chain()))
    run.context.start(0).state["weights/1.weight"].zero_()
    assert halves(run.context.start(1)) >= {"1.weight"}


def test_the_stability_analysis_starts_from_them(begun: Any) -> None:
    """At a rate that moves nothing, the whole line is where the given weights are."""
    run = begun(saved(chain()), training={"learning_rate": 1e-9})
    (step,) = stability(run.spec, [1])
    score = run.measure().columns(begun_at(run), run.context.split(0).validation, recorded=False)["score"]
    assert line(run.context, step, 0) == [1 - float(score.mean())] * POINTS


@pytest.mark.parametrize("trainer", ["eager", "stack", "dense-mlp", "csr-mlp"])
def test_every_trainer_starts_from_them(begun: Any, trainer: str) -> None:
    run = begun(saved(chain()), training={"trainer": trainer, "learning_rate": 1e-9, "steps": 1, "evaluate_every": 1})
    trained = dense(run).tensors("level-00/dense/train")["1.weight"]
    assert torch.allclose(trained, torch.tensor(0.5), atol=1e-6)


def test_the_run_id_changes_with_a_byte_and_not_with_the_path(begun: Any, tmp_path: Path) -> None:
    given = saved(chain())
    usual, moved = begun(given), tmp_path / "moved.safetensors"
    (tmp_path / "start.safetensors").rename(moved)
    elsewhere = Own(TASKS / "pictures.py", tmp_path, {"options": {"kind": "chain"}, "training": {"start": str(moved)}})
    given["1.bias"][0] = 0.25
    drawn = Own(TASKS / "pictures.py", tmp_path, {"options": {"kind": "chain"}})
    assert elsewhere.spec.run_id() == usual.spec.run_id()
    assert len({run.spec.run_id() for run in (usual, begun(given), drawn)}) == 3


def test_a_revised_spec_keeps_the_digest(begun: Any, tmp_path: Path) -> None:
    run = begun(saved(chain()))
    (tmp_path / "start.safetensors").unlink()
    assert revised(run.spec, seed=1).sources == run.spec.sources and run.spec.sources.weights is not None


def test_a_run_goes_on_when_the_file_is_gone(begun: Any, tmp_path: Path) -> None:
    run = begun(saved(chain()))
    (tmp_path / "start.safetensors").unlink()
    weights.keep(run.ledger.store, run.spec)
    assert dense(run).metrics("level-00/dense/train").test_score


def test_a_file_that_changed_since_is_a_conflict(begun: Any, tmp_path: Path) -> None:
    run = begun(saved(chain()))
    save_file({"other": torch.ones(1)}, tmp_path / "start.safetensors")
    with pytest.raises(Conflict, match="other weights"):
        weights.keep(LocalStore(tmp_path / "another"), run.spec)


def test_weights_in_the_store_are_verified(begun: Any, tmp_path: Path) -> None:
    run = begun(saved(chain()))
    file = tmp_path / "runs" / weights.key(run.spec.sources.weights)
    assert unpack(file.read_bytes()).keys() == saved(chain()).keys()
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(IntegrityError, match="expected sha256"):
        weights.read(run.ledger.store, run.spec.sources.weights)
