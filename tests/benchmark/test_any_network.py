"""Networks that are no chain of convolutions: colours, tokens, noise. Nothing fails, and each refusal says why."""

import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

from ticketsmith.lottery.results import Speed
from ticketsmith.lottery.spec import BenchmarkOptions
from ticketsmith_runner.backends import every
from ticketsmith_runner.inputs import Inputs
from ticketsmith_runner.steps.benchmark import benchmark

from .test_backends import COARSE

OPTIONS = BenchmarkOptions(batch_sizes=(1, 3), rounds=2, seconds=1e-4)
OURS = {"codegen", "compact", "compact-onnxruntime", "datadriven", "mixed", "own-dense", "pell", "vectors", "windows"}
EAGER = {"pytorch", "masked"}
EXPORTED = {"onnxruntime", "openvino"}
OPERATORS = {"operators", "runtime-int8", "ticket-int8"}
"""The back-ends of any network."""
INT8 = {"onnxruntime-dynamic", "onnxruntime-static", "openvino-int8"}


class Encoder(nn.Module):
    """Token ids and which of them count, as a record of logits and a state. Labels come along and are not read."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, 0.1, batch_first=True)
        self.body, self.head = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False), nn.Linear(16, 11)

    def forward(self, ids: Tensor, labels: Tensor, padding: Tensor) -> dict[str, Tensor | None]:
        state = self.body(self.embed(ids), src_key_padding_mask=padding)
        return {"loss": None, "logits": self.head(state), "state": state}


class VAE(nn.Module):
    """Its noise comes from torch's stream, in inference too."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(16, 8), nn.Linear(4, 16)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, spread = self.down(images).relu().chunk(2, 1)
        return self.up(mean + torch.randn_like(mean) * spread.exp()), mean, spread


def _padding() -> Tensor:
    return torch.arange(6) >= torch.tensor([[6], [4], [5], [6], [2], [6], [3]])


@pytest.fixture
def measured(subject_for: Callable[..., object]) -> Callable[[Callable[[], nn.Module], Inputs], Speed]:
    def speed(make: Callable[[], nn.Module], inputs: Inputs) -> Speed:
        torch.manual_seed(0)
        dense, masked = (make().requires_grad_(False).eval() for _ in range(2))
        masks = {name: torch.rand(w.shape) < 0.5 for name, w in masked.named_parameters() if w.dim() > 1}
        for name, mask in masks.items():
            masked.get_parameter(name).mul_(mask)
        backends = {name: backend for name, backend in every().items() if name != "compiled" and "cuda" not in name}
        return benchmark(subject_for(dense, masked, masks, inputs), OPTIONS, backends, time.perf_counter)

    return speed


def _timed(speed: Speed) -> set[str]:
    return {row.backend for row in speed.rows} - {"openvino-bf16"}


def _reasons(speed: Speed) -> dict[str, str]:
    return {
        refusal.backend: refusal.reason
        for refusal in speed.refused
        if refusal.backend not in COARSE | {"openvino-bf16"}
    }


def test_a_colour_network(measured):
    speed = measured(lambda: ResNet(BasicBlock, [1, 1, 1, 1], num_classes=2), torch.randn(5, 3, 64, 64))

    assert _timed(speed) | COARSE == EAGER | EXPORTED | INT8 | OPERATORS
    assert _reasons(speed).keys() == OURS | {"pell19"}
    assert all("pools with padding" in reason for reason in _reasons(speed).values())
    assert speed.chosen in {"pytorch", *EXPORTED, *OPERATORS}


def test_tokens_by_name(measured):
    torch.manual_seed(2)  # the ranges of seven examples do for these: for others, static int8 may be refused
    ids = torch.randint(0, 11, (7, 6))

    speed = measured(Encoder, {"ids": ids, "labels": ids, "padding": _padding()})

    assert _timed(speed) | COARSE == EAGER | EXPORTED | INT8 | OPERATORS
    assert set(_reasons(speed).values()) == {
        "the ticket runtime takes one tensor of floats; this network reads 3 inputs by name"
    }
    assert speed.chosen in {"pytorch", *EXPORTED, *OPERATORS}


def test_noise_is_the_same_for_all_that_draw_it_from_torch(measured):
    speed = measured(VAE, torch.rand(7, 16))

    assert _timed(speed) == EAGER
    assert all("draws random numbers" in _reasons(speed)[name] for name in (EXPORTED | INT8) - COARSE)
    assert (speed.chosen, speed.max_abs_difference["masked"]) == ("pytorch", 0)


def test_one_tensor_of_tokens_is_named(measured):
    speed = measured(
        lambda: nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(12, 2)), torch.randint(0, 5, (7, 3))
    )

    assert _timed(speed) | COARSE == EAGER | EXPORTED | INT8 | OPERATORS
    assert set(_reasons(speed).values()) == {"the ticket runtime takes one tensor of floats; this network reads tokens"}
