"""A network out of torch and, compacted, back into it. The exact passes are the ticket runtime's."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, gelu, linear, max_pool2d, relu

from ticketsmith_runtime import chain
from ticketsmith_runtime.chain import Layer, reads
from ticketsmith_runtime.graph import Conv, Graph, Pool

from .applicable import NotApplicable


class Select(nn.Module):
    """Keep some of the inputs, (B, I) -> (B, kept)."""

    def __init__(self, kept_I: Tensor) -> None:
        super().__init__()
        self.indices: Tensor
        self.register_buffer("indices", kept_I.nonzero().flatten())

    def forward(self, inputs_BI: Tensor) -> Tensor:
        return inputs_BI.index_select(-1, self.indices)


class Network(nn.Module):
    """A graph in torch's dense kernels, for inference: (B, *inputs) -> (B, outputs). Images in channels_last."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph, shapes = graph, graph.shapes()
        self.whole = [isinstance(node, Conv) and node.whole(n, shapes[n]) for n, node in enumerate(graph.nodes)]
        for n, node in enumerate(graph.nodes):
            if isinstance(node, Conv):
                weight, x = torch.from_numpy(node.layer.weight_OI).contiguous(), shapes[node.reads]
                if not self.whole[n]:
                    weight = weight.reshape(-1, x.channels, *node.kernel).contiguous(memory_format=torch.channels_last)
                self.register_buffer(f"weight{n}", weight)
                self.register_buffer(f"bias{n}", torch.from_numpy(node.layer.bias_O))

    def forward(self, inputs: Tensor) -> Tensor:
        plane = inputs.reshape(len(inputs), *self.graph.inputs)
        values = [plane.contiguous(memory_format=torch.channels_last)]
        for n, node in enumerate(self.graph.nodes):
            if isinstance(node, Pool):
                pool = max_pool2d if node.kind == "max" else avg_pool2d
                values.append(pool(values[node.reads], node.size, node.stride))
            else:
                values.append(self.convolved(n, node, values))
        return values[-1].flatten(1)

    def convolved(self, n: int, node: Conv, values: list[Tensor]) -> Tensor:
        """The sum, what is added, the ReLU."""
        weight, bias, x = self.get_buffer(f"weight{n}"), self.get_buffer(f"bias{n}"), values[node.reads]
        if self.whole[n]:
            sums = linear(x.flatten(1), weight, bias)[:, :, None, None]
        else:
            sums = conv2d(x, weight, bias, node.stride, node.padding)
        if node.adds is not None:
            sums = sums.add_(values[node.adds])
        if node.layer.gelu:
            return gelu(sums)
        return relu(sums, inplace=True) if node.layer.relu else sums


def compact(network: nn.Module, masks: Mapping[str, Tensor]) -> nn.Module:
    """A smaller network with the outputs of `network` under `masks` (weight name -> bool), for inference.

    Exact up to the order of summation. Raises NotApplicable as `layers` does.
    """
    first, *rest = chain.compact(layers(network, masks))
    read_I = reads(first)
    modules: list[nn.Module] = [nn.Flatten()]
    if not read_I.all():
        modules.append(Select(torch.from_numpy(read_I)))
    for layer in (first.with_inputs(read_I), *rest):
        modules += [_linear(layer), *([nn.ReLU()] * layer.relu), *([nn.GELU()] * layer.gelu)]
    return nn.Sequential(*modules).eval()


def layers(network: nn.Module, masks: Mapping[str, Tensor]) -> list[Layer]:
    """The network as a chain of layers. Weights outside the masks (weight name -> bool) become zero.

    Raises NotApplicable, naming the module, unless it is nn.Sequential of Flatten (first only), Linear, ReLU and GELU.
    """
    if type(network) is not nn.Sequential:
        raise NotApplicable(f"the network is a {type(network).__name__}, not an nn.Sequential")
    linears: list[Layer] = []
    for position, (name, module) in enumerate(network.named_children()):
        # Subclasses and parametrised modules may compute something else.
        if type(module) is nn.Linear:
            linears.append(layer(module, masks.get(f"{name}.weight")))
        elif type(module) is nn.ReLU and linears:
            linears[-1] = replace(linears[-1], relu=True)
        elif type(module) is nn.GELU and linears and module.approximate == "none":
            linears[-1] = replace(linears[-1], gelu=True)
        elif type(module) is not nn.Flatten or position or (module.start_dim, module.end_dim) != (1, -1):
            raise NotApplicable(f"module {name!r} ({module}) does not fit a chain of Flatten, Linear, ReLU")
    if not linears:
        raise NotApplicable("the network has no Linear")
    return linears


def layer(module: nn.Linear | nn.Conv2d, mask: Tensor | None) -> Layer:
    """Without its ReLU. Of a convolution, inputs are its channels, kernel rows and columns. `mask`: like the weight."""
    weight_OI = module.weight.detach().flatten(1)
    alive_OI = torch.ones_like(weight_OI, dtype=torch.bool) if mask is None else mask.flatten(1)
    bias_O = weight_OI.new_zeros(len(weight_OI)) if module.bias is None else module.bias.detach().clone()
    return Layer(
        weight_OI=weight_OI.where(alive_OI, 0.0).numpy(), alive_OI=alive_OI.numpy(), bias_O=bias_O.numpy(), relu=False
    )


def _linear(layer: Layer) -> nn.Linear:
    units, inputs = layer.weight_OI.shape
    # No storage, no draw: both tensors are put in. Of a layer without inputs torch would complain.
    linear = nn.Linear(max(inputs, 1), units, device="meta")
    linear.in_features = inputs
    linear.weight = nn.Parameter(torch.from_numpy(layer.weight_OI).contiguous(), requires_grad=False)
    linear.bias = nn.Parameter(torch.from_numpy(layer.bias_O), requires_grad=False)
    return linear
