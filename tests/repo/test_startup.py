"""The command line stays light: what it loads is a list, not a time."""

import subprocess
import sys

import pytest

HEAVY = [
    "torch",
    "numpy",
    "hera",
    "google",
    "pydantic",
    "yaml",
    "rich",
    "httpx",
    "scipy",
    "sklearn",
    "ticketsmith_runner",
    "ticketsmith.engine",
]


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "imp", "--help"], ["gate", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        "from ticketsmith.cli import main\n"
        "try: main(sys.argv[1:])\n"
        f"finally: print('loaded:', [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded: []"


def test_a_spec_is_read_without_torch() -> None:
    script = "import sys, ticketsmith.specs as s; s.read_spec(None, {}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


def test_a_spec_is_read_without_the_runner() -> None:
    """It is validated against names, which `tests/contracts` holds to what the runner has."""
    script = (
        "import sys, ticketsmith.specs as s; s.read_spec(None, {'benchmark': {'backends': ['masked']}});"
        "sys.exit('ticketsmith_runner' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


def test_a_folder_is_opened_without_the_library_of_a_bucket() -> None:
    script = (
        "import sys; from ticketsmith.stores import open_store; open_store('runs'); sys.exit('google' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


def test_python_m_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ticketsmith", "--version"], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "ticketsmith 0.1.0\n"


def test_a_training_loads_no_compiler_and_no_library_for_its_data() -> None:
    """Each of them takes longer to import than a short training takes; a pod imports anew."""
    heavy = ["torch._dynamo", "torchvision", "sklearn", "scipy"]
    script = (
        "import sys, torch\n"
        "from ticketsmith.lottery.spec import Training\n"
        "from ticketsmith_runner import __main__, commands, optimizer\n"
        "from pathlib import Path\n"
        "from ticketsmith_tasks import digits_mlp\n"
        "digits_mlp.data(Path('')).examples[0]\n"
        "network = torch.nn.Linear(2, 2)\n"
        "network(torch.ones(1, 2)).sum().backward()\n"
        "training = Training(steps=1, batch_size=1, learning_rate=0.1)\n"
        "optimizer.Optimizer(dict(network.named_parameters()), training).step(0.1)\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n", done.stderr
