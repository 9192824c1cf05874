"""The network of a spec: how it is built, drawn, and which of its parameters may be pruned."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ticketsmith.lottery.spec import Model
from ticketsmith.lottery.task import Task
from ticketsmith.names import load

PRUNABLE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def build(model: Model, task: Task) -> nn.Module:
    """The untrained network, its values without meaning: load a state before use."""
    with torch.random.fork_rng(devices=[]):  # torch draws values for it; nobody else's stream may notice
        network = load("ticketsmith_runner.models", model.name).build(task.shape, task.classes, model.hidden)
    assert isinstance(network, nn.Module)
    return network


def prunable(network: nn.Module) -> dict[str, int]:
    """Weights per prunable layer, in the order of the network; the last is the output layer. No biases, no norms.

    A weight that several layers share counts once, under its first name.
    """
    weights = {id(module.weight) for module in network.modules() if isinstance(module, PRUNABLE)}
    return {name: weight.numel() for name, weight in network.named_parameters() if id(weight) in weights}


def state(network: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers: copies on the CPU. What is shared stands under its first name alone."""
    return {name: value.detach().to("cpu", copy=True) for name, value in _named(network).items()}


def restore(network: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Put a state back. Raises KeyError if it is not that of such a network."""
    if values.keys() != _named(network).keys():
        raise KeyError(
            f"the state has other tensors than the network: {sorted(values.keys() ^ _named(network).keys())}"
        )
    network.load_state_dict(values, strict=False)


def _named(network: nn.Module) -> dict[str, Tensor]:
    first: dict[int, str] = {}
    whole = network.state_dict(keep_vars=True)
    for name, value in whole.items():
        first.setdefault(id(value), name)
    return {name: whole[name] for name in first.values()}


def draw(network: nn.Module, generator: torch.Generator) -> dict[str, Tensor]:
    """A fresh state from one stream: Glorot-normal weights, zero biases, identity norms (LTH paper, appendix G)."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, PRUNABLE):
                nn.init.xavier_normal_(module.weight, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
            elif reset := getattr(module, "reset_parameters", None):
                reset()  # norms: ones and zeros, no randomness
    return state(network)
