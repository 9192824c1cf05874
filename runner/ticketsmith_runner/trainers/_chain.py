"""Networks that the trainers for chains of Linear and ReLU can train."""

from torch import nn


def linears(network: nn.Module) -> dict[str, nn.Linear] | None:
    """The Linear layers of `Flatten, Linear, ReLU, ..., Linear` by name, in order; None for any other network."""
    if not isinstance(network, nn.Sequential) or len({id(child) for child in network}) < len(network):
        return None
    kinds = [type(child) for child in network]
    body = kinds[1:] if kinds[:1] == [nn.Flatten] else kinds
    if len(body) % 2 == 0 or any(kind is not (nn.ReLU if i % 2 else nn.Linear) for i, kind in enumerate(body)):
        return None
    layers = {name: module for name, module in network.named_children() if isinstance(module, nn.Linear)}
    return layers if all(layer.bias is not None for layer in layers.values()) else None


def refuses(network: nn.Module) -> str | None:
    """The reason why a network is not trained as a chain, or None."""
    return None if linears(network) else "not a chain of Linear layers with biases and ReLU between them"
