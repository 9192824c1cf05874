"""The code of a task as an archive: what is in it, what its digest hangs on, what may neither enter nor leave it."""

import io
import os
import re
import shutil
import sys
import tarfile
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketsmith import sources
from ticketsmith.errors import IntegrityError, Retryable, UsageError
from ticketsmith.references import find
from ticketsmith.sources.modules import Modules
from ticketsmith.sources.tar import FILE_LIMIT, MOST_FILES, pack

from .planting import BOOM, plant

FLOWERS = (
    BOOM + "import json, numpy as np, helpers\n"
    "from my_pkg import data as d, VALUE\n"
    "FILES = ['labels.txt', 'vocabulary/']\n"
    "def model():\n    import late\n    return importlib.import_module('by_name')\n"
)
PROJECT = {
    "flowers.py": FLOWERS,
    "helpers.py": BOOM + "import second, torch.nn, ticketsmith.task, not_there\n",
    "second.py": BOOM + "import helpers\n",
    "late.py": BOOM,
    "by_name.py": BOOM,
    "unused.py": BOOM,
    "my_pkg/__init__.py": BOOM + "from .inner import *\n",
    "my_pkg/data.py": BOOM + "from .inner import deep\n",
    "my_pkg/inner/__init__.py": "__all__ = ['starred', 'value']\n",
    "my_pkg/inner/starred.py": "",
    "my_pkg/inner/deep.py": "",
    "my_pkg/unused.py": BOOM,
    "labels.txt": "rose\n",
    "vocabulary/a.bin": b"\0\1",
    "vocabulary/more/b.txt": "b",
    "vocabulary/__pycache__/c.pyc": b"",
    "vocabulary/.git/config": "",
    "other.txt": "",
}
NAMES = [
    "by_name.py", "flowers.py", "helpers.py", "labels.txt", "late.py", "my_pkg/__init__.py", "my_pkg/data.py",
    "my_pkg/inner/__init__.py", "my_pkg/inner/deep.py", "my_pkg/inner/starred.py", "second.py", "vocabulary/a.bin",
    "vocabulary/more/b.txt",
]  # fmt: skip
GOLDEN = "b52245f30d33d2608811cc18d024e426a23f11a5089f8109ae8c83ec06d3d29f"
ODD = "e7366c07ab4ff3968af52e88247368f306f0f04d03d2f2471211eeb299e26e56"
"""Digests of two archives, taken with Python 3.11, 3.12 and 3.13."""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Installed packages."""
    return plant(
        tmp_path / "lib" / "site-packages",
        {
            "numpy/__init__.py": BOOM,
            "torch/__init__.py": BOOM,
            "torch/nn.py": BOOM,
            "garden/__init__.py": BOOM + "import stone\n",
            "garden/roses.py": BOOM + "import garden.soil, numpy\nFILES = ['petals.txt']\n",
            "garden/soil.py": BOOM,
            "garden/unused.py": BOOM,
            "garden/petals.txt": "red",
            "stone.py": BOOM,
            "ticketsmith_tasks/__init__.py": "",
            "ticketsmith_tasks/digits_mlp.py": BOOM + "import ticketsmith_tasks.shared\n",
            "ticketsmith_tasks/shared.py": "",
        },
    )


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return plant(tmp_path / "here", PROJECT)


def packed(here: Path, site: Path, reference: str = "flowers.py", *path: Path) -> bytes:
    places = [*map(str, path), str(site)]
    return sources.archive(find(reference, here, places), Modules(places, []))


def names(archive: bytes) -> list[str]:
    return [name for name, _, _ in sources.listing(archive)]


def problem(here: Path, site: Path, reference: str = "flowers.py") -> str:
    with pytest.raises(UsageError) as caught:
        packed(here, site, reference)
    return str(caught.value)


# --- what is in it ----------------------------------------------------------------------------------------------------


def test_it_holds_what_is_imported_from_anywhere_in_the_code_and_the_named_data(here: Path, site: Path) -> None:
    assert names(packed(here, site)) == NAMES


def test_no_module_of_the_task_is_imported(here: Path, site: Path) -> None:
    """Another process would end at the first line of any of them."""
    packed(here, site)
    assert not {"flowers", "helpers", "my_pkg", "my_pkg.data"} & set(sys.modules)


def test_bytes_are_those_of_the_files(here: Path, site: Path, tmp_path: Path) -> None:
    data = packed(here, site)
    sources.unpack(data, sources.digest(data), tmp_path / "code")
    assert {name: (tmp_path / "code" / name).read_bytes() for name in NAMES} == {
        name: (here / name).read_bytes() for name in NAMES
    }


def test_a_listing_has_size_and_digest(here: Path, site: Path) -> None:
    name, size, digest = sources.listing(packed(here, site))[NAMES.index("labels.txt")]
    assert (name, size, digest) == ("labels.txt", 5, sources.digest(b"rose\n"))


def test_libraries_are_named_apart(here: Path, site: Path) -> None:
    assert sources.libraries(find("flowers.py", here, [str(site)]), Modules([str(site)], [])) == ["numpy", "torch"]


def test_an_installed_task_brings_its_own_package_as_far_as_it_is_reached(here: Path, site: Path) -> None:
    expected = ["garden/__init__.py", "garden/petals.txt", "garden/roses.py", "garden/soil.py"]
    assert names(packed(here, site, "garden.roses")) == expected


def test_a_bundled_task_is_code_of_whoever_imports_it(here: Path, site: Path) -> None:
    plant(here, {"own.py": "from ticketsmith_tasks.digits_mlp import data\n"})
    bundled = ["ticketsmith_tasks/__init__.py", "ticketsmith_tasks/digits_mlp.py", "ticketsmith_tasks/shared.py"]
    assert names(packed(here, site, "own.py")) == ["own.py", *bundled]


def test_a_bundled_task_is_the_same_installed_or_not(here: Path, site: Path, tmp_path: Path) -> None:
    shutil.copytree(site / "ticketsmith_tasks", tmp_path / "runner" / "ticketsmith_tasks")
    editable = packed(here, tmp_path / "runner", "ticketsmith_tasks.digits_mlp")
    assert packed(here, site, "ticketsmith_tasks.digits_mlp") == editable


def test_a_module_of_another_place_on_the_path_is_code_too(here: Path, site: Path, tmp_path: Path) -> None:
    plant(tmp_path / "elsewhere", {"common/__init__.py": "", "common/norms.py": "from . import more\n"})
    plant(tmp_path / "elsewhere", {"common/more.py": ""})
    plant(here, {"own.py": "from common.norms import norm\n"})
    expected = ["common/__init__.py", "common/more.py", "common/norms.py", "own.py"]
    assert names(packed(here, site, "own.py", tmp_path / "elsewhere")) == expected


def test_a_library_of_pip_target_is_none(here: Path, site: Path, tmp_path: Path) -> None:
    plant(tmp_path / "vendor", {"einops/__init__.py": BOOM, "einops-1.dist-info/METADATA": "Name: einops\n"})
    plant(here, {"own.py": "import einops\n"})
    assert names(packed(here, site, "own.py", tmp_path / "vendor")) == ["own.py"]


def test_the_standard_library_wins_over_a_file_beside_the_task(here: Path, site: Path) -> None:
    """As it does where the task's folder is last on the path."""
    plant(here, {"own.py": "import random\n", "random.py": BOOM})
    assert names(packed(here, site, "own.py")) == ["own.py"]


def test_a_module_below_folders_without_init_is_found(here: Path, site: Path) -> None:
    plant(here, {"own.py": "import nets.small.mlp\n", "nets/small/mlp.py": ""})
    assert names(packed(here, site, "own.py")) == ["nets/small/mlp.py", "own.py"]


def test_a_package_that_an_editable_installation_maps_to_its_folder(here: Path, site: Path, tmp_path: Path) -> None:
    """setuptools writes a finder like this one, which PathFinder does not ask."""
    from importlib.util import spec_from_file_location

    place = plant(tmp_path / "src" / "common", {"__init__.py": "", "norms.py": ""})

    class Finder:
        @staticmethod
        def find_spec(name: str, path: object = None) -> object:
            init = place / "__init__.py"
            found = spec_from_file_location(name, init, submodule_search_locations=[str(place)])
            return found if name == "common" else None

    plant(here, {"own.py": "import common.norms\n"})
    archive = sources.archive(find("own.py", here, []), Modules([], [Finder]))
    assert names(archive) == ["common/__init__.py", "common/norms.py", "own.py"]


def test_a_long_chain_of_imports_is_followed(here: Path, site: Path) -> None:
    plant(here, {f"m{n}.py": f"import m{n + 1}\n" for n in range(300)} | {"m300.py": ""})
    assert len(names(packed(here, site, "m0.py"))) == 301


# --- what its digest hangs on -----------------------------------------------------------------------------------------


def test_the_digest_is_the_same_on_every_machine(here: Path, site: Path) -> None:
    assert sources.digest(packed(here, site)) == GOLDEN


def test_odd_names_give_the_same_bytes_on_every_machine() -> None:
    """Those that are long or not ASCII have a header of their own."""
    assert sources.digest(pack({"a/é.txt": b"x", f"{'n' * 150}.txt": b"", f"{'d' * 90}/{'e' * 90}": b"y"})) == ODD


def test_a_moved_folder_keeps_the_digest(here: Path, site: Path, tmp_path: Path) -> None:
    before = packed(here, site)
    moved = here.rename(tmp_path / "moved to Ünï")
    assert packed(moved, site) == before
    assert packed(tmp_path, site, "moved to Ünï/flowers.py") == before


def test_a_link_to_the_folder_keeps_the_digest(here: Path, site: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(here)
    assert packed(tmp_path, site, "link/flowers.py") == packed(here, site)


def test_dates_and_modes_of_files_change_nothing(here: Path, site: Path) -> None:
    before = packed(here, site)
    os.utime(here / "flowers.py", (1, 1))
    (here / "helpers.py").chmod(0o755)
    assert packed(here, site) == before


def append(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with (folder / name).open("a") as file:
            file.write("# a comment\n")

    return change


def drop_from_files(folder: Path) -> None:
    (folder / "flowers.py").write_text(FLOWERS.replace("'labels.txt', ", ""))


def add_to_folder(folder: Path) -> None:
    plant(folder, {"vocabulary/c.txt": ""})


@pytest.mark.parametrize(
    "change",
    [
        append("flowers.py"), append("second.py"), append("my_pkg/__init__.py"), append("labels.txt"),
        append("vocabulary/more/b.txt"), drop_from_files, add_to_folder,
    ],
)  # fmt: skip
def test_a_change_of_what_travels_changes_it(change: Callable[[Path], None], here: Path, site: Path) -> None:
    before = packed(here, site)
    change(here)
    assert packed(here, site) != before


@pytest.mark.parametrize("name", ["unused.py", "my_pkg/unused.py", "other.txt", "new.py"])
def test_a_change_of_what_is_not_imported_changes_nothing(name: str, here: Path, site: Path) -> None:
    before = packed(here, site)
    append(name)(here)
    assert packed(here, site) == before


def test_a_change_of_a_library_changes_nothing(here: Path, site: Path) -> None:
    """Versions of libraries stand in the manifest of each step."""
    before = packed(here, site)
    append("numpy/__init__.py")(site)
    assert packed(here, site) == before


# --- what is refused --------------------------------------------------------------------------------------------------

SECRETS = {
    "the header of a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "an AWS key": "AKIA" + "Q" * 16,
    "a Google API key": "AIza" + "x" * 35,
    "a GitHub token": "ghp_" + "a" * 36,
    "a Hugging Face token": "hf_" + "b" * 34,
    "a Slack token": "xoxb-" + "1" * 12,
}


@pytest.mark.parametrize("kind", SECRETS)
def test_contents_that_look_like_a_secret_are_refused_and_not_shown(kind: str, here: Path, site: Path) -> None:
    plant(here, {"helpers.py": f"a = 1\nkey = '{SECRETS[kind]}'\n"})
    said = problem(here, site)
    assert said.startswith(
        f"flowers.py: its code holds what looks like a secret:\n  - helpers.py, line 2: {kind}\n  fix: read it from"
    )
    assert SECRETS[kind] not in said


@pytest.mark.parametrize("name", ["tokenizer.json", "vocabulary/tokenizer.json"])
def test_the_file_that_a_vocabulary_names_travels(name: str, here: Path, site: Path) -> None:
    plant(here, {"flowers.py": FLOWERS + f"VOCABULARY = {name!r}\n", name: "{}"})
    first = packed(here, site)
    plant(here, {name: "[]"})

    assert names(first) == sorted([*NAMES, name])
    assert sources.digest(packed(here, site)) != sources.digest(first)


@pytest.mark.parametrize(
    "line", ["VOCABULARY = 'abc'", "VOCABULARY = ['a.json']", "VOCABULARY = [*map(chr, range(9))]"]
)
def test_a_vocabulary_of_strings_is_no_file(line: str, here: Path, site: Path) -> None:
    plant(here, {"flowers.py": FLOWERS + line + "\nVOCABULARY += 'd'\n"})
    assert names(packed(here, site)) == NAMES


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tokenizr.json", "there is no {here}/tokenizr.json\n  fix: did you mean 'tokenizer.json'? correct VOCABULARY"),
        ("../tokenizer.json", "which is not below the task's folder"),
    ],
)
def test_a_tokenizer_that_is_not_there_is_named(name: str, says: str, here: Path, site: Path) -> None:
    plant(here, {"flowers.py": FLOWERS + f"VOCABULARY = {name!r}\n", "tokenizer.json": "{}"})
    said = problem(here, site)
    assert f"VOCABULARY names {name!r}" in said and says.format(here=here) in said


@pytest.mark.parametrize("name", [".env", "id_rsa", "tls.pem", "server.KEY", "credentials.json", "sub/.aws/config"])
def test_a_file_with_the_name_of_a_secret_is_refused(name: str, here: Path, site: Path) -> None:
    plant(here, {f"vocabulary/{name}": "x"})
    assert problem(here, site).startswith(
        "flowers.py: these files cannot travel with it:\n"
        f"  - {here}/vocabulary/{name}: may be a secret, by its name\n  fix: take them out of FILES"
    )


def test_a_link_to_a_secret_is_refused_by_the_name_of_the_secret(here: Path, site: Path) -> None:
    plant(here, {"id_rsa": "x"})
    (here / "vocabulary" / "harmless.txt").symlink_to(here / "id_rsa")
    assert "harmless.txt: may be a secret, by its name" in problem(here, site)


def test_every_problem_is_listed_at_once(here: Path, site: Path) -> None:
    plant(here, {"vocabulary/.env": "x", "vocabulary/large.bin": bytes(FILE_LIMIT + 1), "vocabulary/x.so": ""})
    said = problem(here, site)
    assert [line.rpartition("/")[2].partition(":")[0] for line in said.splitlines()[1:-1]] == [
        ".env", "large.bin", "x.so",
    ]  # fmt: skip


def test_a_large_file_is_refused(here: Path, site: Path) -> None:
    plant(here, {"labels.txt": bytes(FILE_LIMIT + 1)})
    assert f"{here}/labels.txt: is larger than 8.0 MiB (8,388,609 bytes)\n  fix: take them out of" in problem(
        here, site
    )


def test_a_file_of_the_limit_travels(here: Path, site: Path) -> None:
    plant(here, {"labels.txt": bytes(FILE_LIMIT)})
    assert "labels.txt" in names(packed(here, site))


def test_too_much_in_all_is_refused_with_the_largest(here: Path, site: Path) -> None:
    plant(here, {f"vocabulary/{n}.bin": bytes(FILE_LIMIT - n) for n in range(5)})
    said = problem(here, site)
    assert "its code is 40.0 MiB, and 32.0 MiB are allowed. The largest files:" in said
    assert "\n  - vocabulary/0.bin: 8.0 MiB\n" in said


def test_too_many_files_are_refused(here: Path, site: Path) -> None:
    plant(here, {f"vocabulary/{n}": "" for n in range(MOST_FILES)})
    assert "its code is 4,109 files, and 4,096 are allowed" in problem(here, site)


def test_a_compiled_module_is_refused_with_the_way_into_an_image(here: Path, site: Path) -> None:
    name = f"fast{EXTENSION_SUFFIXES[0]}"
    plant(here, {name: b"\x7fELF", "helpers.py": "import fast\n"})
    assert f"{here}/{name}: is compiled: build it into an image `FROM` ours" in problem(here, site)


def test_a_module_without_source_is_refused(here: Path, site: Path) -> None:
    plant(here, {"lost.pyc": b"", "helpers.py": "import lost\n"})
    assert f"{here}/lost.pyc: has no source" in problem(here, site)


@pytest.mark.parametrize("name", ["labels.txt", "helpers.py"])
def test_a_link_that_leaves_the_folder_is_refused(name: str, here: Path, site: Path, tmp_path: Path) -> None:
    plant(tmp_path, {"outside": ""})
    (here / name).unlink()
    (here / name).symlink_to(tmp_path / "outside")
    assert f"{here}/{name}: is a link that leaves its folder, to {tmp_path}/outside" in problem(here, site)


def test_a_link_within_the_folder_is_the_file(here: Path, site: Path) -> None:
    before = packed(here, site)
    (here / "labels.txt").rename(here / "real.txt")
    (here / "labels.txt").symlink_to("real.txt")
    assert packed(here, site) == before


def test_a_link_to_a_folder_is_refused(here: Path, site: Path) -> None:
    (here / "vocabulary" / "linked").symlink_to(here / "my_pkg")
    assert f"{here}/vocabulary/linked: is a link to a folder: name the folder itself" in problem(here, site)


@pytest.mark.parametrize("target", ["nowhere", "loop"])
def test_a_link_that_leads_nowhere_is_refused(target: str, here: Path, site: Path) -> None:
    (here / "vocabulary" / "loop").symlink_to(target)
    assert f"{here}/vocabulary/loop: cannot be read" in problem(here, site)


def test_a_pipe_is_refused(here: Path, site: Path) -> None:
    os.mkfifo(here / "vocabulary" / "pipe")
    assert f"{here}/vocabulary/pipe: is not a file" in problem(here, site)


@pytest.mark.parametrize("name", ["a\\b", "a\nb"])
def test_a_name_that_is_not_portable_is_refused(name: str, here: Path, site: Path) -> None:
    plant(here, {f"vocabulary/{name}": ""})
    assert "has a name that is not portable" in problem(here, site)


def test_an_import_that_two_files_answer_to_is_refused(here: Path, site: Path) -> None:
    plant(here, {"numpy.py": ""})
    assert problem(here, site).startswith(
        f"flowers.py imports 'numpy', and there are two: {here}/numpy.py and {site}/numpy/__init__.py\n  fix: rename"
    )


def test_a_syntax_error_in_a_sibling_is_shown_with_its_line(here: Path, site: Path) -> None:
    plant(here, {"second.py": "x = 1\nx +\n"})
    assert problem(here, site) == f"{here}/second.py, line 2: invalid syntax\n    x +\n  fix: correct the line"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            "['lables.txt']",
            "FILES names 'lables.txt', and there is no {here}/lables.txt\n  fix: did you mean 'lab",
        ),
        ("['nowhere/x']", "FILES names 'nowhere/x', and there is no {here}/nowhere/x\n  fix: correct FILES"),
        ("['../secret']", "FILES names '../secret', which is not below the task's folder"),
        ("['/etc/passwd']", "FILES names '/etc/passwd', which is not below the task's folder"),
        ("['.']", "FILES names '.', which is not below"),
        ("['']", "FILES names '', which is not below"),
        ("['empty/']", "FILES names 'empty/', an empty folder\n  fix: take it out of FILES"),
        ("'labels.txt'", "FILES has to be a list of names that stand there"),
        ("[1]", "FILES has to be a list of names that stand there"),
        ("glob('*')", "FILES has to be a list of names that stand there"),
        ("[]\nFILES += ['labels.txt']", "FILES has to be a list of names that stand there"),
    ],
)
def test_wrong_names_of_data_files(files: str, message: str, here: Path, site: Path) -> None:
    plant(here, {"own.py": f"FILES = {files}\n"})
    (here / "empty").mkdir()
    assert problem(here, site, "own.py").startswith(f"{here}/own.py: {message.format(here=here)}")


@pytest.mark.parametrize("line", ["FILES: list[str] = ['labels.txt']", "FILES = ('./labels.txt',)"])
def test_other_ways_to_write_it(line: str, here: Path, site: Path) -> None:
    plant(here, {"own.py": line})
    assert names(packed(here, site, "own.py")) == ["labels.txt", "own.py"]


# --- unpacking --------------------------------------------------------------------------------------------------------


def test_what_is_unpacked_may_only_be_read(here: Path, site: Path, tmp_path: Path) -> None:
    data = packed(here, site)
    sources.unpack(data, sources.digest(data), tmp_path / "deep" / "code")
    files = [path for path in (tmp_path / "deep").rglob("*") if path.is_file()]
    assert len(files) == len(NAMES)
    assert {path.stat().st_mode & 0o333 for path in files} == {0}


def test_unpacking_again_changes_nothing(here: Path, site: Path, tmp_path: Path) -> None:
    data = packed(here, site)
    for _ in range(2):
        sources.unpack(data, sources.digest(data), tmp_path / "code")
        plant(tmp_path / "code", {"__pycache__/flowers.pyc": "compiled since"})
    assert os.listdir(tmp_path / "code").count("flowers.py") == 1
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".tmp-")] == []


@pytest.mark.parametrize("change", ["changed", "more", "less", "link"])
def test_other_code_in_its_place_is_refused(change: str, here: Path, site: Path, tmp_path: Path) -> None:
    data, code = packed(here, site), tmp_path / "code"
    sources.unpack(data, sources.digest(data), code)
    (code / "late.py").unlink()
    match change:
        case "changed":
            (code / "late.py").write_text("x")
        case "more":
            plant(code, {"late.py": BOOM, "torch.py": ""})
        case "link":
            (code / "late.py").symlink_to(here / "late.py")
    with pytest.raises(IntegrityError, match="is there already, with other code\n  fix: move it away"):
        sources.unpack(data, sources.digest(data), code)


def test_an_archive_with_another_digest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"expected sha256 0000000000000000…, got [0-9a-f]{16}…\n  fix: submit"):
        sources.unpack(pack({"a.py": b""}), "0" * 64, tmp_path / "code")
    assert list(tmp_path.iterdir()) == []


def member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info


def crafted(*members: tarfile.TarInfo) -> bytes:
    """An archive that `archive` would not make."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info in members:
            tar.addfile(info, io.BytesIO(bytes(info.size)) if info.size else None)
    return buffer.getvalue()


HOSTILE = {
    "leads out of its folder": [
        [member("/etc/cron.d/x")], [member("../x")], [member("a/../../x")], [member("a//b")], [member("a\\b")],
        [member("./a")], [member("C:x")], [member("a\nb")], [member("a" * 256)], [member("\u202ea")],
    ],
    "is not a regular file": [
        [member("a", kind=tarfile.SYMTYPE, link="/etc/passwd")], [member("a", kind=tarfile.LNKTYPE, link="b")],
        [member("a", kind=tarfile.CHRTYPE)], [member("a", kind=tarfile.FIFOTYPE)], [member("a", kind=tarfile.DIRTYPE)],
    ],
    "is there twice": [[member("a"), member("a")], [member("a"), member("a/b")]],
    "is larger than 8.0 MiB": [[member("a", FILE_LIMIT + 1)]],
    "makes it larger than 32.0 MiB": [[*(member(f"{n}", FILE_LIMIT) for n in range(4)), member("a", 1)]],
    "is one file too many": [[member(f"{n}") for n in range(MOST_FILES + 1)]],
}  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "members"), [(reason, members) for reason, cases in HOSTILE.items() for members in cases]
)
def test_a_hostile_archive_writes_nothing(reason: str, members: list[tarfile.TarInfo], tmp_path: Path) -> None:
    data = crafted(*members)
    with pytest.raises(IntegrityError, match=f"{re.escape(reason)}.*\n  fix: submit the task again"):
        sources.unpack(data, sources.digest(data), tmp_path / "a" / "code")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", bytes(600), b"x" * 2000])
def test_what_is_no_archive_holds_nothing_or_is_refused(data: bytes) -> None:
    try:
        assert sources.listing(data) == []
    except IntegrityError as error:
        assert "the archive of code is no tar file" in str(error)


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_compressed_archive_is_refused(mode: str) -> None:
    """So that no small file becomes a large one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        tar.addfile(member("a", 1000), io.BytesIO(bytes(1000)))
    with pytest.raises(IntegrityError, match="is no tar file"):
        sources.listing(buffer.getvalue())


def test_an_archive_that_is_cut_short_is_refused() -> None:
    with pytest.raises(IntegrityError):
        sources.listing(pack({"a": bytes(5000)})[:2000])


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    plant(tmp_path, {"file": ""})
    data = pack({"a.py": b""})
    with pytest.raises(Retryable, match=r"cannot unpack the code into .*/file/code: Not a directory"):
        sources.unpack(data, sources.digest(data), tmp_path / "file" / "code")


# --- for every set of files -------------------------------------------------------------------------------------------

segment = st.text("abcABC09._- é日", min_size=1, max_size=40).filter(lambda text: text.strip(".") and text != "..")
file_names = st.lists(segment, min_size=1, max_size=4).map("/".join)
file_sets = st.dictionaries(file_names, st.binary(max_size=600), max_size=6).filter(
    lambda files: not any(other.startswith(f"{name}/") for name in files for other in files)
)


@settings(deadline=None)
@given(file_sets)
def test_what_is_packed_is_what_is_listed(files: dict[str, bytes]) -> None:
    assert sources.listing(pack(files)) == [
        (name, len(data), sources.digest(data)) for name, data in sorted(files.items())
    ]


@settings(deadline=None)
@given(file_sets, st.randoms())
def test_the_order_of_files_does_not_matter(files: dict[str, bytes], random: object) -> None:
    shuffled = list(files.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert pack(dict(shuffled)) == pack(files)


@settings(deadline=None)
@given(st.integers(0, 5119), st.integers(0, 255), st.data())
def test_no_damage_does_more_than_to_be_refused(place: int, value: int, data: st.DataObject) -> None:
    whole = bytearray(pack({"a/é.py": b"x" * 700, "b.py": b"y"}))
    whole[place] = value
    try:
        for name, size, _ in sources.listing(bytes(whole[: data.draw(st.integers(0, len(whole)))])):
            assert size <= 700 and ".." not in name.split("/")
    except IntegrityError:
        pass
