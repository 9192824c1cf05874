"""All that steps need before the first of them: data that is the run's, room for it, trainers, and worker processes."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ticketsmith.allowance import cores

from .context import Context
from .planner import prepare
from .room import refuse_what_does_not_fit
from .workers import single_thread, workers


def checked(context: Context, count: int) -> None:
    """Read the data; the workers share what is loaded. Raises for wrong data, or what `count` of them have no room for.

    The run ends now, before any work.
    """
    _ = context.examples
    refuse_what_does_not_fit(context, count)


@contextmanager
def ready(context: Context, count: int, level: int | None) -> Iterator[Context]:
    """The run with its trainers, of one level or of all, and with `count` workers. Raises for trainers that do not fit.

    A process that was forked cannot use a GPU, and one process keeps it busy.
    """
    single_thread()  # the probe is to see what a training will
    prepare(context, level)
    gc.freeze()  # or each collection, here and in what is forked, looks through all of torch
    with workers(1 if context.spec.training.device == "cuda" else count) as pool:
        loaders = max(0, cores() // (count if pool else 1) - 1)  # cores that no training has
        yield replace(context, workers=pool, loaders=loaders)
