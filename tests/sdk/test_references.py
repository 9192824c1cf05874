"""From what stands after `--task` to a file: three kinds of references, and every way to get one wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ticketsmith.errors import UsageError
from ticketsmith.references import Reference, entry_points, find

from .planting import BOOM, plant

FLOWERS = "METRIC = None\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages, one of which offers a task; all raise when they are imported."""
    return plant(
        tmp_path / "lib" / "site-packages",
        {
            "garden/__init__.py": BOOM,
            "garden/roses.py": BOOM,
            "garden/beds/tulips.py": BOOM,
            "stone.py": BOOM,
            "garden-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: garden\nVersion: 1.0\n",
            "garden-1.0.dist-info/entry_points.txt": (
                "[ticketsmith.tasks]\nred-roses = garden.roses\nlost = garden.nowhere\n[x]\ny = garden:x\n"
            ),
        },
    )


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The user's folder."""
    return plant(
        tmp_path / "here",
        {
            "flowers.py": BOOM,
            "My_Flowers.py": FLOWERS,
            "my_pkg/__init__.py": BOOM,
            "my_pkg/trees.py": BOOM + "from . import roots\n",
            "my_pkg/plain.py": FLOWERS,
            "plots/oak.py": FLOWERS,
        },
    )


def problem(reference: str, here: Path, site: Path | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        find(reference, here, [str(site)] if site else [])
    return str(caught.value)


# --- a path -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", ["flowers.py", "./flowers.py", "plots/../flowers.py"])
def test_a_path_is_a_task_named_like_its_file(reference: str, here: Path) -> None:
    assert find(reference, here, []) == Reference(name="flowers", module="flowers", file=here / "flowers.py", root=here)


def test_a_path_may_be_absolute(here: Path, tmp_path: Path) -> None:
    assert find(str(here / "flowers.py"), tmp_path, []).file == here / "flowers.py"


def test_a_path_may_begin_with_the_home_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here))
    assert find("~/flowers.py", Path("/"), []).file == here / "flowers.py"


def test_a_name_is_a_label_of_dns(here: Path) -> None:
    task = find("My_Flowers.py", here, [])
    assert (task.name, task.module) == ("my-flowers", "My_Flowers")


def test_a_file_of_a_package_that_imports_alone_stands_alone(here: Path) -> None:
    task = find("my_pkg/plain.py", here, [])
    assert (task.module, task.root) == ("plain", here / "my_pkg")


def test_a_file_that_imports_with_dots_is_a_module_of_its_package(here: Path) -> None:
    task = find("my_pkg/trees.py", here, [])
    assert (task.name, task.module, task.root) == ("trees", "my_pkg.trees", here)


def test_a_package_may_be_a_task(here: Path) -> None:
    task = find("my_pkg/__init__.py", here, [])
    assert (task.name, task.module, task.root) == ("my-pkg", "my_pkg", here)


def test_a_link_is_the_file_that_it_leads_to(here: Path) -> None:
    (here / "linked.py").symlink_to(here / "plots" / "oak.py")
    task = find("linked.py", here, [])
    assert (task.name, task.module, task.root) == ("linked", "oak", here / "plots")


# --- a module ---------------------------------------------------------------------------------------------------------


def test_a_module_of_the_current_folder(here: Path) -> None:
    assert find("flowers", here, []) == find("flowers.py", here, [])


def test_a_module_of_a_package_of_the_current_folder(here: Path) -> None:
    assert find("my_pkg.plain", here, []) == Reference(
        name="plain", module="my_pkg.plain", file=here / "my_pkg" / "plain.py", root=here
    )


def test_an_installed_module(here: Path, site: Path) -> None:
    assert find("garden.roses", here, [str(site)]) == Reference(
        name="roses", module="garden.roses", file=site / "garden" / "roses.py", root=site
    )


def test_a_module_below_a_folder_without_init(here: Path, site: Path) -> None:
    assert find("garden.beds.tulips", here, [str(site)]).file == site / "garden" / "beds" / "tulips.py"


def test_a_module_of_an_editable_installation_elsewhere(here: Path, site: Path) -> None:
    assert find("my_pkg.plain", site, [str(site), str(here)]).root == here


def test_nothing_is_imported(here: Path, site: Path) -> None:
    """Another process would end at the first line of any of these modules."""
    before = set(sys.modules)
    for reference in ("flowers.py", "my_pkg.trees", "garden.roses", "red-roses"):
        find(reference, here, [str(site)])
    assert not [name for name in set(sys.modules) - before if name.partition(".")[0] in ("flowers", "my_pkg", "garden")]


# --- an entry point ---------------------------------------------------------------------------------------------------


def test_an_entry_point_is_a_task_of_its_name(here: Path, site: Path) -> None:
    task = find("red-roses", here, [str(site)])
    assert (task.name, task.module, task.file) == ("red-roses", "garden.roses", site / "garden" / "roses.py")


def test_entry_points_are_those_of_one_group(site: Path) -> None:
    assert entry_points([str(site)]) == {"lost": "garden.nowhere", "red-roses": "garden.roses"}


def test_an_entry_point_without_its_module(here: Path, site: Path) -> None:
    assert problem("lost", here, site) == (
        "the task 'lost' is garden.nowhere, and there is no such module\n  fix: install its package again"
    )


# --- what is wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("red-rose", "no task 'red-rose'\n  fix: did you mean 'red-roses'? choose from lost, red-roses, a file"),
        ("flower", "no task 'flower'\n  fix: did you mean 'flowers.py'? choose from"),
        ("garden.rosse", "no task 'garden.rosse'\n  fix: did you mean 'garden.roses'? choose from"),
        ("stone.inner", "no task 'stone.inner'"),
        ("garden.beds", "no task 'garden.beds'"),
        ("", "no task ''"),
        ("a b", "no task 'a b'"),
        ("random", "no task 'random': that is a module of Python's or of TicketSmith's"),
        ("ticketsmith.task", "no task 'ticketsmith.task': that is a module of Python's or of TicketSmith's"),
        ("flowerz.py", "flowerz.py: there is no such file\n  fix: did you mean 'flowers.py'? `ticketsmith task new"),
        ("nowhere/x.py", "nowhere/x.py: there is no such file\n  fix: check the path; `ticketsmith task new x.py`"),
        ("./flowers", "./flowers: there is no such file\n  fix: did you mean 'flowers.py'?"),
        ("plots/", "plots/ is a folder\n  fix: name the task's file in it, for example plots/oak.py"),
        ("~nobody/x.py", "~nobody/x.py: there is no such"),
    ],
)
def test_a_name_that_is_nothing(reference: str, message: str, here: Path, site: Path) -> None:
    assert problem(reference, here, site).startswith(message)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("2flowers.py", "a task's name begins with a letter and has at most 40 letters"),
        ("my flowers.py", "a task's name begins with a letter"),
        ("blüten.py", "a task's name begins with a letter"),
        (f"{'f' * 41}.py", "a task's name begins with a letter and has at most 40"),
        ("flowers-.py", "a task's name begins with a letter"),
        (
            "flowers.v2.py",
            "flowers.v2.py: no module has a dot in its name\n  fix: rename it, for",
        ),
        ("random.py", "{here}/random.py: 'random' is a module of Python's or of TicketSmith's\n  fix: rename the file"),
        ("stone.py", "{here}/stone.py: 'stone' is also {site}/stone.py, which Python would import\n  fix: rename it"),
        ("notes/flowers.txt", "notes/flowers.txt is not a Python file\n  fix: name a file that ends in .py"),
    ],
)
def test_a_file_whose_name_will_not_do(name: str, message: str, here: Path, site: Path) -> None:
    plant(here, {name: FLOWERS})
    assert problem(name, here, site).startswith(message.format(here=here, site=site))


def test_forty_letters_will_do(here: Path) -> None:
    plant(here, {f"{'f' * 40}.py": FLOWERS})
    assert find(f"{'f' * 40}.py", here, []).name == "f" * 40


def test_a_module_that_is_here_and_installed_is_neither(here: Path, site: Path) -> None:
    """`python -m` would take the one of the folder, a run, whose folder is last on the path, the other."""
    plant(here, {"garden/__init__.py": "", "garden/roses.py": FLOWERS})
    said = problem("garden.roses", here, site)
    assert said.startswith(f"{here}/garden/__init__.py: 'garden' is also {site}/garden/__init__.py")


def test_a_file_that_imports_with_dots_outside_a_package(here: Path) -> None:
    plant(here, {"plots/elm.py": "from . import oak\n"})
    assert problem("plots/elm.py", here).startswith(
        "plots/elm.py: it imports with leading dots, and its folder is no package\n  fix: import what lies beside"
    )


@pytest.mark.parametrize("reference", ["broken.py", "broken"])
def test_a_syntax_error_is_shown_with_its_line(reference: str, here: Path) -> None:
    plant(here, {"broken.py": "x = 1\ndef f(:\n"})
    assert problem(reference, here) == (
        f"{here}/broken.py, line 2: invalid syntax\n    def f(:\n  fix: correct the line"
    )


@pytest.mark.parametrize("source", [b"x = '\0'\n", b"x = '\xff'\n", b"(" * 5000, b"# coding: none\n"])
def test_a_file_that_is_no_python(source: bytes, here: Path) -> None:
    plant(here, {"broken.py": source})
    assert f"{here}/broken.py" in problem("broken.py", here)


def test_an_odd_escape_is_no_error(here: Path) -> None:
    plant(here, {"odd.py": 'x = "\\d"\n'})
    assert find("odd.py", here, []).name == "odd"


def test_a_compiled_module_is_no_task(here: Path, site: Path) -> None:
    from importlib.machinery import EXTENSION_SUFFIXES

    plant(site, {f"fast{EXTENSION_SUFFIXES[0]}": b"\x7fELF"})
    assert "has no source\n  fix: a task is a file of Python" in problem("fast", here, site)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(here: Path) -> None:
    (here / "flowers.py").chmod(0)
    assert "Permission denied" in problem("flowers.py", here)


def test_help_loads_nothing_of_this() -> None:
    code = (
        "import sys\nfrom ticketsmith.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "ours = {'ticketsmith.' + name for name in ('references', 'sources', 'datafiles', 'digests', 'transport')}\n"
        "print(sorted({'importlib.metadata', 'tarfile', *ours} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr == "[]\n"
