"""The bundled generative tasks, in toy sizes: noise that arms share, what dense has to beat, samples, formulas."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binom
from torch import Tensor, nn

from ticketsmith.lottery.results import Picture, Samples
from ticketsmith.lottery.steps import Benchmark
from ticketsmith_runner.backends import Forward, Kind
from ticketsmith_runner.evaluate import held_out, of_test
from ticketsmith_runner.inputs import call, outputs
from ticketsmith_runner.ladder import FAR
from ticketsmith_runner.network import prunable
from ticketsmith_runner.quantized import _records
from ticketsmith_runner.replicate import subject_of
from ticketsmith_runner.roles import TEST
from ticketsmith_runner.subject import Subject
from ticketsmith_tasks import ddpm, ddpm_digits, ddpm_mnist, gpt_char, vae, vae_digits, vae_mnist

from ..conftest import mnist_root
from .own import BUNDLED, Own

OPTIONS: dict[str, dict[str, Any]] = {
    "vae_digits": {"hidden": 16, "code": 3},
    "vae_mnist": {"hidden": 16, "code": 3},
    "ddpm_digits": {"width": 16, "blocks": 1},
    "gpt_char": {"layers": 1, "width": 16, "heads": 2},
}
PLAIN = {"learning_rate": 1e-3, "evaluate_every": 2, "warmup": 0}


@pytest.fixture(scope="module", params=OPTIONS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Own:
    """A toy run, every gate judged."""
    name: str = request.param
    root = mnist_root()
    if name.endswith("mnist") and root is None:
        pytest.skip("MNIST is not here: put torchvision's copy into data/, or set TICKETSMITH_TEST_DATA")
    replicates = 5 if name.endswith("digits") else 1
    toy = {"options": OPTIONS[name], "replicates": replicates, "training": PLAIN, "pruning": {"rewind_to": 2}}
    return Own(BUNDLED / f"{name}.py", tmp_path_factory.mktemp(name), toy, str(root or "")).go()


def samples(run: Own, arm: str) -> Samples:
    return Samples.model_validate_json(run.read(f"level-01/{arm}/train", "samples.json"))


def test_dense_against_itself_has_no_difference(run: Own) -> None:
    network, split = run.context.network("init"), run.context.split(0)
    once, again = (run.measure().records(network, split) for _ in "12")
    assert {"loss", "score"} <= once.keys()
    assert all(torch.equal(once[column], again[column]) for column in once)


def test_arms_are_asked_the_same_whatever_they_answer(run: Own) -> None:
    """The arguments of every call of two networks, noise among them."""
    numbers = held_out(run.context.split(0))[:40]
    asked: list[list[Tensor]] = []
    for stream in ("init", "another"):
        network, seen = run.context.network(stream), list[Tensor]()
        network.register_forward_pre_hook(lambda _, args, seen=seen: seen.extend(args))
        run.measure().columns(network, numbers, recorded=True)
        asked.append(seen)
    assert len(asked[0]) == len(asked[1]) > 0
    assert all(torch.equal(one, other) for one, other in zip(*asked, strict=True))


def test_replicates_draw_other_noise(run: Own) -> None:
    if run.task.module.endswith("gpt_char"):
        pytest.skip("it draws nothing")
    network, numbers = run.context.network("init"), run.context.split(0).test[:40]
    measures = [replace(run.measure(), replicate=r) for r in (0, 1)]
    one, other = (each.columns(network, numbers, recorded=False)["loss"] for each in measures)
    assert not torch.equal(one, other)


def test_dense_has_to_beat_the_tasks_own_baseline(run: Own) -> None:
    """After six updates of a toy it does not: the gate says against what."""
    verdict = run.verdicts()["level-01/ticket/gate"]
    assert verdict.status == "INVALID" and verdict.baseline is not None
    assert f"of {run.metrics('level-00/dense/train').baseline}: nets that learned nothing" in verdict.reason
    records = run.tensors("level-00/dense/train", "records")
    of_test = records["baseline"][records["role"] == 2]
    assert verdict.baseline.score == pytest.approx(float(of_test.double().mean()), rel=1e-3)
    assert verdict.baseline.score < min(float(v) for v in verdict.dense_test_score if v is not None)


def test_int8_is_judged_on_the_noise_that_dense_was_given(run: Own) -> None:
    """A back-end that answers as dense does, in the place of one in int8, changes no score of a test example."""
    step = next(step for step in run.steps.values() if isinstance(step, Benchmark))
    same = Same()
    (once, *_) = _records(same, subject_of(step, run.context), 64, step, run.context)
    stored = {name: rows[0] for name, rows in run.tensors("level-00/dense/train", "records").items()}
    of_stored = stored["score"][stored["role"] == TEST]
    assert torch.allclose(of_test(once, "score"), of_stored, rtol=1e-5)


class Same:
    """Dense in fp32 under another name."""

    KIND = Kind(dense=True, precision="int8")

    def build(self, subject: Subject) -> Forward:
        return Forward(lambda inputs: outputs(call(subject.dense, inputs)))


def test_every_arm_draws_from_one_stream(run: Own) -> None:
    """Dense beside the ticket, and dense beside the control, are the same samples."""
    ticket, control = samples(run, "ticket"), samples(run, "reinit")
    assert [each.dense for each in ticket.samples] == [each.dense for each in control.samples]
    assert ticket.samples[0].candidate != control.samples[0].candidate
    kinds = {type(each.dense) for each in ticket.samples}
    assert kinds == ({str} if run.task.module.endswith("gpt_char") else {Picture})


def test_the_plateau_is_reckoned(run: Own) -> None:
    found = run.verdicts()["level-01/ticket/gate"].plateau
    scores = np.array(run.metrics("level-00/dense/train").validation_score)
    assert found is not None and (found.after, found.stop) == (4, 6)
    assert found.gain == pytest.approx(float((scores[:, 1] - scores[:, 2]).mean()))


def test_no_samples_leaves_none(tmp_path: Path) -> None:
    toy = {"options": OPTIONS["vae_digits"], "replicates": 5, "training": PLAIN, "samples": False} | {
        "pruning": {"rewind_to": 2}
    }
    run = Own(BUNDLED / "vae_digits.py", tmp_path, toy).go()
    assert "samples.json" not in run.ledger.manifest(run.steps["level-01/ticket/train"])["files"]
    assert "sample grid" not in run.report()


def test_a_pixel_is_binomial() -> None:
    shares = torch.arange(17.0)[:, None] / 16
    found = vae.nats(torch.full((17, 1), 0.3), shares, 16)
    expected = -binom.logpmf(np.arange(17), 16, 1 / (1 + math.exp(-0.3)))
    assert found.numpy() == pytest.approx(expected, abs=1e-4)


def test_more_codes_make_the_bound_tighter() -> None:
    torch.manual_seed(0)
    network, pixels = vae.Autoencoder(64, 16, 3), torch.rand(500, 64).mul(16).round() / 16
    nn.init.constant_(network.down[2].bias, 0.7)  # type: ignore[arg-type]
    assert vae.weighted(network, pixels, 16).mean() < vae.bound(network, pixels, 16).mean() - 0.1


def test_a_code_that_says_nothing_leaves_both_bounds_exact() -> None:
    network = vae.Autoencoder(64, 16, 3)
    for layer in (network.down[2], network.up[0]):
        nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    pixels = torch.rand(20, 64).round()
    exact = vae.nats(network(pixels)[0], pixels, 16)
    assert torch.allclose(vae.bound(network, pixels, 16), exact) and torch.allclose(
        vae.weighted(network, pixels, 16), exact, atol=1e-4
    )


def test_the_linear_denoiser_errs_as_theory_says() -> None:
    """The error along each axis of Gaussian images is the share of the noise that cannot be told from the image."""
    torch.manual_seed(0)
    deviations = torch.tensor([0.5, 0.1, 0.01])
    shares = 0.5 + 0.5 * deviations * torch.randn(20_000, 3)
    found = float(ddpm.baseline([shares])([shares]).mean())
    signal = ddpm.KEPT_S[:, None] * deviations**2
    assert found == pytest.approx(float((signal / (signal + 1 - ddpm.KEPT_S[:, None])).mean()), rel=0.02)


def knows(image: Tensor) -> Any:
    """The perfect denoiser of a data set of one image."""

    def noise(noisy: Tensor, step: Tensor) -> Tensor:
        kept = ddpm.KEPT_S[step, None]
        return (noisy - kept.sqrt() * image) / (1 - kept).sqrt()

    noise.shape = (1, 4, len(image) // 4)  # type: ignore[attr-defined]
    return noise


def test_all_steps_back_lead_to_the_image() -> None:
    image = torch.linspace(-1, 1, 16)
    drawn = ddpm.sample(knows(image), torch.Generator().manual_seed(0))
    assert all(torch.allclose(each.flatten(), (image + 1) / 2, atol=0.02) for each in drawn)


def test_the_bound_by_some_steps_has_the_mean_of_all() -> None:
    torch.manual_seed(0)
    network = ddpm.Denoiser(64, 16, 1)
    shares = torch.rand(4000, 64).mul(16).round() / 16
    images = ddpm.pixels(shares)
    weights = ddpm.BETAS_S**2 / (2 * ddpm.VARIANCES_S * ddpm.ALPHAS_S * (1 - ddpm.KEPT_S))
    with torch.no_grad():
        found = float(ddpm.bound(network, [shares], 17).mean())
        steps = (torch.full((len(images),), step) for step in range(1, ddpm.S))
        between = sum(float(weights[step[0]] * ddpm._error(network, images, step).mean()) for step in steps)
        ends = float(ddpm._first(network, images, 17).mean())
    assert found == pytest.approx(between + ends, rel=0.02)


def test_one_image_costs_nothing_but_its_last_level() -> None:
    """With a perfect denoiser the steps in between are free, and the nearest level is all but sure."""
    image = torch.tensor([0.0, 0.25, 0.5, 1.0])
    assert float(ddpm.bound(knows(ddpm.pixels(image)), [image.expand(50, 4)], 17).mean()) < 0.06


def test_the_trigram_model_is_that_of_counting() -> None:
    windows = torch.randint(3, (50, 8), generator=torch.Generator().manual_seed(0))
    found = gpt_char.baseline([windows])([windows[:2]])
    for row, nats in zip(windows[:2].tolist(), found.tolist(), strict=True):
        chances = [counted(windows.tolist(), row[max(0, at - 2) : at], row[at]) for at in range(1, 8)]
        assert nats == pytest.approx(-sum(map(math.log, chances)) / 7, rel=1e-5)


def counted(windows: list[list[int]], before: list[int] | None, token: int) -> float:
    """The chance of a token by how often it followed, and what followed shorter contexts."""
    if before is None:
        return 1 / len(gpt_char.VOCABULARY)
    shorter = counted(windows, before[1:] if before else None, token)
    n = len(before)
    followed = Counter(row[at + n] for row in windows for at in range(8 - n) if row[at : at + n] == before)
    return (followed[token] + 5 * shorter) / (followed.total() + 5)


def test_the_text_is_all_of_austen_and_split_by_novel(tmp_path: Path) -> None:
    splits = gpt_char.data(tmp_path)
    (windows,) = splits.examples.tensors  # type: ignore[attr-defined]
    assert splits.test is not None and splits.groups is not None
    assert windows.shape == (len(splits.groups), 65) and 0.045 < len(splits.test) / len(windows) < 0.05
    assert {splits.groups[n] for n in splits.test}.isdisjoint(splits.groups[: splits.test.start])
    opening = "".join(gpt_char.VOCABULARY[code] for code in windows[0])
    assert opening.startswith("EMMA\n\nBy Jane Austen")
    assert torch.equal(windows[0, -1], windows[1, 0])


def test_a_character_sees_none_that_come_later() -> None:
    torch.manual_seed(0)
    network = gpt_char.model(layers=1, width=16, heads=2)
    for block in network.blocks:
        nn.init.normal_(block.attended.weight)
    tokens = torch.randint(81, (1, 20))
    later = tokens.clone()
    later[0, 12:] = 5
    assert torch.equal(network(tokens)[0, :12], network(later)[0, :12])


def test_ddpm_mnist_is_the_same_on_larger_images() -> None:
    """Some images alone: to fit the linear denoiser to 59,000 of them takes long."""
    if (root := mnist_root()) is None:
        pytest.skip("MNIST is not here: put torchvision's copy into data/, or set TICKETSMITH_TEST_DATA")
    splits = ddpm_mnist.data(root)
    batch = [splits.examples[:40][0]]  # type: ignore[index]
    network = ddpm_mnist.model(width=16, blocks=1)
    columns = [ddpm_mnist.loss(network, batch), ddpm_mnist.score(network, batch)]
    columns += [ddpm_mnist.record(network, batch)["nats_per_pixel"], ddpm_mnist.baseline(batch)(batch)]
    assert batch[0].shape == (40, 784) and splits.test == range(60000, 70000)
    assert all(column.shape == (40,) and column.isfinite().all() for column in columns)
    assert ddpm_mnist.sample(network, torch.Generator().manual_seed(0))[0].shape == (1, 28, 28)


@pytest.mark.parametrize("module", [vae_digits, ddpm_digits])
def test_digits_are_shares_of_black(module: Any, tmp_path: Path) -> None:
    (shares,) = module.data(tmp_path).examples.tensors
    assert shares.shape == (1797, 64) and {*(shares * 16).unique().tolist()} == {*range(17)}


SMALLER = [vae_digits, vae_mnist, ddpm_digits, ddpm_mnist, gpt_char]


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.4])
@pytest.mark.parametrize("task", SMALLER, ids=lambda task: task.__name__.rpartition(".")[2])
def test_a_smaller_network_has_about_the_weights_asked_for(task: Any, share: float) -> None:
    asked = round(share * sum(prunable(task.model()).values()))
    assert sum(prunable(task.model(**task.smaller(asked))).values()) == pytest.approx(asked, rel=FAR)
