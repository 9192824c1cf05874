"""Joules off the counters of the processor, where Linux shows them and lets us read them.

RAPL counts a whole package, whoever else computes on it, in microjoules that begin anew after a while; see
https://docs.kernel.org/power/powercap/powercap.html. Most virtual machines show none, and then nothing is measured.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

COUNTERS = Path("/sys/class/powercap")
PACKAGES = "intel-rapl:[0-9]*"
"""One for each package, on processors of AMD as well; what is within a package has a second colon in its name."""


class Counter:
    """The energy of one package since it was first read."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "energy_uj"
        self._whole = int((folder / "max_energy_range_uj").read_text())
        self._last, self._sum = int(self._file.read_text()), 0

    def __call__(self) -> float:
        """Joules; right as long as it is read more often than the counter goes round, which takes minutes."""
        now = int(self._file.read_text())
        self._sum += (now - self._last) % (self._whole + 1)
        self._last = now
        return self._sum / 1e6


def meter(folder: Path = COUNTERS) -> Callable[[], float] | None:
    """A reading of all packages together, in joules; None where there is none, or it may not be read."""
    try:
        counters = [Counter(package) for package in sorted(folder.glob(PACKAGES)) if package.name.count(":") == 1]
    except (OSError, ValueError):
        return None
    return (lambda: sum(counter() for counter in counters)) if counters else None


class Joules:
    """Energy by name, of all that ran within `of(name)`; nothing where there is no reading."""

    def __init__(self, read: Callable[[], float] | None) -> None:
        self._read = read
        self.spent: dict[str, float] = defaultdict(float)

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        if self._read is None:
            yield
            return
        before = self._read()
        yield
        self.spent[name] += self._read() - before


Within = Callable[[str], AbstractContextManager[None]]
"""What is done around the samples of a call, by its name."""


def unmetered(name: str) -> AbstractContextManager[None]:
    """Nothing."""
    return nullcontext()
