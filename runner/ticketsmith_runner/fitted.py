"""The best answer that takes no network, where a task names one: fitted to a replicate's own training examples."""

import torch

from .evaluate import Evaluation, Records, held_out
from .seeds import seed_of, seeded
from .splits import Split
from .tasks import Task


def name(task: Task) -> str:
    """The first line of its docstring, to stand within a sentence; empty where there is none."""
    first = ((task.baseline and task.baseline.__doc__) or "the task's baseline").strip().splitlines()[0].rstrip(".")
    return (first[:1].lower() + first[1:]) if task.baseline else ""


def baseline(measure: Evaluation, split: Split) -> Records:
    """Its scores of the examples of a record, (n,); nothing where the task names none.

    What it draws begins with the seed of a part, as the noise of a network does.
    """
    task, examples = measure.task, measure.examples
    if (fit := task.baseline) is None:
        return {}
    few = split.train[:: -(-len(split.train) // examples.most)]  # all of them, where memory holds them
    with task.told("baseline"), torch.no_grad():
        with seeded(seed_of(measure.seed, measure.replicate, "baseline")):
            answer = fit(examples.batch(few))
        scores = []
        for place, numbers in enumerate(measure.parts(held_out(split))):
            with seeded(measure.noise(place)):
                scores.append(measure.column("baseline", answer(measure.batch(numbers)), len(numbers)).float())
    return {"baseline": torch.cat(scores)}
