"""The environment of a run: versions of what computes its numbers. A run goes on with those that it began with.

Another version of torch may round differently and train another network from the same seed: a run that is half of each
would compare the two, and call the difference pruning.
"""

from collections.abc import Mapping

from .documents import canonical
from .errors import Conflict, IntegrityError
from .ledger import ENVIRONMENT, Ledger
from .machine import versions

PACKAGES = ("torch", "numpy", "numba")


def environment() -> dict[str, str]:
    """Versions of the packages that are installed; none of them is imported.

    Builds of one version for several devices, such as 2.15.0+cpu, are that version. Python's own rounds nothing.
    """
    return {name: text.partition("+")[0] for name, text in versions(PACKAGES).items()}


def settle(ledger: Ledger, allow: bool) -> dict[str, tuple[str, str]]:
    """Write the environment of a run that begins; of one that goes on, return what is mixed if that is allowed.

    Raises Conflict if the run began with other versions and that is not allowed.
    """
    current = dict(ledger.environment or environment())
    ledger.settle(ENVIRONMENT, lambda: canonical(current))
    others = mixed(_settled(ledger), current)
    if others and not allow:
        pairs = ", ".join(f"{name} {before} (here {now})" for name, (before, now) in others.items())
        raise Conflict(
            f"{ledger.run_id} in {ledger.store.url} began with other versions: {pairs}",
            "install those versions, begin in another --store, or go on with --other-versions: "
            "each manifest says what its step was computed with",
        )
    return others


def mixed(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Packages whose versions differ, with both; "none" where one is not installed.

    >>> mixed({"torch": "2.14.0", "numpy": "2.3.0"}, {"torch": "2.15.0", "numpy": "2.3.0", "numba": "0.62.1"})
    {'numba': ('none', '0.62.1'), 'torch': ('2.14.0', '2.15.0')}
    """
    pairs = {name: (before.get(name, "none"), now.get(name, "none")) for name in sorted({*before, *now})}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _settled(ledger: Ledger) -> dict[str, str]:
    """Versions that the run began with. Raises IntegrityError if they are none."""
    began = ledger.agreed(ENVIRONMENT)
    if not isinstance(began, dict) or not all(isinstance(text, str) for text in began.values()):
        raise IntegrityError(
            f"{ledger.store.url}/{ledger.run_id}/{ENVIRONMENT} is corrupted: no versions",
            "bring it back from a copy, or begin in another --store",
        )
    return began
