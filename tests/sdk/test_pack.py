"""`ticketsmith pack` and `verify`: from a finished run to a package that answers, and what may be wrong on the way."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.numpy

from ticketsmith.cli.judged import Judged, judged
from ticketsmith.cli.measure import benchmark_step
from ticketsmith.cli.packed import beside
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.results import Speed
from ticketsmith.runs import spec_of
from ticketsmith.specs import read_spec
from ticketsmith.stores.local import LocalStore
from ticketsmith_runtime import load

from .conftest import Verdicts, cli


@pytest.fixture(scope="module")
def package(verdicts: Verdicts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("packed") / "my.ticket"
    done = cli("pack", verdicts.passed, "-o", str(to), cwd=verdicts.folder)
    assert done.returncode == 0, done.stderr
    assert "level 2" in done.stdout and "ticketsmith verify" in done.stderr
    return to


def test_a_package_holds_the_measured_ticket(verdicts: Verdicts, package: Path) -> None:
    ticket = load(package).ticket
    paths = list((verdicts.store / verdicts.passed).glob("**/speed.json"))  # other tests measure it too
    path = next(p for p in paths if Speed.model_validate_json(p.read_bytes()).machine.date == ticket.machine["date"])
    speed = Speed.model_validate_json(path.read_bytes())

    weights = safetensors.numpy.load_file(path.parents[2] / "train" / "weights.safetensors")

    for layer, number in zip(ticket.graph.layers(), (1, 3), strict=True):
        assert np.array_equal(layer.weight_OI, weights[f"{number}.weight"][speed.replicate])
        assert np.array_equal(layer.bias_O, weights[f"{number}.bias"][speed.replicate])
    assert [row.batch for row in ticket.measured] == [row.batch_size for row in speed.choices]
    assert ticket.provenance["run"] == verdicts.passed
    assert ticket.provenance["verdict"]["status"] == "PASS"
    assert ticket.machine == speed.machine.model_dump(mode="json")


def test_it_answers(package: Path) -> None:
    assert load(package)(np.zeros((3, 1, 8, 8))).shape == (3, 10)


def test_verify_says_what_it_checked(package: Path) -> None:
    done = cli("verify", str(package), cwd=package.parent)

    assert done.returncode == 0 and "1 x 8 x 8 -> 16 -> 10" in done.stdout and "numpy: equal" in done.stdout


def test_a_damaged_package_is_5(package: Path, tmp_path: Path) -> None:
    content = bytearray(package.read_bytes())
    content[-600] ^= 1
    (tmp_path / "bad").write_bytes(content)

    done = cli("verify", "bad", cwd=tmp_path)

    assert done.returncode == 5 and "fix:" in done.stderr and "Traceback" not in done.stderr


def test_another_replicate_is_measured_and_packed(verdicts: Verdicts, tmp_path: Path) -> None:
    done = cli("pack", verdicts.passed, "-o", str(tmp_path / "b"), "--replicate", "4", cwd=verdicts.folder)

    assert done.returncode == 0, done.stderr
    assert load(tmp_path / "b").ticket.provenance["replicate"] == 4


def test_the_compacted_network_for_other_runtimes(verdicts: Verdicts, package: Path, tmp_path: Path) -> None:
    import onnxruntime

    options = ["-o", str(tmp_path / "b"), "--onnx", str(tmp_path / "b.onnx")]
    done = cli("pack", verdicts.passed, *options, cwd=verdicts.folder)
    assert done.returncode == 0, done.stderr

    session = onnxruntime.InferenceSession(tmp_path / "b.onnx", providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).random((5, 64), np.float32)
    np.testing.assert_allclose(session.run(None, {"inputs": x})[0], load(package)(x), atol=1e-4)


def test_nothing_is_overwritten(verdicts: Verdicts, package: Path) -> None:
    before = package.read_bytes()

    done = cli("pack", verdicts.passed, "-o", str(package), cwd=verdicts.folder)

    assert done.returncode == 6 and "give another name with -o" in done.stderr
    assert package.read_bytes() == before


def test_a_folder_that_is_not_there(verdicts: Verdicts) -> None:
    done = cli("pack", verdicts.passed, "-o", "nowhere/a.ticket", cwd=verdicts.folder)

    assert done.returncode == 2 and "there is no folder nowhere" in done.stderr


def test_a_run_that_is_not_there(verdicts: Verdicts) -> None:
    assert cli("pack", "nobody", "-o", "a.ticket", cwd=verdicts.folder).returncode == 2


def test_what_another_machine_measured_is_measured_here_beside_it(verdicts: Verdicts, tmp_path: Path) -> None:
    shutil.copytree(verdicts.made / verdicts.passed, tmp_path / "runs" / verdicts.passed)
    ledger = Ledger(store := LocalStore(tmp_path / "runs"), verdicts.passed)
    spec = spec_of(store, verdicts.passed)
    step = benchmark_step(spec, judged(ledger, spec)[-1])
    speed = Speed.model_validate_json(ledger.read(step, "speed.json"))
    shutil.rmtree(tmp_path / "runs" / verdicts.passed / step.key)
    other = speed.model_copy(update={"machine": speed.machine.model_copy(update={"cpu": "another CPU"})})
    ledger.commit(step, {}, {"speed.json": other.model_dump_json().encode()})

    done = [cli("benchmark", verdicts.passed, cwd=tmp_path) for _ in "12"]

    assert all(each.returncode == 0 and "another CPU" not in each.stdout for each in done), done[0].stderr
    assert done[0].stdout == done[1].stdout  # measured once
    assert Speed.model_validate_json(ledger.read(step, "speed.json")).machine.cpu == "another CPU"


def test_a_package_in_int8_has_the_verdict_on_it(verdicts: Verdicts, package: Path) -> None:
    to = package.parent / "int8.ticket"
    done = cli("pack", verdicts.passed, "-o", str(to), "--precision", "int8", cwd=verdicts.folder)
    assert done.returncode == 0, done.stderr

    ticket = load(to).ticket
    said = cli("verify", str(to), cwd=verdicts.folder).stdout
    assert ticket.provenance["int8"]["status"] in ("PASS", "UNDECIDED")
    assert {row.backend for row in ticket.measured} <= {"operators"} and ticket.measured
    assert "operators: equal to the weights, bit for bit" in said
    assert load(to)(np.zeros((3, 1, 8, 8))).shape == (3, 10)


@pytest.mark.parametrize(
    ("statuses", "chosen", "asked", "says"),
    [
        ("PASS PASS", 2, False, ""),
        ("PASS FAIL", 1, False, ""),
        ("PASS UNDECIDED PASS FAIL", 3, True, "level 3 passes behind one that does not"),
        ("PASS UNDECIDED PASS", 3, True, ""),  # the target was settled on beforehand
        ("PASS UNDECIDED PASS", 1, False, "the target, level 3, passes too, behind one that does not: --level 3"),
        ("UNDECIDED PASS", 1, False, "the target, level 2, passes too"),
    ],
)
def test_a_level_that_a_reader_may_not_expect_is_explained(
    verdicts: Verdicts, statuses: str, chosen: int, asked: bool, says: str
) -> None:
    """A PASS behind a level that did not pass is none, unless it is the target's."""
    like, levels = verdicts.verdict(verdicts.passed), []
    for level, status in enumerate(statuses.split(), start=1):
        gate = SimpleNamespace(level=level)
        levels.append(Judged(gate=gate, verdict=like.model_copy(update={"level": level, "status": status})))
    pruning = {"fraction": 0.5, "sparsity": 1 - 0.5 ** len(levels)}
    spec = read_spec(None, {"pruning": pruning})
    said = " ".join(beside(levels[chosen - 1], levels, spec, asked))
    assert says in said and bool(said) == bool(says)
