"""Networks of torchvision, transformers and diffusers as tickets: traced, packed, and answered without torch.

    python benchmarks/torchvision_networks.py             # all of torchvision's classification networks, an hour
    python benchmarks/torchvision_networks.py --suite hf  # needs `uv pip install --group hf`; minutes
    python benchmarks/torchvision_networks.py --speed     # four of them against dense
    python benchmarks/torchvision_networks.py --speed resnet18 --granularity window --sparsities 0.75

Weights are random, 80 % of each matrix and kernel under a mask; with `--speed` these are the smallest of each layer.
One process traces a network and packs it; another one, which has no torch, loads the package and answers batches of 1
and 3. `equal`: outputs within 1e-4 of the largest one of each sample, and the same argmax. `compile_s` is the time from
the package to the second answer less that of answering again, `peak_bytes` the memory of that process above an empty
one. `accelerated`: the same by torch with sparse layers. Networks of over 100 M weights are left to `--large`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS = ("name", "traced", "equal", "accelerated", "trace_s", "compile_s", "code_bytes", "peak_bytes", "reason")
TIMED = ("resnet18", "resnet50", "mobilenet_v3_large", "vit_b_16")
GOAL, SPARSITY, LARGE, PATIENCE = 1.8, 0.8, 100e6, 900
INT8_GOAL = 3.0
"""Of the ticket in int8, against the best dense fp32; and against the best dense int8:"""
INT8_GOALS = {"resnet18": 1.7, "resnet50": 1.7, "vit_b_16": 1.8}
BATCHES = (1, 3)
TOLERANCE = 1e-4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="some of the suite's networks; by default all")
    parser.add_argument("--suite", choices=("torchvision", "hf"), default="torchvision")
    parser.add_argument("--large", action="store_true", help="networks of over 100 M weights too")
    parser.add_argument("--speed", action="store_true", help="time four networks against dense instead")
    parser.add_argument("--sparsities", type=float, nargs="+", default=[SPARSITY], help="with --speed")
    parser.add_argument("--granularity", choices=("weight", "window"), default="weight", help="with --speed")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16], help="with --speed")
    parser.add_argument("--threads", type=int, default=1, help="with --speed: of every back-end")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    parser.add_argument("--trace", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.trace:
        print(json.dumps(traced(options.suite, options.names[0], options.trace, options.large)))
    elif options.answer:
        print(json.dumps(answered(options.answer)))
    else:
        rows = speeds(options) if options.speed else examined(options)
        shown(rows, options.output, options.speed)
    return 0


def examined(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One row for each network, from a process that knows torch and one that does not."""
    for name in options.names or names(options.suite):
        with tempfile.TemporaryDirectory() as folder:
            more = [*(["--large"] if options.large else []), "--suite", options.suite]
            row = {"name": name, **child("--trace", folder, *more, name)}
            if row.get("traced"):
                row |= child("--answer", folder)
        yield {column: row.get(column) for column in COLUMNS}


def child(*arguments: str) -> dict[str, Any]:
    """The answer of this script in a process of its own; or why there is none."""
    quiet = {**os.environ, "HF_HUB_OFFLINE": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    argv = [sys.executable, __file__, *arguments]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, env=quiet, timeout=PATIENCE)
        return dict(json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, json.JSONDecodeError):
        return {"traced": False, "reason": done.stderr.strip().splitlines()[-1:][0][:200] if done.stderr else "it died"}
    except subprocess.TimeoutExpired:
        return {"traced": False, "reason": f"it took more than {PATIENCE} s"}


def names(suite: str) -> list[str]:
    if suite == "hf":
        import architectures

        return list(architectures.ALL)
    import torchvision

    return torchvision.models.list_models(module=torchvision.models)


def built(suite: str, name: str) -> tuple[Any, Any]:
    """A network in eval mode, and inputs for three samples."""
    import torch

    torch.manual_seed(0)
    if suite == "hf":
        import architectures

        return architectures.ALL[name]()
    import torchvision

    plain = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    side = (
        299
        if name == "inception_v3"
        else int(torchvision.models.get_model_weights(name).DEFAULT.transforms().crop_size[0])
    )
    return torchvision.models.get_model(name, **plain).eval(), torch.randn(3, 3, side, side)


def masked(module: Any) -> dict[str, Any]:
    """A mask for each matrix and kernel, and its weights under it; what is zero from the start gets values."""
    import torch

    masks = {}
    for name, weight in module.requires_grad_(False).named_parameters():
        if weight.dim() > 1:
            masks[name] = torch.rand(weight.shape) >= SPARSITY
            weight.copy_((weight if weight.any() else torch.randn_like(weight) * 0.02) * masks[name])
    return masks


def traced(suite: str, name: str, folder: Path, large: bool) -> dict[str, Any]:
    """Trace, pack, and leave inputs and torch's outputs beside the package."""
    import torch

    from ticketsmith_runner.applicable import NotApplicable
    from ticketsmith_runner.inputs import call, outputs, rows, tensors
    from ticketsmith_runner.lowering import network
    from ticketsmith_runtime.package import Ticket, write
    from ticketsmith_runtime.torch import accelerate

    torch.set_num_threads(1)
    module, inputs = built(suite, name)
    if sum(weight.numel() for weight in module.parameters()) > LARGE and not large:
        return {"traced": None, "reason": "over 100 M weights: --large"}
    masks, began = masked(module), time.perf_counter()
    try:
        lowered = network(module, masks, inputs)
    except NotApplicable as reason:
        return {"traced": False, "reason": str(reason)}
    seconds = time.perf_counter() - began
    write(folder / "a.ticket", Ticket(graph=lowered))
    with torch.no_grad():
        for batch in BATCHES:
            few = rows(inputs, slice(batch))
            given, expected = tensors(few), outputs(call(module, few))
            np.savez(folder / f"inputs{batch}.npz", *(each.numpy() for each in given))
            np.savez(folder / f"outputs{batch}.npz", *(each.numpy() for each in expected))
        fast = outputs(call(accelerate(built(suite, name)[0], folder / "a.ticket"), inputs))
    same = all(close(ours.numpy(), theirs.numpy()) for ours, theirs in zip(fast, expected, strict=True))
    return {"traced": True, "trace_s": round(seconds, 1), "accelerated": same}


def answered(folder: Path) -> dict[str, Any]:
    """Load the package and answer, in a process without torch."""
    import ticketsmith_runtime

    before = peak()
    began = time.perf_counter()
    model = ticketsmith_runtime.load(folder / "a.ticket")
    batches = [list(np.load(folder / f"inputs{batch}.npz").values()) for batch in BATCHES]
    first = [model.run("operators")(*inputs) for inputs in batches]
    loaded = time.perf_counter() - began
    again = [model.run("operators")(*inputs) for inputs in batches]
    compiled = loaded - (time.perf_counter() - began - loaded)
    assert "torch" not in sys.modules
    expected = [list(np.load(folder / f"outputs{batch}.npz").values()) for batch in BATCHES]
    equal = all(
        close(ours, theirs)
        for answers in (first, again)
        for found, wanted in zip(answers, expected, strict=True)
        for ours, theirs in zip(found, wanted, strict=True)
    )
    more = peak() - before
    code, _ = model.run("operators").bytes
    return {"equal": equal, "compile_s": round(compiled, 2), "code_bytes": code, "peak_bytes": more}


def peak() -> int:
    """The most bytes that this program has held at once: resource's figure survives from what called it."""
    words = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()
    return 1024 * int(words[0])


def close(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Equal by each sample's scale; the largest of each row is the same, unless the two are as near."""
    a, b = (each.reshape(len(each), -1).astype(np.float64) for each in (ours, theirs))
    allowed = TOLERANCE * np.abs(b).max(1)
    chosen = np.take_along_axis(b, a.argmax(1)[:, None], 1)[:, 0]
    return bool((np.abs(a - b).max(1) <= allowed).all() and (b.max(1) - chosen <= allowed).all())


def speeds(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The ticket in fp32 and in int8 against the best dense ones."""
    import torch

    torch.set_num_threads(options.threads)
    for name in options.names or TIMED:
        for sparsity in options.sparsities:
            yield from timed(name, sparsity, options)


def timed(name: str, sparsity: float, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row for each batch and precision."""
    from functools import partial

    import nets
    import torch

    from ticketsmith.lottery.choices import TICKET_IN_INT8
    from ticketsmith.lottery.spec import BenchmarkOptions
    from ticketsmith_runner.backends import every
    from ticketsmith_runner.steps.benchmark import benchmark
    from ticketsmith_runner.subject import Subject

    (dense, inputs), (ticket, _) = built("torchvision", name), built("torchvision", name)
    subject = Subject(
        replicate=0,
        dense=dense.requires_grad_(False),
        masked=ticket,
        masks=nets.cut(ticket, sparsity, options.granularity),
        inputs=torch.cat([inputs] * 6)[:16],
    )
    backends = {key: backend for key, backend in every().items() if not backend.KIND.asked}
    sizes = tuple(options.batches)
    measure = BenchmarkOptions(batch_sizes=sizes, rounds=16, seconds=0.05, threads=options.threads)
    speed = benchmark(subject, measure, backends, make=partial(_made, name))
    for row in speed.rows:
        if row.backend in ("operators", TICKET_IN_INT8):
            precision = speed.precisions.get(row.backend, "float32")
            found = {"name": name, "sparsity": subject.sparsity, "batch": row.batch_size, "precision": precision}
            found |= {"seconds": row.p50, "dense": speed.opponent(row.batch_size), "ratio": row.ratio}
            found |= {"low": row.low, "high": row.high}
            found |= {key: best and best.ratio for key, best in (("int8", row.int8), ("any", row.any))}
            yield found | {"reached": _reached(name, precision, row.ratio, found["int8"])}


def _reached(name: str, precision: str, ratio: float, int8: float | None) -> bool | None:
    """Tell whether a row reaches its goals; None where it has none."""
    if precision == "float32":
        return ratio >= GOAL
    return ratio >= INT8_GOAL and (int8 or 0) >= INT8_GOALS[name] if name in INT8_GOALS else None


def _made(name: str) -> Any:
    return built("torchvision", name)[0]


def shown(rows: Iterator[dict[str, Any]], output: str, speed: bool) -> None:
    """A table row by row, or JSON at the end; and how many reached the goal."""
    found = []
    for row in rows:
        found.append(row)
        if output == "text":
            print(
                "  ".join(f"{_text(value):{'>12' if n else '<24'}}" for n, value in enumerate(row.values())), flush=True
            )
    if output == "json":
        print(json.dumps({"rows": found}, indent=2))
    elif speed:
        goals = [row["reached"] for row in found if row["reached"] is not None]
        said = f"{GOAL}x of the best dense fp32 and, in int8, {INT8_GOAL}x, and {INT8_GOALS} of the best dense int8"
        print(f"{sum(goals)} of {len(goals)} reach their goals: {said}")
    else:
        counts = {key: sum(row[key] is True for row in found) for key in ("traced", "equal", "accelerated")}
        print(f"{len(found)} networks: " + ", ".join(f"{count} {key}" for key, count in counts.items()))


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "-" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(main())
