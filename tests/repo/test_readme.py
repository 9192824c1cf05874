"""The README is run, and other pages with commands. The blocks of a page share one folder and follow one another.

Run: each line of a ```bash block, and each line after `$ ` of a ```console block.
Said, not run: what `git clone`, `cd`, `make`, `pip install` do has been done by whoever runs this test.
A comment above a block changes that: after `<!-- hours -->`, `<!-- network -->` or `<!-- cloud -->` it is parsed only,
what can be dry-run is (`ticketsmith run`, `submit`, `reproduce`; `kubectl create`), and other `ticketsmith` commands
are held to their options; `<!-- shows: text -->` promises a text of the output.
Outputs that a page shows are not compared: figures and run ids differ between machines and versions.
"""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from shutil import which

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"((?:<!--[^\n]*-->\n)*)```(bash|console)\n(.*?)```", re.DOTALL)
CLOUD = {"WHO": "w", "REPO": "o/r", "TICKETSMITH_STORE": "gs://bucket/runs"}
SET_UP = ("git clone", "cd ", "make ", "pip install", "uv pip install")
OURS = re.compile(r"ticketsmith |python -m ticketsmith\b|kubectl .*create |kubectl apply .*-k ")


@dataclass(frozen=True, kw_only=True)
class Block:
    commands: list[str]
    out_of_reach: bool
    shows: list[str]


def blocks(text: str) -> list[Block]:
    """Continuation lines are joined; comments and set-up are dropped."""
    found = []
    for comments, language, body in BLOCK.findall(text):
        lines = body.replace("\\\n", " ").splitlines()
        if language == "console":
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        commands = [line.strip() for line in lines if line.strip() and not line.startswith(("#", *SET_UP))]
        marked = re.search(r"<!-- (hours|network|cloud)\b", comments) is not None
        shows = re.findall(r"<!-- shows: (.*?) -->", comments)
        found.append(Block(commands=commands, out_of_reach=marked, shows=shows))
    return found


PAGES = (
    "README.md",
    "docs/commands.md",
    "docs/cluster.md",
    "docs/certificates.md",
    "docs/cost.md",
    "docs/generative.md",
    "docs/ladder.md",
    "docs/tasks.md",
    "benchmarks/README.md",
)
README, *MORE = ([block for block in blocks((ROOT / name).read_text()) if block.commands] for name in PAGES)


def test_some_blocks_are_run_and_some_are_out_of_reach() -> None:
    assert {block.out_of_reach for block in README} == {False, True}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a checkout, without runs; and blank files of MNIST, which a dry run counts and digests."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("argo", "configs", "examples"):
        (folder / name).symlink_to(ROOT / name)
    (raw := folder / "data" / "MNIST" / "raw").mkdir(parents=True)
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        for name, size in (("images-idx3-ubyte", 16 + 784 * count), ("labels-idx1-ubyte", 8 + count)):
            with (raw / f"{part}-{name}").open("wb") as file:
                file.truncate(size)  # takes no room on a disk
    return folder


@pytest.mark.parametrize(
    "block", [*README, *chain(*MORE)], ids=lambda block: block.commands[0].partition(" #")[0].strip()
)
def test_block(block: Block, reader: Path) -> None:
    script = "\n".join(block.commands)
    if block.out_of_reach:
        bash("-nc", script, reader)
        script = "\n".join(within_reach(each) for each in block.commands if OURS.match(each))
    output = bash("-ec", script, reader, **(CLOUD if block.out_of_reach else {}))
    assert not [text for text in block.shows if text not in output], output


def within_reach(command: str) -> str:
    """The part of our command that can be tried without its hours, network or cloud."""
    command = command.partition(" #")[0].strip()
    if command.startswith("kubectl"):
        if which("kubectl") is None:
            return f": no kubectl on PATH for {shlex.quote(command)}"
        if " -k " in command:
            return re.sub("apply .*-k", "kustomize", command)
        return f"{command} --dry-run=client -o name"
    dry = re.search(r" run | submit | reproduce |\.(train|prune)\b", command)
    return f"{command} --dry-run" if dry else f"{command} --help"


def bash(flags: str, script: str, folder: Path, **more: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "TICKETSMITH_STORE"} | more
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "110"}
    argv = ["bash", flags, script]
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def test_what_a_block_is() -> None:
    text = (
        "<!-- hours -->\n<!-- shows: PASS -->\n```bash\n# once\ncd x\nticketsmith run \\\n  imp  # long\n```\n"
        "```console\n$ ls\nREADME.md\n```\n```text\nls\n```\n"
    )
    assert blocks(text) == [
        Block(commands=["ticketsmith run    imp  # long"], out_of_reach=True, shows=["PASS"]),
        Block(commands=["ls"], out_of_reach=False, shows=[]),
    ]
    assert within_reach("ticketsmith run    imp  # long") == "ticketsmith run    imp --dry-run"
    assert within_reach("ticketsmith gate x") == "ticketsmith gate x --help"


def test_your_own_model_is_the_second_section_in_25_lines() -> None:
    sections = (ROOT / "README.md").read_text().split("\n## ")[1:]
    assert sections[1].startswith("Your own model\n") and sections[1].count("\n") < 25
