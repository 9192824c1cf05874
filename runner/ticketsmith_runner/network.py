"""The state of a network, and which of its parameters may be pruned."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

LAYERS = (
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    nn.MultiheadAttention,
)
"""Modules whose matrices may be pruned."""


def prunable(network: nn.Module, names: Sequence[str] | None = None) -> dict[str, int]:
    """Weights per prunable parameter, in the order of the network; the last is the output layer. No biases, no norms.

    A weight that several layers share counts once, under its first name. What is frozen, and what an embedding reads
    as a table, is left out; with `names`, those alone. Raises KeyError for a name that is none.
    """
    parameters = dict(network.named_parameters())
    if names is not None:
        every = dict(network.named_parameters(remove_duplicate=False))
        if unknown := sorted({*names} - {*every}):
            raise KeyError(unknown[0])
        chosen = {id(every[name]) for name in names}
        return {name: weight.numel() for name, weight in parameters.items() if id(weight) in chosen}
    tables = {id(module.weight) for module in network.modules() if isinstance(module, nn.Embedding | nn.EmbeddingBag)}
    weights = {id(weight) for module in network.modules() if isinstance(module, LAYERS) for weight in matrices(module)}
    return {
        name: weight.numel()
        for name, weight in parameters.items()
        if id(weight) in weights - tables and weight.requires_grad
    }


def matrices(module: nn.Module) -> list[Tensor]:
    """The parameters of one layer that multiply its inputs."""
    names = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
    held = names if isinstance(module, nn.MultiheadAttention) else ("weight",)
    return [weight for name in held if isinstance(weight := getattr(module, name, None), Tensor)]


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


def aliases(network: nn.Module) -> dict[str, list[str]]:
    """Every name of each tensor of the state, by the first."""
    names: dict[int, list[str]] = {}
    for name, value in network.state_dict(keep_vars=True).items():
        names.setdefault(id(value), []).append(name)
    return {shared[0]: shared for shared in names.values()}


def _named(network: nn.Module) -> dict[str, Tensor]:
    whole = network.state_dict(keep_vars=True)
    return {name: whole[name] for name in aliases(network)}
