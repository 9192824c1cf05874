"""Price lists at the door: a file in YAML, or a number that was typed. Every problem is named with its fix."""

import json
from collections.abc import Iterator
from pathlib import Path

import yaml
from pydantic import ValidationError

from .errors import UsageError
from .lottery.choices import guess
from .lottery.price import Machine, Prices, Rate, Rates
from .yaml12 import read_yaml

TYPED = "the machine that was measured"
EXAMPLE = "examples/prices.yaml is one"
MORE = "for example --price 0.35, dollars for an hour of the machine, or --prices prices.yaml"


def rates(price: str | None, prices: str | None, per_day: float | None) -> Rates | None:
    """The prices that were asked for; None where none were. `price` is a number, or names a machine of the list.

    Raises UsageError.
    """
    if price is None and prices is None:
        if per_day is not None:
            raise UsageError("--requests-per-day needs a price", MORE)
        return None
    listed = None if prices is None else read(prices)
    serve = (_typed(price) if price is not None else None) or _listed(price, listed)
    search = _rate(listed.search, listed) if listed and listed.search else serve
    try:
        return Rates(serve=serve, search=search, per_day=per_day)
    except ValidationError:
        raise UsageError(f"--requests-per-day: expected a number above 0, got {per_day}", MORE) from None


def search_rate(price: str | None, prices: str | None) -> Rate | None:
    """The machine that works on a run: the one that is asked for, or that a list has for it; None where nobody said.

    Raises UsageError.
    """
    listed = None if prices is None else read(prices)
    if price is not None:
        return _typed(price) or _listed(price, listed)
    name = listed and (listed.search or listed.serve or _alone(listed))
    return _rate(name, listed) if listed and name else None


def read(path: str) -> Prices:
    """The price list in a file. Raises UsageError that lists every problem."""
    try:
        document = read_yaml(Path(path).read_bytes())
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}", f"give a price list with --prices; {EXAMPLE}"
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{path} is not a price list in YAML: {error}", EXAMPLE) from error
    try:
        return Prices.model_validate_json(json.dumps(document))
    except ValidationError as error:
        problems = "\n".join(f"  - {problem}" for problem in _problems(error))
        raise UsageError(f"{path} is no price list:\n{problems}", f"correct the fields above; {EXAMPLE}") from error


def _problems(error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        path = ".".join(map(str, problem["loc"]))
        known = tuple(Machine.model_fields if problem["loc"][:1] == ("machines",) else Prices.model_fields)
        if problem["type"] == "extra_forbidden":
            yield f"{path}: unknown key. {guess(str(problem['loc'][-1]), known)}known: {', '.join(known)}"
        elif problem["type"] == "missing":
            yield f"{path}: missing{', as in 2026-11-30: prices change' if path == 'date' else ''}"
        elif problem["type"] == "value_error":
            yield str(problem["ctx"]["error"])
        else:
            yield (
                f"{path or 'the list'}: {problem['msg'].removeprefix('Input should be ')}, "
                f"got {str(problem['input'])[:60]}"
            )


def _typed(price: str) -> Rate | None:
    """A price that is a number. Raises UsageError for one that cannot be."""
    try:
        dollars = float(price)
    except ValueError:
        return None
    try:
        return Rate(name=TYPED, date=None, dollars_per_hour=dollars)
    except ValidationError:
        raise UsageError(f"--price: expected dollars for an hour, above 0, got {price}", MORE) from None


def _listed(price: str | None, listed: Prices | None) -> Rate:
    if listed is None:
        raise UsageError(
            f"--price: expected dollars for an hour, or with --prices the name of a machine, got {price!r}", MORE
        )
    if (name := price or listed.serve or _alone(listed)) is None:
        names = ", ".join(listed.machines)
        raise UsageError(f"the price list has several machines: {names}", "name the one that serves: --price NAME")
    return _rate(name, listed)


def _alone(listed: Prices) -> str | None:
    return next(iter(listed.machines)) if len(listed.machines) == 1 else None


def _rate(name: str, listed: Prices) -> Rate:
    if (machine := listed.machines.get(name)) is None:
        names = tuple(listed.machines)
        raise UsageError(
            f"--price: the list has no machine called {name!r}", f"{guess(name, names)}choose from {', '.join(names)}"
        )
    return Rate(name=name, date=listed.date.isoformat(), **machine.model_dump())
