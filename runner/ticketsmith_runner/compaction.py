"""Exact compaction of a chain of Linear and ReLU: remove what a mask has cut off, fold what it has made constant.

O: units of a layer.  I: its inputs.  B: examples.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from .backends import NotApplicable


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """One Linear, and the ReLU after it if there is one."""

    weight_OI: Tensor
    alive_OI: Tensor
    """Which weights the mask keeps. Values decide nothing: a survivor may be zero."""
    bias_O: Tensor
    relu: bool

    def constants_O(self) -> Tensor:
        """What units put out that read nothing."""
        return self.bias_O.relu() if self.relu else self.bias_O

    def with_units(self, kept_O: Tensor) -> "Layer":
        return replace(
            self, weight_OI=self.weight_OI[kept_O], alive_OI=self.alive_OI[kept_O], bias_O=self.bias_O[kept_O]
        )

    def with_inputs(self, kept_I: Tensor) -> "Layer":
        return replace(self, weight_OI=self.weight_OI[:, kept_I], alive_OI=self.alive_OI[:, kept_I])


class Select(nn.Module):
    """Keep some of the inputs, (B, I) -> (B, kept)."""

    def __init__(self, kept_I: Tensor) -> None:
        super().__init__()
        self.indices: Tensor
        self.register_buffer("indices", kept_I.nonzero().flatten())

    def forward(self, inputs_BI: Tensor) -> Tensor:
        return inputs_BI.index_select(-1, self.indices)


class Constant(nn.Module):
    """One answer to every input, (B, I) -> (B, O): what is left where no path leads from input to output."""

    def __init__(self, values_O: Tensor) -> None:
        super().__init__()
        self.values: Tensor
        self.register_buffer("values", values_O)

    def forward(self, inputs_BI: Tensor) -> Tensor:
        return self.values.repeat(*inputs_BI.shape[:-1], 1)


def compact(network: nn.Module, masks: Mapping[str, Tensor]) -> nn.Module:
    """A smaller network with the outputs of `network` under `masks` (weight name -> bool), for inference.

    Exact up to the order of summation. Raises NotApplicable unless the network is nn.Sequential of Flatten (first
    only), Linear and ReLU; the reason names the module.
    """
    if type(network) is not nn.Sequential:
        raise NotApplicable(f"the network is a {type(network).__name__}, not an nn.Sequential")
    layers = _without_unread(_without_constants(_layers(network, masks)))
    head = [nn.Flatten()] if isinstance(network[0], nn.Flatten) else []
    return nn.Sequential(*head, *_modules(layers)).eval()


def _layers(network: nn.Sequential, masks: Mapping[str, Tensor]) -> list[Layer]:
    layers: list[Layer] = []
    for position, (name, module) in enumerate(network.named_children()):
        # Subclasses and parametrised modules may compute something else.
        if type(module) is nn.Linear:
            layers.append(_layer(module, masks.get(f"{name}.weight")))
        elif type(module) is nn.ReLU and layers:
            layers[-1] = replace(layers[-1], relu=True)
        elif type(module) is not nn.Flatten or position or (module.start_dim, module.end_dim) != (1, -1):
            raise NotApplicable(f"module {name!r} ({module}) does not fit a chain of Flatten, Linear, ReLU")
    if not layers:
        raise NotApplicable("the network has no Linear")
    return layers


def _layer(linear: nn.Linear, mask_OI: Tensor | None) -> Layer:
    weight_OI = linear.weight.detach()
    alive_OI = torch.ones_like(weight_OI, dtype=torch.bool) if mask_OI is None else mask_OI
    bias_O = weight_OI.new_zeros(len(weight_OI)) if linear.bias is None else linear.bias.detach().clone()
    return Layer(weight_OI=weight_OI.where(alive_OI, 0.0), alive_OI=alive_OI, bias_O=bias_O, relu=False)


def _without_constants(layers: list[Layer]) -> list[Layer]:
    """Fold hidden units that read nothing into the next bias. Front to back: a fold may starve the next layer."""
    done = [layers[0]]
    for after in layers[1:]:
        layer = done.pop()
        reads_O = layer.alive_OI.any(1)
        folded_O = after.weight_OI[:, ~reads_O].double() @ layer.constants_O()[~reads_O].double()
        bias_O = (after.bias_O.double() + folded_O).to(after.bias_O.dtype)
        done += [layer.with_units(reads_O), replace(after, bias_O=bias_O).with_inputs(reads_O)]
    return done


def _without_unread(layers: list[Layer]) -> list[Layer]:
    """Drop hidden units that nothing reads. Back to front: a drop may leave the layer before unread.

    No unit starves by it, since only units are dropped that fed nobody: with this the fix point is reached.
    """
    done = [layers[-1]]
    for layer in reversed(layers[:-1]):
        read_I = done[0].alive_OI.any(0)
        done[:1] = [layer.with_units(read_I), done[0].with_inputs(read_I)]
    return done


def _modules(layers: list[Layer]) -> list[nn.Module]:
    read_I = layers[0].alive_OI.any(0)
    if not read_I.any():  # then nothing reaches the output
        return [Constant(layers[-1].constants_O())]
    modules: list[nn.Module] = [] if read_I.all() else [Select(read_I)]
    for layer in (layers[0].with_inputs(read_I), *layers[1:]):
        modules += [_linear(layer), nn.ReLU()] if layer.relu else [_linear(layer)]
    return modules


def _linear(layer: Layer) -> nn.Linear:
    units, inputs = layer.weight_OI.shape
    linear = nn.Linear(inputs, units, device="meta")  # no storage, no draw: both tensors are put in
    linear.weight = nn.Parameter(layer.weight_OI.contiguous(), requires_grad=False)
    linear.bias = nn.Parameter(layer.bias_O, requires_grad=False)
    return linear
