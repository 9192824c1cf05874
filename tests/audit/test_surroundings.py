"""The surroundings of a process: processors, a parent that is killed, shared memory, a home, bytes, a terminal."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from shutil import which

import pytest

from ticketsmith.allowance import cores, memory
from ticketsmith_runner.steps.benchmark import tuning

from ..sdk.conftest import GENEROUS, OFFLINE, SMALL, Verdicts, cli, flags, runner_of, until
from .conftest import shell
from .test_exit_codes import worker_of

ROOT = Path(__file__).parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

# --- processors and memory --------------------------------------------------------------------------------------------

QUOTA, PERIOD = "cpu.cfs_quota_us", "cpu.cfs_period_us"
GROUPS = {
    "no limit": ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n"}, 64),
    "2, own group": ("0::/a/b\n", {"a/b/cpu.max": "300000 100000\n"}, 3),
    "2, a group above": ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "150000 100000\n"}, 2),
    "2, in a container": ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
    "1": ("4:cpu,cpuacct:/x\n", {f"cpu,cpuacct/x/{QUOTA}": "200000", f"cpu,cpuacct/x/{PERIOD}": "50000"}, 4),
    "1, no limit": ("4:cpu:/x\n", {f"cpu/x/{QUOTA}": "-1", f"cpu/x/{PERIOD}": "100000"}, 64),
    "1, in a container": ("4:cpu,cpuacct:/host/x\n", {f"cpu/{QUOTA}": "200000", f"cpu/{PERIOD}": "100000"}, 2),
    "1, another controller": ("4:cpuset:/x\n", {f"cpu/x/{QUOTA}": "200000", f"cpu/x/{PERIOD}": "100000"}, 64),
    "not there": ("", {}, 64),
}


@pytest.mark.parametrize("name", GROUPS)
def test_workers_are_as_many_as_the_quota_of_a_container(name: str, tmp_path: Path) -> None:
    """hyperglass#356: a container of two processors on a host of 64 started 64 workers."""
    membership, files, expected = GROUPS[name]
    (tmp_path / "membership").write_text(membership)
    for path, text in files.items():
        (tmp_path / "mount" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mount" / path).write_text(text)
    assert cores(tmp_path / "mount", tmp_path / "membership", affinity=64) == expected


@linux
def test_workers_are_as_many_as_the_affinity_mask() -> None:
    ask = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from ticketsmith.allowance import *"
    done = subprocess.run([sys.executable, "-c", f"{ask}; print(cores())"], capture_output=True, text=True, timeout=60)
    assert done.stdout == "1\n"


def test_nobody_counts_the_processors_of_the_host() -> None:
    files = [path for folder in ("sdk", "runner", "workflows", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 100 and not [path for path in files if "cpu_count" in path.read_text()]


def test_memory_is_that_of_the_container(tmp_path: Path) -> None:
    (tmp_path / "membership").write_text("0::/\n")
    (tmp_path / "memory.max").write_text("123456789\n")
    assert memory(tmp_path, tmp_path / "membership") == 123456789
    (tmp_path / "memory.max").write_text("max\n")
    assert memory(tmp_path, tmp_path / "membership") > 123456789


# --- a parent that is killed ------------------------------------------------------------------------------------------


@linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_runner_and_workers_end_with_a_command_that_is_killed(number: int, tmp_path: Path) -> None:
    """mngr#1280: the children of a killed parent went on for ever."""
    argv = [sys.executable, "-m", "ticketsmith", "run", "dense", *flags(SMALL | {"training.steps": 10**6})]
    hears = ["env", "--default-signal=HUP"]  # whoever starts the tests with nohup does not
    process = subprocess.Popen([*hears, *argv, "--workers", "2"], cwd=tmp_path, env=OFFLINE, stderr=subprocess.DEVNULL)
    try:
        runner = until(lambda: runner_of(process))
        worker = until(lambda: worker_of(runner))
        os.kill(process.pid, number)
        process.wait(timeout=10)
    finally:
        process.kill()  # or a million updates slow down what follows
    deadline = time.monotonic() + 5
    while (left := [pid for pid in (runner, worker) if _runs(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


# --- no shared memory -------------------------------------------------------------------------------------------------


@linux
def test_without_shared_memory_one_process_does_it_all(tmp_path: Path) -> None:
    """pandarallel#128: no /dev/shm in a container of a serverless host."""
    private = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    mount = [*private, "bash", "-c", 'mount -t tmpfs -o ro tmpfs /dev/shm && exec "$@"', "bash"]
    if not which("unshare") or subprocess.run([*mount, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace of our own can be made here")
    done = cli("run", "dense", *flags(SMALL), "--workers", "2", cwd=tmp_path, before=mount)
    assert done.returncode == 0, done.stderr
    assert "no worker processes here (" in done.stderr and "Traceback" not in done.stderr


# --- bytes and characters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_a_terminal_cannot_show_is_shown_plainly(verdicts: Verdicts, encoding: str) -> None:
    """plumbum#154: UnicodeEncodeError. A minus sign must not become a question mark."""
    done = shell(f"TS report {verdicts.passed}", verdicts.folder, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode(encoding)
    assert "Winning Ticket" in text and "?" not in text
    assert ("−50.00" in text) is (encoding == "utf-8") and ("-50.00" in text) is (encoding != "utf-8")


def test_the_words_of_the_runner_are_read_whatever_the_terminal_is(tmp_path: Path) -> None:
    done = shell("TS run imp --task mnist-lenet300 --data-root é --store gelé", tmp_path, PYTHONIOENCODING="latin-1")
    assert done.returncode == 3 and "/é' and could not be downloaded".encode("latin-1") in done.stderr


def test_bytes_in_the_environment_are_recorded() -> None:
    found = tuning({"OMP_X": os.fsdecode(b"\xff1"), "OMP_Y": "2", "PATH": "3"})
    assert found == {"OMP_X": "\ufffd1", "OMP_Y": "2"}


# --- terminals and logs -----------------------------------------------------------------------------------------------


def test_nothing_is_redrawn_in_a_log_that_is_to_have_colours(tmp_path: Path) -> None:
    """pip#13354: FORCE_COLOR filled the logs of continuous integration with cursor codes."""
    done = shell(f"TS run dense {' '.join(map(repr, flags(SMALL)))}", tmp_path, FORCE_COLOR="1")
    assert done.returncode == 0, done.stderr
    assert b"\x1b[2K" not in done.stderr and b"\x1b[1A" not in done.stderr and len(done.stderr) < 2000
    assert b"dense: accuracy " in done.stderr


@pytest.mark.parametrize("columns", [0, 1, 20, 40, 60, 78, 79, 200])
def test_no_number_is_cut_and_no_column_dropped_however_narrow(verdicts: Verdicts, columns: int) -> None:
    wide = shell(f"TS report {verdicts.passed}", verdicts.folder, COLUMNS="200").stdout.decode()
    done = shell(f"TS report {verdicts.passed}", verdicts.folder, COLUMNS=str(columns)).stdout.decode()
    assert "…" not in done
    whole = "".join(done.split())
    assert all("".join(word.split()) in whole for word in ("Status", "baseline", "ADOPT at ", "Rel. throughput"))
    numbers = [word for line in wide.splitlines()[1:5] for word in line.split() if word[0].isdigit()]
    assert len(numbers) > 8 and all(number in whole for number in numbers)


def test_a_printed_command_can_be_copied(verdicts: Verdicts, tmp_path: Path) -> None:
    (tmp_path / "my $(runs)").symlink_to(verdicts.store)
    done = shell(f"TS report {verdicts.passed} --store 'my $(runs)'", tmp_path)
    lines = [line.removeprefix("next:").strip() for line in done.stderr.decode().splitlines()]
    assert len(lines) >= 2 and all(line.endswith("--store 'my $(runs)'") for line in lines)
    again = shell(lines[0].replace("ticketsmith ", "TS "), tmp_path)
    assert again.returncode == 0 and b"the method, over 5 replicates: PASS" in again.stdout


def test_a_fix_names_the_store_that_was_asked(verdicts: Verdicts, tmp_path: Path) -> None:
    dense = " ".join(map(repr, flags(GENEROUS)))
    assert shell(f"TS run dense {dense} --store 'my runs'", tmp_path).returncode == 0
    done = shell("TS gate digits-mlp --store 'my runs'", tmp_path)
    assert done.returncode == 2 and b"--sparsity 0.75 " in done.stderr and b" --store 'my runs'`" in done.stderr
