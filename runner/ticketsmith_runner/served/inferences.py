"""Forward passes, from the latencies that a benchmark has: nothing is timed again."""

from collections.abc import Mapping, Sequence

from ticketsmith.lottery.results import Served

from ..backends import Forward
from ..backends.shares import Latencies
from ..subject import Subject
from ..timing import percentiles
from .stored import stored
from .ways import Way, energy, fastest, repeated, rows


def inferences(
    size: int,
    latencies: Sequence[Latencies],
    arms: Mapping[str, str],
    forwards: Mapping[str, Forward],
    subjects: Mapping[str, Subject],
    joules: Sequence[Mapping[str, float]] = (),
) -> Served:
    """Rows in batches of one size, from the latencies of each process, and its joules by back-end.

    `arms`: of each back-end that may be a way; one besides the four of `ways.py` is dense, and a network of its own.
    `subjects`: of such arms by their names, and that of the four under no name.
    """
    rounds = {name: [process[size][name] for process in latencies] for name in arms}
    best = fastest({name: percentiles(processes)[0] for name, processes in rounds.items()}, arms)
    calls = {arm: sum(len(calls) for process in rounds[name] for calls in process) for arm, name in best.items()}
    spent = [{arm: process[name] for arm, name in best.items() if name in process} for process in joules]
    return Served(
        unit="inference",
        batch_size=size,
        how=f"forward passes in batches of {size}",
        rows=rows(
            [_way(arm, name, forwards[name], subjects.get(arm, subjects[""])) for arm, name in best.items()],
            {arm: repeated(rounds[name], size) for arm, name in best.items()},
            energy(spent, calls, size),
        ),
    )


def _way(arm: str, name: str, forward: Forward, subject: Subject) -> Way:
    return Way(arm=arm, backend=name, call=_timed_before, bytes=stored(arm, name, subject), device=forward.device)


def _timed_before() -> None:
    """Nothing: its latencies are there."""
