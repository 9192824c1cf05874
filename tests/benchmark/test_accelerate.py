"""Networks of torch with a ticket's layers in sparse code."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v3_small

from ticketsmith_runner.lowering import network
from ticketsmith_runner.packing import _found
from ticketsmith_runtime import load
from ticketsmith_runtime.graph import Graph
from ticketsmith_runtime.package import BadPackage, Ticket, write
from ticketsmith_runtime.torch import accelerate, layers
from ticketsmith_runtime.verification import verify

from ..runtime.machines import WITH_AVX2, WITH_NEITHER


def ticket(make, inputs, path):
    """A network under masks, packed."""
    torch.manual_seed(0)
    module = make().eval().requires_grad_(False)
    masks = {name: torch.rand(w.shape) < 0.2 for name, w in module.named_parameters() if w.dim() > 1}
    for name, mask in masks.items():
        module.get_parameter(name).mul_(mask)
    write(path, Ticket(graph=network(module, masks, inputs)))
    return module


class Looks(nn.Module):
    """Attention of torch's own, a tied head, and a forward pass that asks layers for their weight."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 16)
        self.body = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.head = nn.Linear(16, 11, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("scale", torch.tensor(2.0), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        return (
            self.head(self.body(self.embed(tokens) * self.scale + torch.tensor([1.0, 2.0] * 8)))
            * self.head.weight.abs().mean()
        )


@pytest.mark.parametrize("machine", [None, WITH_AVX2, WITH_NEITHER], ids=["here", "avx2", "neither"])
def test_a_network_of_torchvision_answers_as_its_ticket(tmp_path, machine):
    x = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    reference = ticket(mobilenet_v3_small, x, tmp_path / "a")

    model = accelerate(mobilenet_v3_small(), tmp_path / "a", machine)

    np.testing.assert_allclose(model(x), reference(x), atol=1e-5)
    assert len(list(layers(model))) == (0 if machine is WITH_NEITHER else 54)
    assert not any(weight.requires_grad for weight in model.parameters())


def test_a_network_that_looks_into_its_layers(tmp_path):
    tokens = torch.randint(0, 11, (3, 6), generator=torch.Generator().manual_seed(0))
    reference = ticket(Looks, tokens, tmp_path / "a")

    model = accelerate(Looks(), tmp_path / "a")

    with torch.no_grad():
        np.testing.assert_allclose(model(tokens), reference(tokens), atol=1e-5)
    assert "head" in list(layers(model))
    assert model.head.weight.data_ptr() == model.embed.weight.data_ptr()


def test_doubles_and_half_floats_are_left_to_torch(tmp_path):
    make = lambda: nn.Sequential(nn.Linear(8, 8), nn.GELU(approximate="tanh"), nn.Linear(8, 2))  # noqa: E731
    reference = ticket(make, torch.randn(3, 8), tmp_path / "a")
    model = accelerate(make(), tmp_path / "a")

    x = torch.randn(4, 8, requires_grad=True)
    torch.testing.assert_close(model(x), reference(x))
    torch.testing.assert_close(model.double()(x.double()), reference.double()(x.double()))


def test_another_network_is_refused_unchanged(tmp_path):
    ticket(lambda: nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2)), torch.randn(3, 8), tmp_path / "a")
    other = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
    before = other[0].weight.clone()

    with pytest.raises(ValueError, match=r"another network: this one has no 2\.weight, 2\.bias"):
        accelerate(other, tmp_path / "a")
    assert torch.equal(other[0].weight, before)


class Inverts(nn.Module):
    """An operator that the runtime has not, and buffers of other types."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(16, 16), nn.Linear(16, 3)
        self.register_buffer("bytes", torch.arange(3, dtype=torch.uint8))

    def forward(self, x: Tensor) -> Tensor:
        square = self.first(x).view(-1, 4, 4) + 8 * torch.eye(4)
        return self.last(torch.linalg.inv(square).flatten(1)) + self.bytes


def test_a_network_that_cannot_be_traced_is_packed_for_torch(tmp_path, subject_for, capsys):
    torch.manual_seed(0)
    module, x = Inverts().eval().requires_grad_(False), torch.randn(5, 16)
    masks = {name: torch.rand(w.shape) < 0.2 for name, w in module.named_parameters() if w.dim() > 1}
    for name, mask in masks.items():
        module.get_parameter(name).mul_(mask)

    write(tmp_path / "a", Ticket(graph=_found(subject_for(module, module, masks, x))))
    model = accelerate(Inverts(), tmp_path / "a")

    assert "weights alone are packed" in capsys.readouterr().err and model.bytes.dtype == torch.uint8
    np.testing.assert_allclose(model(x), module(x), atol=1e-5)
    assert set(layers(model)) == {"first", "last"}
    alone = load(tmp_path / "a")
    assert "accelerate" in alone.explain() and verify(alone) == {} and alone.programs == []
    with pytest.raises(ValueError, match="weights alone"):
        alone(x.numpy())


def test_a_graph_of_convolutions_is_loaded_instead(chain_ticket):
    with pytest.raises(ValueError, match="`load` runs whole"):
        accelerate(nn.Linear(2, 2), chain_ticket)


def test_what_is_no_package_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"no zip")
    with pytest.raises(BadPackage):
        accelerate(nn.Linear(2, 2), tmp_path / "a")


@pytest.fixture
def chain_ticket(tmp_path):
    from ticketsmith_runtime.chain import Layer

    weight = np.eye(2, dtype=np.float32)
    layer = Layer(weight_OI=weight, alive_OI=weight > 0, bias_O=np.zeros(2, np.float32), relu=False)
    write(tmp_path / "chain", Ticket(graph=Graph.chain([layer])))
    return tmp_path / "chain"
