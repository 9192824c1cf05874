"""Networks that torch made, in a process without it: a ResNet-18 of torchvision, and a GPT of a user's file."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from ticketsmith_runner.lowering import network
from ticketsmith_runtime.package import Ticket, write

EXAMPLES = Path(__file__).parents[2] / "examples"
ANSWER = """
import sys
import numpy as np
import ticketsmith_runtime
np.save(sys.argv[3], ticketsmith_runtime.load(sys.argv[1])(np.load(sys.argv[2])))
assert not {"torch", "ticketsmith_runner", "ticketsmith", "pydantic"} & sys.modules.keys()
"""


def answered(make: Callable[[], nn.Module], inputs: Tensor, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Outputs of torch, and of a process of its own that has the package alone."""
    torch.manual_seed(0)
    module = make().eval().requires_grad_(False)
    masks = {name: torch.rand(w.shape) < 0.2 for name, w in module.named_parameters() if w.dim() > 1}
    for name, mask in masks.items():
        module.get_parameter(name).mul_(mask)
    write(folder / "a.ticket", Ticket(graph=network(module, masks, inputs)))
    np.save(folder / "inputs.npy", inputs.numpy())
    files = [str(folder / name) for name in ("a.ticket", "inputs.npy", "outputs.npy")]
    subprocess.run([sys.executable, "-c", ANSWER, *files], check=True, timeout=120)
    with torch.no_grad():
        return module(inputs).numpy(), np.load(folder / "outputs.npy")


def test_a_resnet_of_torchvision(tmp_path: Path) -> None:
    expected, found = answered(resnet18, torch.randn(3, 3, 64, 64), tmp_path)

    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    assert (found.argmax(1) == expected.argmax(1)).all()
    dense = sum(weight.numel() * weight.element_size() for weight in resnet18().parameters())
    assert (tmp_path / "a.ticket").stat().st_size < 0.25 * dense


def test_a_gpt_of_a_users_file(tmp_path: Path) -> None:
    sys.path.insert(0, str(EXAMPLES))
    try:
        import char_gpt
    finally:
        sys.path.remove(str(EXAMPLES))
    expected, found = answered(char_gpt.model, torch.randint(0, 128, (3, char_gpt.LENGTH)), tmp_path)

    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
