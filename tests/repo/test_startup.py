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
    "jinja2",
    "httpx",
    "scipy",
    "sklearn",
    "ticketsmith_runner",
    "ticketsmith.engine",
]


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["rnu"]])
def test_the_list_of_commands_imports_none_of_them(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        "from ticketsmith.cli import main\n"
        "from ticketsmith.cli.topics import TOPICS\n"
        "places = [place.partition(':')[0] for known in TOPICS.values() for place, _ in known.values()]\n"
        "try: main(sys.argv[1:])\n"
        "finally: print('loaded:', [name for name in places if f'ticketsmith.cli.{name}' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "loaded: []", done.stderr


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
    heavy = ["torch._dynamo", "sympy", "torchvision", "sklearn", "scipy"]
    script = (
        "import sys, torch\n"
        "from ticketsmith.lottery.spec import Training\n"
        "from ticketsmith_runner import __main__, commands, optimizer, room\n"
        "from pathlib import Path\n"
        "from types import SimpleNamespace\n"
        "from ticketsmith_tasks import digits_mlp\n"
        "digits_mlp.data(Path('')).examples[0]\n"
        "assert room.parameters(SimpleNamespace(network=digits_mlp.model)) == 50610\n"
        "network = torch.nn.Linear(2, 2)\n"
        "network(torch.ones(1, 2)).sum().backward()\n"
        "training = Training(steps=1, batch_size=1, learning_rate=0.1)\n"
        "optimizer.Optimizer(dict(network.named_parameters()), training).step(0.1)\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n", done.stderr
