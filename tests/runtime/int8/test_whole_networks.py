"""A ResNet-18 and a GPT in int8, in a process without torch: the same bytes, whatever the processor has."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from examples import char_gpt
from tests.runtime.int8.machines import HOST, LEFT_OUT
from tests.runtime.int8.test_same_bytes import pruned
from tests.runtime.test_alone import HEAVY
from torch import nn
from torchvision.models import resnet18

from ticketsmith_runner.lowering import network
from ticketsmith_runtime.int8.quantization import quantized
from ticketsmith_runtime.package import Ticket, write

NARROWER = [features for features in LEFT_OUT if HOST.has(*features)]
NONE = ("avx2", "avx512f", "avx512vnni", "avxvnni")
"""Without these, numpy answers."""
ANSWER = f"""
import hashlib, sys, numpy
from ticketsmith_runtime import load
from ticketsmith_runtime.llvm import Machine
package, inputs = sys.argv[1:]
for left_out in {[*NARROWER, NONE]}:
    outputs = load(package, machine=Machine.host().without(*left_out))(numpy.load(inputs))
    print(hashlib.sha256(outputs.tobytes()).hexdigest(), outputs.shape, outputs.std() > 0)
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def photo() -> tuple[nn.Module, torch.Tensor]:
    """ResNet-18 on images of 64 pixels: at 224, numpy takes a minute."""
    return resnet18(num_classes=10), torch.randn(2, 3, 64, 64)


def text() -> tuple[nn.Module, torch.Tensor]:
    """Two blocks, on windows of the example's length."""
    return char_gpt.model(width=64, layers=2), torch.randint(0, char_gpt.CHARACTERS, (2, char_gpt.LENGTH))


@pytest.mark.parametrize("made", [photo, text], ids=["resnet18", "gpt"])
def test_the_same_bytes_whatever_the_processor_has(
    made: Callable[[], tuple[nn.Module, torch.Tensor]], tmp_path: Path
) -> None:
    module, inputs = made()
    module, masks = pruned(module, 0.8)
    write(tmp_path / "my.ticket", Ticket(graph=quantized(network(module, masks, inputs))))
    np.save(tmp_path / "inputs.npy", inputs.numpy())
    argv = [sys.executable, "-c", ANSWER, str(tmp_path / "my.ticket"), str(tmp_path / "inputs.npy")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    *answers, heavy = done.stdout.splitlines()
    assert len(answers) == len(NARROWER) + 1, done.stderr
    assert len(set(answers)) == 1
    assert answers[0].endswith("True")
    assert heavy == "[]"
