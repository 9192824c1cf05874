"""From YAML and command-line overrides to a validated spec. Every problem is listed at once, with what was expected."""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from . import cards, weights
from .errors import IntegrityError, UsageError
from .lottery.card import Card
from .lottery.choices import BACKENDS, CRITERIA, GRANULARITIES, TRAINERS, guess
from .lottery.schedule import rounds
from .lottery.spec import Experiment, Pruning
from .lottery.windows import WINDOW, expressible
from .stores import Store
from .yaml12 import read_yaml

SHOWN = 100  # problems of one spec, more than it has fields
ROUNDS = 999  # of pruning; a fraction near zero would take billions
THREADS = 1024  # of a back-end; OpenMP ends a process that asks for more than there can be


def read_spec(path: str | None, overrides: Mapping[str, Any], data_root: str = "data") -> Experiment:
    """The spec in `path` (or all defaults), with `overrides` on top and the task's defaults below.

    Raises UsageError that lists every problem: path, expected, got; and whatever is wrong with the task.
    """
    document = given(path, overrides)
    name = document.get("task", Experiment.model_fields["task"].default)
    if not isinstance(name, str):
        raise UsageError(
            f"task: expected a name, got {_short(name)}", "for example --task flowers.py or --task digits-mlp"
        )
    return resolve(document, cards.of(name, data_root))


def given(path: str | None, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that somebody named: the document in `path` with `overrides` on top, no default among them."""
    return merge({} if path is None else _document(path), overrides)


def read_stored(store: Store, key: str) -> Experiment:
    """The spec that a run was started with, by its key in the store. Raises IntegrityError if it is not there whole."""
    try:
        data = store.get(key)
        if not key.endswith(f"/{sha256(data).hexdigest()[:12]}.json"):
            raise KeyError("not the digest in its name")
    except KeyError as error:
        raise IntegrityError(
            f"no valid spec at {store.url}/{key}",
            "`ticketsmith run imp` writes it, on a cluster `ticketsmith submit`; or bring it back from a copy",
        ) from error
    try:
        return Experiment.model_validate_json(data)
    except ValidationError as error:
        raise IntegrityError(
            f"{store.url}/{key} is whole and no spec of this version: {_problem(error.errors()[0])}",
            "read it with the version of TicketSmith that made it; its report.html needs none",
        ) from error


def assign(assignments: Sequence[str]) -> dict[str, Any]:
    """`["gate.margin=0.01"]` as `{"gate.margin": 0.01}`; values are YAML. Raises UsageError."""
    pairs = [text.partition("=") for text in assignments]
    wrong = ["".join(parts) for parts in pairs if not all(parts[:2])]
    if wrong:
        raise UsageError(
            f"--set: expected KEY=VALUE, got {', '.join(map(repr, wrong))}", "for example gate.margin=0.01"
        )
    try:
        return {key: read_yaml(value.encode()) for key, _, value in pairs}
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"--set: not a YAML value: {error}", "for example --set controls=[reinit,random]") from error


def overrides(flat: Mapping[str, Any]) -> dict[str, Any]:
    """`{"gate.margin": 0.01}` as `{"gate": {"margin": 0.01}}`."""
    nested: dict[str, Any] = {}
    for path, value in flat.items():
        for key in reversed(path.split(".")):
            value = {key: value}
        nested = merge(nested, value)
    return nested


def remeasured(spec: Experiment, **options: Any) -> Experiment:
    """The same experiment with other benchmark options, where they are not None; the run id stays."""
    given = {key: value for key, value in options.items() if value is not None}
    return revised(spec, benchmark=spec.benchmark.model_dump(mode="json") | given)


def revised(spec: Experiment, **changes: Any) -> Experiment:
    """The same experiment of the same task with other fields. Raises UsageError that lists every problem."""
    return _resolved(spec.model_dump(mode="json") | changes, None)


def resolve(document: Mapping[str, Any], card: Card) -> Experiment:
    """Validate a document over the defaults of its task. Raises UsageError that lists every problem.

    The weights that it starts from, where it names some, are read for their digest.
    """
    sources = {"name": card.name, "engine": card.engine, "code": card.code, "data": card.data, "weights": None}
    below = merge({"gate": {"margin": card.metric.margin}, "options": card.options}, card.defaults)
    try:
        spec = _resolved(merge(below, document) | {"sources": sources}, card)
    except UsageError:
        _resolved(below | {"sources": sources}, card, f"DEFAULTS of task {card.name} are no valid spec")
        raise
    if (start := spec.training.start) is None:
        return spec
    given = spec.sources.model_copy(update={"weights": weights.digest(start)})
    return spec.model_copy(update={"sources": given})


def _resolved(document: Mapping[str, Any], card: Card | None, title: str = "the spec is not valid") -> Experiment:
    try:
        spec = _validated(document)
        problems = list(_beyond_types(spec, card))
    except ValidationError as error:
        problems = [_problem(fault) for fault in error.errors()]
        problems += _other_problems(document, card, [fault["loc"] for fault in error.errors()])
    if problems:
        more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        raise UsageError(
            f"{title}:\n" + "\n".join(f"  - {problem}" for problem in problems[:SHOWN] + more),
            "correct the fields above; `ticketsmith run imp --dry-run` prints a whole spec",
        )
    return spec


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`, section by section."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = merge(under, value) if isinstance(value, Mapping) and isinstance(under, Mapping) else value
    return merged


def _document(path: str) -> dict[str, Any]:
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}", "give the path of a YAML spec with --config"
        ) from error
    try:
        document = read_yaml(text)
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{path} is not a YAML spec: {error}", "see configs/imp_mnist.yaml for an example") from error
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise UsageError(f"{path}: expected `key: value` lines at the top", "see configs/imp_mnist.yaml for an example")
    return document


def _validated(document: Mapping[str, Any]) -> Experiment:
    return Experiment.model_validate_json(json.dumps(document, default=str))


def _other_problems(
    document: Mapping[str, Any], card: Card | None, wrong: Sequence[tuple[int | str, ...]]
) -> list[str]:
    """Further problems of the document, were the fields in `wrong` left to their defaults."""
    for loc in wrong:
        document = _without(document, loc)
    try:
        return list(_beyond_types(_validated(document), card))
    except ValidationError:
        return []


def _without(document: Mapping[str, Any], loc: Sequence[int | str]) -> dict[str, Any]:
    """The document less what lies at `loc`; of a list, the whole field goes."""
    rest = dict(document)
    if loc and isinstance(under := rest.pop(str(loc[0]), None), Mapping) and len(loc) > 1:
        rest[str(loc[0])] = _without(under, loc[1:])
    return rest


def _beyond_types(spec: Experiment, card: Card | None) -> Iterator[str]:
    """Problems that the schema cannot know: names of files, whole cohorts, room in the training split."""
    for where, choices, name in (
        ("pruning.criterion", CRITERIA, spec.pruning.criterion),
        ("pruning.granularity", GRANULARITIES, spec.pruning.granularity),
        ("training.trainer", ("auto", *TRAINERS), spec.training.trainer),
    ):
        if name not in choices:
            yield f"{where}: expected one of {', '.join(choices)}, got {name!r}. {guess(name, choices)}".rstrip()
    if (threads := spec.benchmark.threads) > THREADS:
        yield f"benchmark.threads: expected at most {THREADS}, got {threads}"
    count, replicate = spec.cohorts * spec.replicates, spec.benchmark.replicate
    if replicate is not None and replicate >= count:
        yield f"benchmark.replicate: expected a number below {count}, got {replicate}"
    for name in sorted(set(spec.benchmark.backends) - {*BACKENDS}):
        near = guess(name, BACKENDS)
        yield f"benchmark.backends: expected some of {', '.join(BACKENDS)}, got {name!r}. {near}".rstrip()
    if len(set(spec.controls)) < len(spec.controls):
        yield f"controls: expected each one once, got {_short(list(spec.controls))}"
    if (count := rounds(spec.pruning)) > ROUNDS:
        fraction = spec.pruning.fraction
        yield f"pruning.fraction: expected at most {ROUNDS} rounds to the target, got {fraction:g}, which takes {count}"
    if spec.pruning.granularity == "unit" and spec.pruning.scope == "global":
        yield "pruning.scope: expected layerwise where units compete, got global"
    if spec.pruning.granularity == "window":
        yield from _of_windows(spec.pruning)
    if card is not None:
        yield from _beside_the_task(spec, card)


def _of_windows(pruning: Pruning) -> Iterator[str]:
    """A whole number of weights is left in each window, the same throughout a layer."""
    if pruning.scope == "global":
        yield "pruning.scope: expected layerwise where windows are pruned, got global"
    near = expressible(pruning.sparsity)
    if min(abs(pruning.sparsity - sparsity) for sparsity in near) > 1e-6:
        choices = " or ".join(f"{sparsity:g} ({WINDOW * (1 - sparsity):g} of {WINDOW} left)" for sparsity in near)
        yield f"pruning.sparsity: expected {choices} where windows are pruned, got {pruning.sparsity:g}"


def _beside_the_task(spec: Experiment, card: Card) -> Iterator[str]:
    """Options that the task's `model` does not take, whole cohorts, room in the training split."""
    for name in sorted(spec.options.keys() - card.options.keys()):
        known = list(card.options)
        choices = f"known: {', '.join(known)}" if known else "its model takes none"
        yield f"options.{name}: unknown to task {card.name}. {guess(name, known)}{choices}"
    for name, value in spec.options.items():
        if name in card.options and not _alike(value, card.options[name]):
            yield f"options.{name}: expected {_kind(card.options[name])}, got {_short(value)}"
    if "smaller" in spec.controls and not card.smaller:
        yield (
            f"controls: smaller is not for task {card.name}: its file has no `smaller(weights)`, which gives the "
            "options of `model` for a dense network of so many weights"
        )
    if card.folds and spec.replicates % card.folds:
        yield (
            f"replicates: expected a multiple of {card.folds} ({card.name} is cross-fitted in whole cohorts of "
            f"{card.folds}), got {spec.replicates}"
        )
    if spec.training.batch_size > card.room:
        yield f"training.batch_size: expected at most the {card.room} training examples, got {spec.training.batch_size}"


def _alike(value: Any, usual: Any) -> bool:
    """True if a value may stand where its default stands: of one kind, or where there is no default."""
    return usual is None or _kind(value) == _kind(usual) or (value is None and not isinstance(usual, list | dict))


def _kind(value: Any) -> str:
    kinds = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "a section",
    }
    return kinds.get(type(value), "null")


def _problem(error: Any) -> str:
    """`path: expected …, got …`, with a guess at what an unknown key was meant to be."""
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = _fields(error["loc"][:-1])
        return f"{path}: unknown key. {guess(str(error['loc'][-1]), known)}known: {', '.join(known)}"
    if error["type"] == "json_invalid":
        return f"nested too deeply ({error['ctx']['error']})"
    if error["type"] == "missing":
        return f"{path}: missing"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    expected = error["msg"].removeprefix("Input should be ").removesuffix(f", got {error['input']!r}")
    return f"{path}: expected {expected}, got {_short(error['input'])}"


def _fields(loc: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] = Experiment
    for part in loc:
        annotation = model.model_fields[str(part)].annotation
        model = next(kind for kind in get_args(annotation) or (annotation,) if issubclass(kind, BaseModel))
    return list(model.model_fields)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
