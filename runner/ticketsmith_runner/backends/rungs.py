"""The rungs of the ladder beside dense and ticket: their networks by the dense fp32 back-ends, in the same rounds.

How long a dense network takes does not depend on its values, so that none has to be trained for it: a rung whose
training was lost holds no benchmark up.
"""

from collections.abc import Mapping, Sequence

from ticketsmith.lottery.results import Ratio, RungSpeed, SpeedRow

from ..subject import Subject
from ..timing import Rounds, percentiles, ratio
from . import Backend, Forward
from .admission import admit

BETWEEN = "/"
"""Stands between a rung and its back-end; no name has it."""


def admitted(
    rungs: Mapping[str, Subject], backends: Mapping[str, Backend], batch_sizes: Sequence[int]
) -> dict[str, Forward]:
    """The forward passes of each rung by `rung/back-end`: of the baselines among the back-ends, if they are right."""
    baselines = {name: backend for name, backend in backends.items() if backend.KIND.baseline}
    return {
        f"{rung}{BETWEEN}{name}": forward
        for rung, subject in rungs.items()
        for name, forward in admit(baselines, subject, batch_sizes).forwards.items()
    }


def rung_in(name: str) -> str:
    """The rung in a name that `admitted` gave.

    >>> rung_in("double/openvino")
    'double'
    """
    return name.partition(BETWEEN)[0]


def rung_speeds(
    chosen: SpeedRow, dense: str, latencies: Mapping[str, Sequence[Rounds]], weights: Mapping[str, int]
) -> list[RungSpeed]:
    """Each rung by its fastest back-end, in the batch of what was chosen for the ticket; `dense` is the best one."""
    speeds = []
    for rung, count in weights.items():
        timed = {name: rounds for name, rounds in latencies.items() if BETWEEN in name and rung_in(name) == rung}
        if not timed:
            continue
        best = min(timed, key=lambda name: percentiles(timed[name])[0])
        p50, p95, _ = percentiles(timed[best])
        speeds.append(
            RungSpeed(
                rung=rung,
                weights=count,
                backend=best.partition(BETWEEN)[2],
                batch_size=chosen.batch_size,
                p50=p50,
                p95=p95,
                throughput=chosen.batch_size / p50,
                dense=_over(dense, latencies, best),
                ticket=_over(chosen.backend, latencies, best),
            )
        )
    return speeds


def _over(to: str, latencies: Mapping[str, Sequence[Rounds]], best: str) -> Ratio:
    middle, low, high = ratio(latencies[to], latencies[best])
    return Ratio(to=to, ratio=middle, low=low, high=high)
