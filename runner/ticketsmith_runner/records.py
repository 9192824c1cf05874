"""Records: what a network says of each example it was not trained on. Later statistics are made of these.

M: records of a replicate, validation first, then test.  `records.safetensors` stacks R of them, short ones padded.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from .data import Data, Split
from .roles import TEST, VALIDATION
from .trainers import Forward

PART = 1024  # examples at a time: what a layer says of more does not stay in the cache
Records = dict[str, Tensor]


def answers(forward: Forward, inputs: Tensor) -> Tensor:
    """(n, ...) -> logits (n, C), a part at a time."""
    return torch.cat([forward(part) for part in torch.split(inputs, PART)])


def take(forward: Forward, data: Data, parts: Split) -> Records:
    """`example` int32, `role` uint8, `prediction` uint8 (uint16 beyond 256 classes), `confidence` fp16, `loss` fp32."""
    chosen = torch.cat([torch.from_numpy(parts.validation), torch.from_numpy(parts.test)])
    logits = answers(forward, data.inputs[chosen])
    confidence, prediction = logits.softmax(1).max(1)
    role = torch.full((len(chosen),), TEST, dtype=torch.uint8)
    role[: len(parts.validation)] = VALIDATION
    return {
        "example": chosen.to(torch.int32),
        "role": role,
        "prediction": prediction.to(torch.uint8 if logits.shape[1] <= 256 else torch.uint16),
        "confidence": confidence.to(torch.float16),
        "label": data.labels[chosen].to(torch.uint8 if logits.shape[1] <= 256 else torch.uint16),
        "score": (prediction == data.labels[chosen]).float(),
        "loss": cross_entropy(logits, data.labels[chosen], reduction="none"),
    }


def score(records: Records, data: Data) -> tuple[float, float]:
    """Accuracy and mean loss on the test split; the loss may be infinite or NaN."""
    tested = records["role"] == TEST
    right = records["prediction"].long() == data.labels[records["example"].long()]
    return float(right[tested].double().mean()), float(records["loss"][tested].double().mean())


def stack_ragged(members: list[Records]) -> Records:
    """R records of unequal length (folds differ in size) to (R, M): short ones end in example -1 with role PADDING."""
    longest = max(len(each["role"]) for each in members)

    def padded(tensor: Tensor, fill: int) -> Tensor:
        return torch.cat([tensor, torch.full((longest - len(tensor),), fill, dtype=tensor.dtype)])

    fills = {"example": -1}
    rows = [{name: padded(tensor, fills.get(name, 0)) for name, tensor in each.items()} for each in members]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
