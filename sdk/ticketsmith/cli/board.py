"""A run on a cluster while it runs: a table of rounds on a terminal, one plain line a change elsewhere."""

from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..argo.tree import FAILED, End, Part, Tree
from ..report.narrow import Fitted
from ..report.terminal import COLOURS
from .outlook import Outlook
from .waits import fix

LATE = ("benchmark", "report")
COUNTED: tuple[tuple[End, str], ...] = (("preempted", "preempted"), ("retried", "tried again"), ("failed", "failed"))


class Board:
    """The last state that was seen; knows how to show itself, and what has changed since the state before."""

    def __init__(self) -> None:
        self.tree: Tree | None = None
        self.said: dict[str, str] = {}
        self.outlook: Outlook | None = None

    def see(self, tree: Tree, outlook: Outlook | None = None) -> Iterator[str]:
        """Take a state in; yields a line for each part that changed its word, and after one that is done the rest."""
        before, self.tree, self.outlook = self.tree, tree, outlook
        for part in tree.parts:
            if self.said.get(part.title) != (word := str(_word(part))):
                self.said[part.title] = word
                yield from _note(part, word)
        if outlook and outlook.left and _done(tree) > (_done(before) if before else 0):
            yield f"to go: {outlook.left}"

    def __rich__(self) -> Group:
        if self.tree is None:
            return Group(Text("waiting for the first state"))
        below = [*notes(self.tree), *str(self.outlook or "").splitlines(), summary(self.tree)]
        return Group(Fitted(table(self.tree)), *map(Text, below))


def _done(tree: Tree) -> int:
    return sum(part.phase == "Succeeded" for part in tree.parts)


def notes(tree: Tree) -> Iterator[str]:
    """Lines below the table: benchmark and report, which stand in none of its rows, and the reasons of other parts."""
    for part in tree.parts:
        if part.name in LATE or part.reason:
            yield from _note(part, str(_word(part)))


def _note(part: Part, word: str) -> Iterator[str]:
    """A line on what a part does, and one on what ends its wait, or mends it."""
    yield f"{part.title}: {word}"
    if told := part.fix if part.phase in FAILED else fix(part.reason):
        yield f"  fix: {told}"


def table(tree: Tree) -> Table:
    """Levels by arms: score and verdict where a round is done, what it does where it is not. Cohorts one by one."""
    chains = [part for part in tree.parts if part.name == "chain"]
    controls = sorted({part.arm for part in chains} - {"dense", "ticket"})
    several = ["cohort"] if any(part.cohort for part in chains) else []
    drawn = Table(*several, "level", "sparsity", "ticket", *controls, box=None, pad_edge=False, header_style="bold")
    for cohort, level in sorted({(part.cohort, part.level) for part in chains}):
        gate = tree.of("gate", level, cohort=cohort)
        sparsity = _share(gate.output("sparsity") if gate else None) if level else "0.0%"
        ticket = tree.of("chain", level, "ticket" if level else "dense", cohort)
        beside = [_cell(tree.of("chain", level, arm, cohort), None) for arm in controls if level]
        where = [str(cohort)] * len(several) + [str(level) if level else "dense"]
        drawn.add_row(*where, sparsity, _cell(ticket, gate), *beside)
    return drawn


def summary(tree: Tree) -> str:
    """Phase, and how often pods were lost, apart from those that failed."""
    counts = [f"{n} {word}" for end, word in COUNTED if (n := tree.count(end))]
    return ", ".join([tree.phase.lower(), *counts, *([tree.message] if tree.message else [])])


def _cell(part: Part | None, gate: Part | None) -> Text:
    if part is None:
        return Text("")
    text = _word(part, short=True)
    status = (gate or part).output("status")
    return text.append(" ").append(status, COLOURS.get(status, "")) if status else text


def _word(part: Part, *, short: bool = False) -> Text:
    """The find of a part, or its state with its reason unless it is to be `short`; losses are said beside it."""
    last = part.attempts[-1] if part.attempts else None
    score, status = part.output("score"), part.output("status")
    if part.phase == "Succeeded":
        word = score or (status if part.name == "gate" and status else "done")
    elif part.stopped:
        word = "stopped"
    elif part.phase in FAILED:
        word = "failed" if short else f"failed: {part.reason}"
    elif last is None or last.end == "waiting":
        word = f"waiting: {part.reason}" if part.reason and not short else "waiting"
    else:
        word = f"running {last.progress}" if last.progress not in ("", "0/1") else "running"
    lost = [f"{n}x {word}" for end, word in COUNTED[:2] if (n := part.count(end))]
    return Text(" ".join([word, *(f"({loss})" for loss in lost)]), "red" if word.startswith("failed") else "")


def _share(value: str | None) -> str:
    return f"{float(value):.1%}" if value else ""
