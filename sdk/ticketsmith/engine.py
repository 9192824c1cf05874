"""The engine: SHA-256 over the package's own sources that decide numbers, and over no others.

They are what a process of a run can import, read from the `import` statements without executing one. Modules that are
loaded by name stand in no such statement: their folders count whole. What cannot change a number is named, with the
reason, and not followed. Only names and bytes count, so a moved installation keeps the digest.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path

from .documents import canonical

PACKAGES = ("ticketsmith", "ticketsmith_runner", "ticketsmith_runtime")

ROOTS = {
    "ticketsmith_runner.commands": "the order of steps, and the setting they compute in",
    "ticketsmith.task": "what a user's file imports",
    "ticketsmith.lottery.card": "counts of examples, from which the splits are made",
}
"""Modules from which the imports are followed, and what they decide."""

FOLDERS = (
    "ticketsmith_runner.steps",
    "ticketsmith_runner.criteria",
    "ticketsmith_runner.granularities",
    "ticketsmith_runner.trainers",
)
"""Folders whose files are loaded by name."""

BESIDE = {
    "ticketsmith.__init__": "the version; the guard that it calls is followed from the runner",
    "ticketsmith.cards": "reads a task's card, which is beside the run",
    "ticketsmith.datafiles": "carries data, and verifies it by digests that are in the run id",
    "ticketsmith.engine": "reads sources",
    "ticketsmith.environment": "versions, which stand in every manifest",
    "ticketsmith.errors": "exit codes and texts",
    "ticketsmith.lottery.examination": "what a check of a task writes",
    "ticketsmith.ledger": "carries bytes, and verifies that they are those that were written",
    "ticketsmith.lottery.choices": "names that a spec may hold; the spec is in the run id itself",
    "ticketsmith.lottery.price": "prices, for the report",
    "ticketsmith.lottery.scan": "read by the report alone",
    "ticketsmith.plans": "refuses another plan than the run's; what is held is in the stored spec",
    "ticketsmith.report": "shows numbers that are there",
    "ticketsmith.specs": "makes and reads the spec, which is in the run id itself",
    "ticketsmith.sources": "carries code, and verifies it by a digest that is in the run id",
    "ticketsmith.stores": "carry bytes",
    "ticketsmith.tries": "counts earlier runs for the report",
    "ticketsmith.weights": "brings bytes, which are verified against the run id",
    "ticketsmith_runner.__main__": "begins and ends the process",
    "ticketsmith_runner.alone": "judges the network that is packed",
    "ticketsmith_runner.applicable": "for back-ends",
    "ticketsmith_runner.arguments": "where the spec and the store are",
    "ticketsmith_runner.backends": "measure time; what they compute is compared and thrown away",
    "ticketsmith_runner.certify": "compares numbers that are there with published ones",
    "ticketsmith_runner.check": "looks at a task before a run",
    "ticketsmith_runner.compaction": "for back-ends",
    "ticketsmith_runner.declared": "puts scaling and classes into a package",
    "ticketsmith_runner.delivery": "brings files, which are verified against the run id",
    "ticketsmith_runner.energy": "for a benchmark",
    "ticketsmith_runner.events": "tells the parent process what goes on",
    "ticketsmith_runner.exporting": "for back-ends",
    "ticketsmith_runner.fresh": "for a benchmark",
    "ticketsmith_runner.handoff": "tells a workflow what a step found",
    "ticketsmith_runner.inputs": "for back-ends",
    "ticketsmith_runner.lifeline": "ends a process whose parent is gone",
    "ticketsmith_runner.lowering": "for back-ends",
    "ticketsmith_runner.mixture": "chooses what int8 is made of on the machine that it is measured on",
    "ticketsmith_runner.news": "a step's result in a line",
    "ticketsmith_runner.packing": "writes a package of a ticket that is there",
    "ticketsmith_runner.parcel": "for a benchmark",
    "ticketsmith_runner.quantized": "judges int8 on the machine that it is measured on",
    "ticketsmith_runner.reads": "names the files that a submission would miss",
    "ticketsmith_runner.repetition": "for certify",
    "ticketsmith_runner.replicate": "for back-ends",
    "ticketsmith_runner.room": "refuses what does not fit into memory",
    "ticketsmith_runner.served": "for a benchmark",
    "ticketsmith_runner.spent": "counts seconds",
    "ticketsmith_runner.standing_in": "for back-ends",
    "ticketsmith_runner.steps.benchmark": "measures time",
    "ticketsmith_runner.steps.report": "shows numbers that are there",
    "ticketsmith_runner.subject": "what a benchmark measures",
    "ticketsmith_runner.timing": "for back-ends",
    "ticketsmith_runner.tracing": "for back-ends",
    "ticketsmith_runner.warm": "compiles for an image",
    "ticketsmith_runner.wording": "puts text into a package",
}
"""Modules, and packages with all that is in them, that cannot change a number, and why. Their imports do not count."""
IMPORT = re.compile(rb"\bimport\b(?:[ \t]*\([^)]*\))?[^\n]*\n?")
"""The word, and what follows it in its line or its parentheses."""


def digest(folders: Mapping[str, Path] | None = None) -> str:
    """64 hex digits: of the packages in `folders`, by their names, or of the installed ones."""
    return _installed() if folders is None else sha256(canonical(sources(folders))).hexdigest()


@cache
def _installed() -> str:
    return digest(installed())


def installed() -> dict[str, Path]:
    """The folders of the packages of this process. None of them is imported."""
    specs = {name: find_spec(name) for name in PACKAGES}
    return {name: Path(next(iter(spec.submodule_search_locations or ()))) for name, spec in specs.items() if spec}


def sources(folders: Mapping[str, Path]) -> dict[str, str]:
    """Every module that decides numbers, and SHA-256 of its source."""
    files = modules(folders)
    waiting = [*ROOTS, *(name for name in files if any(folder in _lineage(name) for folder in FOLDERS))]
    digests: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        if name not in digests and not beside(name):
            source = files[name].read_bytes().replace(b"\r\n", b"\n")
            digests[name] = sha256(source).hexdigest()
            package = name if files[name].name == "__init__.py" else name.rpartition(".")[0]
            waiting += [module for path in imports(source, package) for module in _lineage(path) if module in files]
    return digests


def modules(folders: Mapping[str, Path]) -> dict[str, Path]:
    """Every module of the packages by its name."""
    files = {}
    for package, folder in folders.items():
        for file in folder.rglob("*.py"):
            parts = [package, *file.relative_to(folder).with_suffix("").parts]
            files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return files


def beside(module: str) -> bool:
    """True if a module is on the list of those that cannot change a number."""
    return f"{module}.__init__" in BESIDE or any(name in BESIDE for name in _lineage(module))


def imports(source: bytes, package: str) -> Iterator[str]:
    """Dotted paths that a source names in its imports, attributes among them; those for type checkers alone are not.

    >>> list(imports(b"import a.b\\nfrom . import c\\ndef f():\\n  from ..d import e", "x.y"))
    ['a.b', 'x.y', 'x.y.c', 'x.d', 'x.d.e']
    """
    for statement in _imports(_parsed(source).body):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        else:
            above = package.split(".")[: package.count(".") + 2 - statement.level] if statement.level else []
            base = ".".join([*above, *([statement.module] if statement.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in statement.names)


def _parsed(source: bytes) -> ast.Module:
    """The source up to its last `import`: to parse the rest of it as well takes four times as long."""
    end = max((match.end() for match in IMPORT.finditer(source)), default=0)
    try:
        return ast.parse(source[:end])
    except SyntaxError:  # it cannot be cut there: the word stands within a `try`, or in a docstring
        return ast.parse(source)


def _imports(body: Sequence[ast.AST]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements, also those inside of others. Expressions hold none and are not looked through."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and _type_checking(node.test):
            yield from _imports(node.orelse)
        else:
            for field in ("body", "orelse", "finalbody", "handlers", "cases"):
                yield from _imports(getattr(node, field, ()))


def _type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _lineage(path: str) -> Iterator[str]:
    """A module and the packages around it, which are imported before it.

    >>> list(_lineage("a.b.c"))
    ['a', 'a.b', 'a.b.c']
    """
    return accumulate(path.split("."), "{}.{}".format)
