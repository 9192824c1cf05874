"""A pod has an image and a store, and nothing of the user's machine: it leaves the same bytes, or says why not."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ticketsmith import cards
from ticketsmith.cards import read
from ticketsmith.datafiles import Manifest, blob_key, manifest_key
from ticketsmith.datafiles import read as manifest_of
from ticketsmith.documents import canonical
from ticketsmith.errors import Conflict, IntegrityError, TicketSmithError, UsageError
from ticketsmith.executors import local
from ticketsmith.executors.image import missing
from ticketsmith.executors.sending import send
from ticketsmith.ledger import CARD, Ledger, spec_key
from ticketsmith.lottery.spec import Experiment
from ticketsmith.sources import code_key
from ticketsmith.specs import read_spec
from ticketsmith.stores.local import LocalStore
from ticketsmith_runner.arguments import parser
from ticketsmith_runner.commands import context_of, run
from ticketsmith_runner.reads import Reads
from ticketsmith_runner.tasks import Task

from ..own_task import SIBLING, OwnTask, planted
from .test_runs import VOLATILE

SMALL = {"controls": [], "pruning": {"sparsity": 0.2}, "benchmark": {"batch_sizes": [1], "rounds": 1, "seconds": 1e-4}}
DENSE = ("--cohort=0", "--level=0", "--arm=dense", "--kinds=train")
TICKET = ("--cohort=0", "--level=1", "--arm=ticket", "--kinds=prune,rewind,train")
GATE = ("--cohort=0", "--level=1", "--arm=ticket", "--kinds=gate")
WITHOUT = "import runpy, sys; sys.modules |= dict.fromkeys({!r}); runpy.run_module({!r}, None, '__main__', True)"
"""The runner of a machine without these libraries."""


@dataclass(frozen=True)
class Submitted:
    """A run whose store has all that a pod needs."""

    task: OwnTask
    spec: Experiment
    store: LocalStore

    @property
    def key(self) -> str:
        return spec_key(self.spec.run_id(), self.spec)

    def argv(self, *options: str) -> list[str]:
        """Arguments of a pod."""
        return ["step", f"--spec={self.key}", f"--store={self.store.root}", *options]

    def pod(self, *options: str) -> None:
        """The same in this process. Raises what a pod would end with."""
        run(parser().parse_args(self.argv(*options)))

    def path(self, key: str) -> Path:
        return Path(self.store.root) / key


def submitted(folder: Path, task: OwnTask) -> Submitted:
    spec = read_spec(None, SMALL | {"task": str(task.file)}, str(task.data))
    ready = Submitted(task, spec, LocalStore(folder / "store"))
    send(ready.store, spec, str(task.data), mounted=False)
    ready.store.put_once(ready.key, canonical(spec.model_dump(mode="json")))
    return ready


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Submitted:
    folder = tmp_path_factory.mktemp("submitted")
    return submitted(folder, planted(folder))


@pytest.fixture
def ready(whole: Submitted, tmp_path: Path) -> Submitted:
    """A copy that a test may damage; the task's file is where it was."""
    shutil.copytree(whole.store.root, tmp_path / "store")
    shutil.copytree(whole.task.data, tmp_path / "data")
    return replace(whole, task=OwnTask(whole.task.file, tmp_path / "data"), store=LocalStore(tmp_path / "store"))


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which a pod begins."""
    (tmp_path / "pod").mkdir()
    monkeypatch.chdir(tmp_path / "pod")
    return tmp_path / "pod"


def test_pods_without_the_task_its_data_or_a_home_leave_the_bytes_of_the_machine_that_has_them(
    tmp_path: Path,
) -> None:
    ready, here = submitted(tmp_path, planted(tmp_path)), tmp_path / "here"
    heard: list[object] = []
    options = {"store": str(here), "data_root": str(ready.task.data), "workers": 1}
    assert local.run(ready.spec, ["all"], **options, listen=heard.append) == 0, heard[-5:]
    (tmp_path / "code").rename(tmp_path / "gone")
    (tmp_path / "data").rename(tmp_path / "gone too")
    (tmp_path / "tmp").mkdir()
    (tmp_path / "empty").mkdir()
    bare = {"PATH": os.environ["PATH"], "HOME": "", "TMPDIR": str(tmp_path / "tmp")}
    for chain in (DENSE, TICKET, GATE):
        argv = [sys.executable, "-P", "-m", "ticketsmith_runner", *ready.argv(*chain)]
        done = subprocess.run(argv, cwd=tmp_path / "empty", env=bare, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    theirs, ours = record(ready.path(ready.spec.run_id())), record(here / ready.spec.run_id())
    assert "cohort-00/level-01/ticket/gate/verdict.json" in theirs
    assert theirs == {key: data for key, data in ours.items() if "/benchmark/" not in key}
    assert not list((tmp_path / "tmp").glob("ticketsmith-*")), "nothing is left behind"


def test_what_reads_records_alone_waits_for_no_library_of_trainings(ready: Submitted, elsewhere: Path) -> None:
    """Torch takes three of the four seconds in which a pod starts; a training in turn needs nothing that draws."""
    chains = [(each, ["ticketsmith.report.write"]) for each in (DENSE, TICKET)] + [(GATE, ["torch"])]
    report = ["report", f"--spec={ready.key}", f"--store={ready.store.root}"]
    for words, banned in [*((ready.argv(*chain), banned) for chain, banned in chains), (report, ["torch"])]:
        argv = [sys.executable, "-P", "-c", WITHOUT.format(banned, "ticketsmith_runner"), *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    assert ready.path(f"{ready.spec.run_id()}/report").is_dir()


def record(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in VOLATILE]
    named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return {key: data for key, data in named.items() if not key.startswith("report")}


def test_data_is_brought_once_it_is_needed_and_not_for_a_gate(ready: Submitted, elsewhere: Path) -> None:
    ledger = Ledger(ready.store, ready.spec.run_id())
    roots = {}
    for chain in (DENSE, GATE):
        options = parser().parse_args(ready.argv(*chain))
        with context_of(ledger, ready.spec, options) as context:
            roots[chain] = context.data_root
            there = Path(context.data_root, "clouds", "low.npy").is_file()
            assert there is (chain is DENSE)
    assert roots[GATE] == "data" and roots[DENSE] != "data"


@pytest.mark.parametrize("told", ["flag", "environment"])
def test_a_mount_that_has_the_files_is_used(
    ready: Submitted, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    root = str(ready.task.data)
    if told == "environment":
        monkeypatch.setenv("TICKETSMITH_DATA_ROOT", root)
    options = parser().parse_args(ready.argv(*DENSE, *([f"--data-root={root}"] if told == "flag" else [])))
    ledger = Ledger(ready.store, ready.spec.run_id())
    with context_of(ledger, ready.spec, options) as context:
        assert context.data_root == root and context.examples.count == 120


def test_a_mount_needs_no_data_in_the_store(ready: Submitted, elsewhere: Path) -> None:
    ready.path(manifest_key(str(read(Ledger(ready.store, ready.spec.run_id())).files))).unlink()
    options = parser().parse_args(ready.argv(*DENSE, f"--data-root={ready.task.data}"))
    with context_of(Ledger(ready.store, ready.spec.run_id()), ready.spec, options) as context:
        assert context.examples.count == 120


def refused(ready: Submitted, kind: type[TicketSmithError], problem: str, fix: str, *options: str) -> None:
    with pytest.raises(kind) as error:
        ready.pod(*DENSE, *options)
    assert problem in str(error.value) and fix in str(error.value).partition("fix: ")[2], error.value


def altered(path: Path, data: bytes) -> None:
    path.unlink()  # it is read-only
    path.write_bytes(data)


@pytest.mark.usefixtures("elsewhere")
class TestRefusals:
    def test_another_engine(self, ready: Submitted) -> None:
        sources = ready.spec.sources.model_copy(update={"engine": "0" * 64})
        spec = ready.spec.model_copy(update={"sources": sources})
        other = replace(ready, spec=spec)
        other.store.put_once(other.key, canonical(spec.model_dump(mode="json")))
        card = ready.store.get(f"{ready.spec.run_id()}/{CARD}")
        other.store.put_once(f"{spec.run_id()}/{CARD}", card)
        refused(other, Conflict, "other code of TicketSmith", "in pods: the image of that version")

    def test_code_that_was_altered(self, ready: Submitted) -> None:
        path = ready.path(code_key(ready.spec.sources.code))
        altered(path, path.read_bytes().replace(b"argmax", b"argmin"))
        refused(ready, IntegrityError, "the archive of code: expected sha256", "")

    def test_a_card_that_names_other_code(self, ready: Submitted) -> None:
        """Nothing runs but what the spec names, whoever could write to the store."""
        path = ready.path(f"{ready.spec.run_id()}/{CARD}")
        altered(path, path.read_bytes().replace(ready.spec.sources.code.encode(), b"0" * 64))
        refused(ready, IntegrityError, "is of other code or data than the spec", "bring it back from a copy")

    def test_code_that_is_gone(self, ready: Submitted) -> None:
        ready.path(code_key(ready.spec.sources.code)).unlink()
        refused(ready, IntegrityError, "the code of the run is not at", "run the same command again")

    def test_an_image_with_another_copy_of_a_sibling(
        self, ready: Submitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "installed").mkdir()
        (tmp_path / "installed" / "clouds_network.py").write_text(SIBLING.replace("ReLU", "GELU"))
        monkeypatch.syspath_prepend(str(tmp_path / "installed"))
        sys.modules.pop("clouds_network", None)
        try:
            refused(ready, Conflict, "is installed and differs from the code of the run", "install the version")
        finally:
            sys.modules.pop("clouds_network", None)

    def test_data_that_was_altered(self, ready: Submitted) -> None:
        path = ready.path(blob_key(self._manifest(ready).entries[0].sha256))
        altered(path, path.read_bytes()[:-1] + b"!")
        refused(ready, IntegrityError, "expected sha256", "submit the task again")

    def test_data_that_is_gone(self, ready: Submitted) -> None:
        ready.path(blob_key(self._manifest(ready).entries[0].sha256)).unlink()
        refused(ready, IntegrityError, "is missing: clouds/high.npy", "submit the task again")

    def test_no_data_anywhere(self, ready: Submitted) -> None:
        ready.path(manifest_key(self._manifest(ready).digest)).unlink()
        refused(ready, IntegrityError, "the data of the run is not below 'data'", "submit it again")

    def test_other_data_at_the_mount(self, ready: Submitted) -> None:
        file = ready.task.files[0]
        altered(file, file.read_bytes()[:-1] + b"!")
        refused(ready, Conflict, "the run expects", "bring back the data", f"--data-root={ready.task.data}")

    def _manifest(self, ready: Submitted) -> Manifest:
        return manifest_of(ready.store, str(read(Ledger(ready.store, ready.spec.run_id())).files))


def test_a_library_that_the_image_has_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: Path) -> None:
    """It is known before the submission, and told by a pod that lacks it."""
    library = tmp_path / "site-packages"
    library.mkdir()
    (library / "petals.py").write_text("")
    task = planted(tmp_path)
    task.file.write_text(task.file.read_text().replace("FILES =", "import petals\n\nFILES =", 1))
    with monkeypatch.context() as installed:
        installed.syspath_prepend(str(library))
        installed.setenv("PYTHONPATH", str(library))
        ready = submitted(tmp_path, task)
        assert missing(str(task.file)) == ["petals"]
    refused(ready, UsageError, "No module named 'petals'", "for pods: an image `FROM` ours")


def test_our_own_tasks_need_nothing_beside_the_image() -> None:
    assert missing("digits-mlp") == missing("mnist-lenet300") == []


def test_what_is_compiled_for_an_image_is_all_that_a_training_needs(ready: Submitted, tmp_path: Path) -> None:
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "compiled"), "PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    def kept(*argv: str) -> set[str]:
        command = [sys.executable, "-P", "-m", *argv]
        done = subprocess.run(command, env=cache, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return {path.name for path in (tmp_path / "compiled").rglob("*.nbc")}

    warm = kept("ticketsmith_runner.warm")
    assert warm and kept("ticketsmith_runner", *ready.argv(*DENSE)) == warm


class TestReads:
    """Files that a pod would miss."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        (tmp_path / "root" / "inside").mkdir(parents=True)
        for name in ("a.txt", "inside/b.txt"):
            (tmp_path / "root" / name).write_text("x")
        (tmp_path / "outside.txt").write_text("x")
        return tmp_path / "root"

    def test_a_file_that_is_not_named(self, root: Path, tmp_path: Path) -> None:
        reads = Reads(root)
        for name in ("a.txt", "inside/b.txt", "../outside.txt"):
            (root / name).read_text()
        assert reads.unnamed([root / "a.txt"], tmp_path / "code") == str(root / "inside" / "b.txt")
        assert reads.unnamed([root / "a.txt", root / "inside" / "b.txt"], tmp_path / "code") is None
        assert reads.unnamed([root / "a.txt"], root / "inside") is None, "it is code"

    def test_a_folder_that_is_listed_by_a_task_that_names_nothing(self, root: Path, tmp_path: Path) -> None:
        reads = Reads(root)
        assert [file.name for file in (root / "inside").iterdir()] == ["b.txt"]
        assert reads.unnamed([], tmp_path / "code") == str(root / "inside")
        assert reads.unnamed([root / "a.txt"], tmp_path / "code") is None

    def test_what_is_written_or_outside_is_none(self, root: Path, tmp_path: Path) -> None:
        reads = Reads(root)
        (root / "new.txt").write_text("y")
        (tmp_path / "outside.txt").read_text()
        assert reads.unnamed([], tmp_path / "code") is None

    def test_a_link_to_a_named_file_is_named(self, root: Path, tmp_path: Path) -> None:
        (root / "link.txt").symlink_to(root / "a.txt")
        reads = Reads(root)
        (root / "link.txt").read_text()
        assert reads.unnamed([root / "link.txt"], tmp_path / "code") is None

    def test_folders_in_which_a_further_file_would_count(self, root: Path, tmp_path: Path) -> None:
        reads = Reads(root)
        assert sorted(root.iterdir())[0].name == "a.txt"
        places = [str(root), str(root / "inside")]
        assert reads.listed([str(root / "inside" / "b.txt")], tmp_path / "code") == places
        assert reads.listed([str(root / "inside" / "b.txt")], root / "inside") == [str(root)], "it is code"


FOLDER = """
import torch
from torch import nn
from ticketsmith.task import ACCURACY as METRIC, Splits

DEFAULTS = {"replicates": 1, "training": {"steps": 4, "batch_size": 2, "learning_rate": 0.1}}
def data(root):
    files = sorted(root.rglob("*.txt"))
    numbers = torch.tensor([[float(file.read_text())] for file in files])
    return Splits(examples=torch.utils.data.TensorDataset(numbers), files=files, test=range(2), validation=2)
def model(): return nn.Linear(1, 1)
def loss(model, batch): return model(batch[0]).square().flatten()
"""


def test_the_next_card_knows_of_a_further_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A remembered card would have the old digest, which the run then refuses: nobody could begin one with it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "folder.py").write_text(FOLDER)
    for name in ("a/1", "a/2", "a/3", "b/4", "b/5", "b/6"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / f"{name}.txt").write_text(name[-1])
    before = cards.of(str(tmp_path / "folder.py"), str(tmp_path / "data"))
    (tmp_path / "data" / "c").mkdir()
    (tmp_path / "data" / "c" / "7.txt").write_text("7")
    cards._made.cache_clear()  # as in the next process
    after = cards.of(str(tmp_path / "folder.py"), str(tmp_path / "data"))
    assert (before.examples, after.examples) == (6, 7) and before.data != after.data


@pytest.mark.parametrize("sibling", ["helper_of_two", "packed_of_two/helper"])
def test_a_process_that_runs_two_tasks_keeps_their_modules_apart(tmp_path: Path, sibling: str) -> None:
    """The second imported the first one's sibling out of `sys.modules`, be its folder gone."""
    found = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        (folder / sibling).parent.mkdir(parents=True)
        (folder / f"{sibling}.py").write_text(f"SUMMARY = {number}\n")
        package, _, name = f".{sibling}".replace("/", ".").rpartition(".")
        start = f"from {package.strip('.')} import {name} as helper" if package else f"import {name} as helper"
        (folder / "two.py").write_text(f"{start}\n{FOLDER}")
        found.append(Task(str(folder), "two").code.helper.SUMMARY)
        shutil.rmtree(folder)
    assert found == [1, 2]
