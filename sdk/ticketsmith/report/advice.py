"""The next steps, by what a run has found: why, and the words of a command that works as it stands."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from ..lottery.card import Card
from ..lottery.metric import Metric
from ..lottery.results import Verdict
from ..lottery.schedule import furthest, rounds
from ..lottery.spec import Experiment, Pruning
from ..lottery.windows import expressible
from .again import again, default
from .evidence import few
from .findings import Findings
from .opponents import ticket_in_int8
from .zones import zones

Again = Callable[..., list[str]]


class Advice(NamedTuple):
    """A next step."""

    why: str
    """A sentence of the street."""
    words: list[str]
    """Those of the command, without its store."""


def advised(findings: Findings, card: Card, package: str, data_root: str = "data") -> list[Advice]:
    """An open run goes on; what diverged learns slower; after PASS a package, after the others what may settle it."""
    repeat = partial(again, findings.spec, card, data_root)
    if any(divergence.arm in ("dense", "ticket") for divergence in findings.diverged):
        slower = float(f"{findings.spec.training.learning_rate / 10:.3g}")
        return [Advice("Train it more slowly: it diverged.", repeat(**{"training.learning_rate": slower}))]
    if (verdict := findings.concluding) is None:
        return [Advice("Finish the run.", repeat())]
    match verdict.status:
        case "PASS":
            pack = _packed(findings, package, data_root)
            return [pack, *_sparser(findings, repeat), *in_windows(findings, repeat)]
        case "INVALID":
            longer = repeat(**{"training.steps": 2 * findings.spec.training.steps})
            return [Advice("Train longer, so that the full network learns.", longer)]
        case "UNDECIDED":
            return [_settling(verdict, findings.spec, findings.metric, card, repeat), *_best(findings)]
        case "FAIL":
            passed = list(_best(findings))
            return [*passed, _packed(findings, package, data_root)] if passed else [_milder(findings, repeat)]


def _packed(findings: Findings, package: str, data_root: str) -> Advice:
    """A package of the level that `best` names or, where that is before it, of the target that passed."""
    safe, target = zones(findings.arm("ticket")).safe, findings.verdict("ticket", findings.target)
    level = []
    if target and target.status == "PASS" and (safe is None or safe.level < target.level):
        level = ["--level", str(target.level)]
    place = [] if data_root == "data" else ["--data-root", data_root]
    return Advice("Pack the ticket, to use it.", ["pack", findings.run_id, "-o", package, *level, *place])


def _best(findings: Findings) -> Iterator[Advice]:
    """The level that passed, if one did."""
    if zones(findings.arm("ticket")).safe:
        yield Advice("Look at the sparsest level that passed.", ["best", findings.run_id])


def _sparser(findings: Findings, repeat: Again) -> Iterator[Advice]:
    """The same run past its target, until it breaks; one of cohorts, or as far as that goes, another target."""
    spec, last = findings.spec, findings.arm("ticket")[-1]
    further = spec.model_copy(update={"until_fail": True})
    if not spec.until_fail and spec.cohorts == 1 and furthest(further) > rounds(spec.pruning):
        yield Advice("See where it breaks.", repeat(until_fail=True))
        return
    judged = spec.pruning.model_copy(update={"sparsity": max(last.sparsity, spec.pruning.sparsity)})
    if last.status != "FAIL" and (sparsity := other_sparsity(judged, passed=True)) is not None:
        yield Advice("Remove more weights.", repeat(**{"pruning.sparsity": sparsity}))


def _milder(findings: Findings, repeat: Again) -> Advice:
    """Fewer weights removed or, where these are few already, a longer training."""
    if (sparsity := other_sparsity(findings.spec.pruning, passed=False)) is not None:
        return Advice("Remove fewer weights.", repeat(**{"pruning.sparsity": sparsity}))
    return Advice("Train longer.", repeat(**{"training.steps": 2 * findings.spec.training.steps}))


def in_windows(findings: Findings, repeat: Again) -> list[Advice]:
    """The same in windows, whose steps in int8 are full: where single weights were removed, and int8 passes."""
    spec, ticket = findings.spec, findings.speed and ticket_in_int8(findings.speed)
    if not ticket or ticket[1] is None or ticket[1].status != "PASS" or spec.pruning.granularity != "weight":
        return []
    sparsity = expressible(spec.pruning.sparsity)[0]
    changes = {"pruning.granularity": "window", "pruning.scope": "layerwise", "pruning.sparsity": sparsity}
    return [Advice("Prune in windows, which suit int8.", repeat(**changes))]


def other_sparsity(pruning: Pruning, *, passed: bool) -> float | None:
    """Half of the weights left after a PASS, else twice as many; in windows, the nearest that they can have.

    None where that is the same again.

    >>> other_sparsity(Pruning(sparsity=0.8), passed=True), other_sparsity(Pruning(sparsity=0.5), passed=False)
    (0.9, 0.1)
    >>> [other_sparsity(Pruning(granularity="window", sparsity=0.8125), passed=passed) for passed in (True, False)]
    [0.875, 0.625]
    >>> other_sparsity(Pruning(sparsity=0.1), passed=False)
    """
    left = (1 - pruning.sparsity) * (0.5 if passed else 2)
    sparsity = round(max(1 - left, 0.1), 6)
    if pruning.granularity == "window":
        sparsity = expressible(sparsity)[0]
    return None if sparsity == pruning.sparsity or not 0 < sparsity < 1 else sparsity


def _settling(verdict: Verdict, spec: Experiment, metric: Metric, card: Card, repeat: Again) -> Advice:
    """The change that is likely to settle an UNDECIDED: a margin that can be shown, more replicates, or fresh seeds."""
    room, needed = verdict.looks * spec.replicates, verdict.replicates_needed
    if few(metric, verdict):
        wider = repeat(**{"gate.margin": 2 * verdict.margin})
        return Advice("Allow a larger loss: so few test examples cannot rule out a small one.", wider)
    if verdict.look < verdict.looks and (needed is None or needed <= room):
        more = needed or len(verdict.replicates) + spec.replicates
        go_on = repeat(replicates=more, stop_on_fail=False, until_fail=False)
        return Advice("Repeat it more often: that is likely to decide.", go_on)
    usual = default(card)  # one replicate is asked for on purpose, and may be asked for once
    replicates = needed or max(spec.replicates, int(usual["replicates"]))
    return Advice("Ask anew, with fresh random numbers.", repeat(seed=spec.seed + 1, replicates=replicates))
