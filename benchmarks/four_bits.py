"""Weights of four bits in a character GPT's ticket: bits per character against fp32 and int8, and the bytes they take.

    python benchmarks/four_bits.py

A GPT of 2 blocks, 96 wide, is trained on Austen's novels, which come with the task gpt-char; the last twentieth is kept
for the test. Four of five weights of each matrix but the tables are pruned by magnitude, the rest set back to update
100 and trained again. Then the weights are rounded, inputs to 7 bits as in int8: in 8 bits with a step for each unit,
or in 4 (-7 to 7) with a step for each unit, or for each few surviving weights of one, in the order of inputs; the step
of a group is the one, of several, that errs least. Differences to fp32 are paired by window, with a 95 % interval over
windows.

Bytes are those of a weight that is left at 80 %: its number, its share of a step in fp16, and where it belongs: a byte,
and the picks that stay empty, as the int8 loop reads it, or a bit for each weight, kept or not.
"""

import argparse
import bz2
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpt import Gpt
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ticketsmith_runner.lowering import network
from ticketsmith_runtime.folding import folded
from ticketsmith_runtime.int8 import numerics
from ticketsmith_runtime.network import Network, computed
from ticketsmith_tasks import gpt_char

AUSTEN = Path(gpt_char.__file__).with_name(gpt_char.FILES[0])
LENGTH, BATCH, WINDOWS = 64, 16, 1000
REWIND, WARM, RATE = 100, 50, 4e-3
SPARSITY, MARGIN = 0.8, 0.02
FILLED = 0.85
"""Share of the picks of the int8 loop that carry a weight, in windows of 64."""
GROUPS = (16, 32, 64, None)
"""Surviving weights that share a step; None: all of a unit's."""
Weights = dict[int, NDArray[np.float32]]


def trained(gpt: Gpt, text: Tensor, masks: dict[str, Tensor], updates: int, seed: int) -> dict[str, Tensor]:
    """Train the weights that the masks keep; the state at update REWIND."""
    optimizer = torch.optim.AdamW(gpt.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.05, fused=True)
    rng, early = torch.Generator().manual_seed(seed), dict[str, Tensor]()
    for update in range(updates):
        if update == REWIND:
            early = {name: each.clone() for name, each in gpt.state_dict().items()}
        rate = RATE * min(1, (update + 1) / WARM) * 0.5 * (1.02 + math.cos(math.pi * update / updates))
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = torch.randint(0, len(text) - LENGTH, (BATCH,), generator=rng)
        windows = torch.stack([text[start : start + LENGTH + 1] for start in starts])
        loss = F.cross_entropy(gpt(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(gpt.parameters(), 1.0)
        optimizer.step()
        apply(gpt, masks)
    return early


@torch.no_grad()
def apply(gpt: Gpt, masks: dict[str, Tensor]) -> None:
    """Zero what is pruned."""
    for name, weight in gpt.named_parameters():
        if name in masks:
            weight.mul_(masks[name])


def ticket(text: Tensor, symbols: int, updates: int, seed: int) -> tuple[Gpt, dict[str, Tensor]]:
    """The network that was found and trained, and its masks."""
    torch.manual_seed(seed)
    gpt = Gpt(96, 3, 2, symbols)
    torch.nn.init.normal_(gpt.place.weight, std=0.02)
    for name, weight in gpt.named_parameters():
        if name.endswith(("out.weight", "down.weight")):
            torch.nn.init.zeros_(weight)
    early = trained(gpt, text, {}, updates, seed)
    masks = {
        name: weight.abs() > float(np.quantile(weight.detach().abs().numpy(), SPARSITY))
        for name, weight in gpt.named_parameters()
        if weight.dim() > 1 and "blocks" in name
    }
    gpt.load_state_dict(early)
    apply(gpt, masks)
    trained(gpt, text, masks, updates, seed + 1)
    return gpt.eval(), masks


def in_steps(weight_OI: NDArray[np.float32], most: int, group: int | None) -> NDArray[np.float32]:
    """The weights as whole numbers up to `most` times a step, for each unit or each few weights of one."""
    found = np.zeros_like(weight_OI)
    for unit, row in zip(found, weight_OI, strict=True):
        kept = np.flatnonzero(row)
        for start in range(0, len(kept), group or max(len(kept), 1)):
            part = kept[start : start + group] if group else kept
            unit[part] = _stepped(row[part], most)
    return found


def _stepped(values: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Numbers as steps, of the size that errs least of those that cut the largest a little."""
    sizes = np.float16(np.abs(values).max() / most * np.linspace(0.6, 1, 17)[:, None]).astype(np.float32)
    steps = np.clip(np.rint(values / sizes), -most, most) * sizes
    return np.asarray(steps[np.square(steps - values).sum(1).argmin()])


def bits(net: Network, windows: NDArray[np.int64], weights: Weights, rounded: bool) -> NDArray[np.float64]:
    """Bits per character of each window, with these weights, and with inputs of 7 bits if they are `rounded`."""
    values: list[Any] = [windows[:, :-1], *(each.array for each in net.constants)]
    for node in net.nodes:
        weight = weights.get(node.reads[1]) if node.operator == "linear" else None
        if weight is None:
            values.append(computed(node, [values[read] for read in node.reads], len(windows)))
            continue
        x, *bias = values[node.reads[0]], *(values[read] for read in node.reads[2:])
        if rounded:
            steps, scale, zero = numerics.rows(x, 1)
            x = (steps.astype(np.float32) - zero[..., None]) * scale[..., None]
        values.append(sum(bias, x @ weight.T).astype(np.float32))
    logits = values[net.outputs[0]].astype(np.float64)
    logits -= logits.max(-1, keepdims=True)
    said = np.take_along_axis(logits, windows[:, 1:, None], -1)[..., 0] - np.log(np.exp(logits).sum(-1))
    return np.asarray(-said.mean(1) / math.log(2))


def variants(net: Network) -> Iterator[tuple[str, Weights, bool, float]]:
    """Names, weights, whether inputs are rounded, and bytes of a weight's number and step."""
    linears = {node.reads[1] for node in net.nodes if node.operator == "linear"}
    real = {value: found.array for value in linears if (found := net.constant(value)) is not None}
    yield "fp32", real, False, 4.0
    whole = {}
    for value, weight in real.items():
        steps, scale_O = numerics.weights(weight)
        whole[value] = steps * scale_O[:, None]
    yield "int8", whole, True, 1.0
    for group in GROUPS:
        four = {value: in_steps(weight, 7, group) for value, weight in real.items()}
        yield (
            f"4 bits, {f'steps of {group}' if group else 'a step a unit'}",
            four,
            True,
            0.5 + (2 / group if group else 0),
        )


def rows(text: bytes, updates: int, seed: int) -> Iterator[dict[str, Any]]:
    """Each variant: bits per character, the change against fp32 with its interval, and bytes."""
    alphabet = {each: n for n, each in enumerate(sorted(set(text)))}
    numbers = torch.tensor([alphabet[each] for each in text])
    edge = len(numbers) * 19 // 20
    gpt, masks = ticket(numbers[:edge], len(alphabet), updates, seed)
    lowered = folded(network(gpt, masks, numbers[None, :LENGTH].repeat(4, 1)))
    starts = np.random.default_rng(0).integers(edge, len(numbers) - LENGTH, WINDOWS)
    windows = np.stack([numbers[start : start + LENGTH + 1].numpy() for start in starts])
    first: NDArray[np.float64] | None = None
    for name, weights, rounded, size in variants(lowered):
        found = bits(lowered, windows, weights, rounded)
        first = found if first is None else first
        change = found - first
        half = 1.96 * change.std(ddof=1) / math.sqrt(len(change))
        yield {
            "name": name, "seed": seed, "bits": found.mean(), "change": change.mean(),
            "low": change.mean() - half, "high": change.mean() + half, "passes": bool(change.mean() + half < MARGIN),
            "bytes_picked": (size + 1) / FILLED, "bytes_masked": size + 1 / 8 / (1 - SPARSITY),
        }  # fmt: skip


def main() -> None:
    """Print a line for each way to store the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, help="a file of at least a million characters; by default Austen's novels")
    parser.add_argument("--updates", type=int, default=1000, help="of each of the two trainings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    options = parser.parse_args()
    text = options.text.read_bytes() if options.text else bz2.decompress(AUSTEN.read_bytes())
    found = list(rows(text, options.updates, options.seed))
    if options.output == "json":
        print(json.dumps(found, indent=2))
        return
    for row in found:
        interval = f"{row['change']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]"
        said = "" if row["name"] == "fp32" else f"  {interval}, {'inside' if row['passes'] else 'outside'} {MARGIN}"
        sizes = f"{row['bytes_picked']:.2f} bytes with a byte each, {row['bytes_masked']:.2f} with bits"
        print(f"{row['name']:22} {row['bits']:.4f} bits per character{said}  {sizes}")


if __name__ == "__main__":
    main()
