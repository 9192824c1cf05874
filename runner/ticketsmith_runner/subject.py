"""A dense network and its ticket as back-ends want them, each form made once."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from torch import Tensor, nn

from ticketsmith_runtime import channels
from ticketsmith_runtime.graph import Graph
from ticketsmith_runtime.int8.quantization import PLAIN, Scheme, quantized
from ticketsmith_runtime.network import Network

from . import compaction, lowering, tracing
from .applicable import NotApplicable, Once
from .exporting import Models, exporter
from .inputs import Inputs, floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Networks:
    """One replicate: its dense network, its ticket, and the masks. Both networks are in eval mode."""

    replicate: int
    """Number over all cohorts."""
    dense: nn.Module
    masked: nn.Module
    masks: dict[str, Tensor]
    """Weight name -> bool, like the weight."""

    @property
    def sparsity(self) -> float:
        """Removed share of the prunable weights, from the mask."""
        kept = sum(int(mask.sum()) for mask in self.masks.values())
        return 1 - kept / sum(mask.numel() for mask in self.masks.values())


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject(Networks):
    """The networks that are measured and packed, with examples that they were not trained on.

    A form that a network has not raises NotApplicable, each time for the same reason.
    """

    inputs: Inputs
    calibration: Inputs | None = None
    """Examples that the ranges of int8 are taken from, which are none of `inputs`. None: there are no others."""
    quantized: dict[str, bytes] = field(default_factory=dict)
    """Models in int8 that were made for all batch sizes, by name: to make one takes seconds."""
    alike: "Subject | None" = None
    """Another replicate, whose export, and whose trace, serves for this one too."""
    export: Models | None = None
    """The export of the dense network, where another process has made it."""
    operators: Network | None = None
    """The ticket operator by operator, where it was traced before."""
    scheme: Scheme = PLAIN
    """The layers that a ticket in int8 leaves in fp32, and its ranges."""

    @Once
    def graph(self) -> Graph:
        """The ticket, as the ticket runtime takes it."""
        return tracing.graph(self.masked, self.masks, floats(self.inputs).shape[1:])

    @Once
    def network(self) -> Network:
        """The ticket, operator by operator, whatever its forward pass is."""
        if self.operators:
            return self.operators
        if self.alike:
            return lowering.refilled(self.alike.network, self.masked, self.masks)
        return lowering.network(self.masked, self.masks, self.inputs)

    @Once
    def in_int8(self) -> Network:
        """The ticket in int8."""
        return quantized(self.network, self.scheme)

    @Once
    def dense_network(self) -> Network:
        """The dense network, operator by operator."""
        return lowering.refilled(self.network, self.dense, {})

    @Once
    def dense_in_int8(self) -> Network:
        """The dense network in int8, whole."""
        return quantized(self.dense_network)

    def with_scheme(self, scheme: Scheme) -> "Subject":
        """The same, of which nothing but the trace has been made. Raises NotApplicable."""
        return replace(self, operators=self.network, scheme=scheme)

    @Once
    def compacted(self) -> Graph:
        """The ticket's graph without what no surviving weight reads or feeds."""
        return channels.compact(self.graph)

    @Once
    def compact(self) -> nn.Module:
        """The same for dense kernels of torch."""
        floats(self.inputs)
        try:
            return compaction.compact(self.masked, self.masks)
        except NotApplicable:
            return compaction.Network(self.compacted).eval()

    @Once
    def dense_graph(self) -> Graph:
        """The dense network, as the ticket runtime takes it."""
        return tracing.graph(self.dense, {}, floats(self.inputs).shape[1:])

    @Once
    def models(self) -> Models:
        """The dense network for other runtimes, by torch's exporter."""
        return self.export or self.exporter(self.dense)

    @Once
    def exporter(self) -> Callable[[nn.Module], Models]:
        """An exporter of this network, with these weights or others."""
        return self.alike.exporter if self.alike else exporter(self.dense, self.inputs)
