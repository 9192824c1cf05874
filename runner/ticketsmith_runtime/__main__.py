"""`python -m ticketsmith_runtime verify my.ticket`: hashes and numbers. `explain`: what would run here, and why.
`generate my.ticket "It is a truth"`: what comes next, token by token; speed on the error stream.

Exit codes: 0; 2 for wrong usage, a prompt that the network cannot go on with, or text where the library of a tokenizer
is not installed; 5 if the package is damaged; 70 if a back-end gives other numbers than the weights; 130 if it was
interrupted.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .graph import Graph
from .model import Model, load
from .network_model import NetworkModel
from .package import BadPackage
from .seal import UNSEALED
from .tokenizer import INSTALL, LIBRARY, UNTRIED, Tokenizer
from .verification import Unequal, verify

UNEQUAL, DAMAGED, WRONG, INTERRUPTED = 70, 5, 2, 130  # 1 is what Python ends with when it dies


def main(argv: Sequence[str] | None = None) -> int:
    """Run what `argv` says."""
    options = _parser().parse_args(argv)
    if not options.package.exists():
        print(
            f"error: {options.package}: there is no such file\n  fix: give what `ticketsmith pack` wrote",
            file=sys.stderr,
        )
        return WRONG
    try:
        if options.command == "generate":
            return _generated(options)
        model = load(options.package)
        if options.command == "explain":
            print(model.explain())
        else:
            print(_as_json(model) if options.json else "\n".join(_verified(model)))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BadPackage as error:
        print(
            f"error: {options.package}: {error}\n  fix: pack it again, from its run, or bring the file anew",
            file=sys.stderr,
        )
        return DAMAGED
    except ModuleNotFoundError as error:
        if error.name != LIBRARY:
            raise
        print(f"error: {options.package}: {error}\n  fix: {INSTALL}", file=sys.stderr)
        return WRONG
    except Unequal as error:
        print(f"error: {options.package}: {error}\n  fix: report it, with `explain`", file=sys.stderr)
        return UNEQUAL
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ticketsmith_runtime", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("verify", "explain", "generate"):
        commands.add_parser(name).add_argument("package", type=Path, help="folder or zip")
    commands.choices["verify"].add_argument("--json", action="store_true", help="say it to a program")
    generate = commands.choices["generate"]
    generate.add_argument("prompt", help="text, or numbers of tokens where the package has no vocabulary")
    generate.add_argument("--temperature", type=float, default=0.0)
    for option, least in (("--max-new-tokens", None), ("--top-k", None), ("--seed", 0), ("--threads", 1)):
        generate.add_argument(option, type=int, default=least)
    return parser


def _generated(options: argparse.Namespace) -> int:
    """Write tokens as they are found. Returns the exit code."""
    model = load(options.package, options.threads)
    draw = {"temperature": options.temperature, "top_k": options.top_k, "seed": options.seed}
    times = [time.perf_counter()]
    try:
        if not isinstance(model, NetworkModel):
            raise ValueError("this package holds no network of tokens")
        words = model.ticket.vocabulary
        prompt = words.encode(options.prompt) if words else _numbers(options.prompt)
        tokens = _timed(model.stream(prompt, options.max_new_tokens, **draw), times)
        for text in words.pieces(tokens, prompt) if words else (f"{token} " for token in tokens):
            print(_shown(text), end="", flush=True)
    except BadPackage:
        raise
    except ValueError as error:
        fix = "`explain` says what the package is; give another prompt, or other numbers"
        print(f"error: {options.package}: {error}\n  fix: {fix}", file=sys.stderr)
        return WRONG
    print()
    print(_speed(times), file=sys.stderr)
    return 0


def _numbers(prompt: str) -> list[int]:
    if not all(word.isdecimal() for word in prompt.split()):
        raise ValueError("the package has no vocabulary: a prompt is the numbers of tokens, with blanks between")
    return [int(word) for word in prompt.split()]


def _timed(tokens: Iterable[int], times: list[float]) -> Iterator[int]:
    for token in tokens:
        times.append(time.perf_counter())
        yield token


def _shown(text: str) -> str:
    """Text for a terminal, which takes other control characters for commands."""
    return "".join(
        character if character.isprintable() or character in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )


def _speed(times: Sequence[float]) -> str:
    first, more = 1000 * (times[1] - times[0]), len(times) - 2
    rest = f", then {1000 * (times[-1] - times[1]) / more:.2f} ms each" if more else ""
    return f"{more + 1} tokens: the first after {first:.1f} ms{rest}"


def _as_json(model: Model | NetworkModel) -> str:
    facts = {"network": _described(model), "sealed": model.ticket.sealed, "differences": verify(model)}
    return json.dumps({"schema": "ticketsmith.verify/1", **facts}, indent=2)


def _verified(model: Model | NetworkModel) -> list[str]:
    differences = verify(model)
    return [
        f"{_described(model)}: digests and sizes are right",
        *([] if model.ticket.sealed else [UNSEALED]),
        *([UNTRIED] if isinstance(words := model.ticket.vocabulary, Tokenizer) and words.untried else []),
        *(f"{name}: equal to the weights{_within(worst)}" for name, worst in differences.items()),
    ]


def _within(worst: float) -> str:
    return f" within {worst:.1e} of the outputs" if worst else ", bit for bit"


def _described(model: Model | NetworkModel) -> str:
    if isinstance(model, NetworkModel):
        return f"{len(model.network.nodes)} operators, {sum(kept for _, kept in model.network.counted()):,} weights"
    graph = model.ticket.graph
    assert isinstance(graph, Graph)
    kept = sum(layer.kept for layer in graph.layers())
    return f"{' -> '.join(str(shape) for shape in graph.shapes())}, {kept:,} weights"


if __name__ == "__main__":
    sys.exit(main())
