"""The network of a spec: how it is built, drawn, and which of its parameters may be pruned."""

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
    """Weights per prunable layer, in the order of the network; the last is the output layer. No biases, no norms."""
    return {
        f"{name}.weight": module.weight.numel()
        for name, module in network.named_modules()
        if isinstance(module, PRUNABLE)
    }


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
    return {name: value.clone() for name, value in network.state_dict().items()}
