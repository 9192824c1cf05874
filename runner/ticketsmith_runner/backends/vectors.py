"""The ticket one sample at a time (AVX-512), where its weights are vectors of 16 units of one input."""

from ticketsmith_runtime.kernels.vectors import FULL, fill

from ..subject import Subject
from . import Forward, Kind, NotApplicable
from .ticket import single

KIND = Kind()


def build(subject: Subject) -> Forward:
    """The compacted ticket. Raises NotApplicable."""
    if (share := fill(subject.compacted.layers())) < FULL:
        raise NotApplicable(f"its weights are no vectors of 16: they would fill {share:.0%} of the lanes")
    return single(subject.compacted, "vectors")
