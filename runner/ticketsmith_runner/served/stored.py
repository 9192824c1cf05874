"""Bytes of an arm's weights as they are stored: of a network, of a model in int8, of a package."""

from torch import nn

from ticketsmith_runtime import graph_form, network_form
from ticketsmith_runtime.graph import Graph
from ticketsmith_runtime.network import Network

from ..applicable import NotApplicable
from ..subject import Subject
from .ways import DENSE_INT8, TICKET, TICKET_INT8

MODELS = {"onnxruntime-dynamic": ("dynamic",), "onnxruntime-static": ("static",), "openvino-int8": ("nncf.weights",)}
"""The names under which a back-end keeps its model in int8."""


def stored(arm: str, backend: str, subject: Subject) -> int | None:
    """Bytes, or None where an arm's model is not at hand."""
    try:
        if arm == TICKET:
            return packed(_traced(subject))
        if arm == TICKET_INT8:
            return packed(subject.in_int8)
    except NotApplicable:
        return None
    if arm != DENSE_INT8:
        return whole(subject.dense)
    return sum(len(subject.quantized.get(name, b"")) for name in MODELS.get(backend, ())) or None


def whole(network: nn.Module) -> int:
    """Parameters and buffers, each once."""
    kept = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    return sum(tensor.numel() * tensor.element_size() for tensor in kept.values())


def packed(traced: Graph | Network) -> int:
    """Tensors of a package: values under masks, and the masks."""
    tensors = graph_form.tensors(traced) if isinstance(traced, Graph) else network_form.tensors(traced)
    return sum(tensor.nbytes for tensor in tensors.values())


def _traced(subject: Subject) -> Graph | Network:
    try:
        return subject.graph
    except NotApplicable:
        return subject.network
