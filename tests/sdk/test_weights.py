"""A file of weights that training starts from: what it must be, told without torch."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from ticketsmith import weights
from ticketsmith.errors import UsageError
from ticketsmith.specs import read_spec


def packed(header: object, data: bytes = b"\0" * 8) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def tensor(begin: int, end: int) -> dict[str, object]:
    return {"dtype": "F32", "shape": [(end - begin) // 4], "data_offsets": [begin, end]}


WHOLE = packed({"__metadata__": {"format": "pt"}, "b": tensor(4, 8), "a": tensor(0, 4)})


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    (file := tmp_path / "w.safetensors").write_bytes(WHOLE)
    assert weights.digest(str(file)) == sha256(WHOLE).hexdigest()


def test_a_home_folder_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "w.safetensors").write_bytes(WHOLE)
    assert weights.digest("~/w.safetensors") == sha256(WHOLE).hexdigest()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "does not begin with a header"),
        (b"\x80\x02}q\x00.", "is a pickle"),
        (b"PK\x03\x04" + b"\0" * 40, "is a pickle"),
        (b'{"metadata": {}, "weight_map": {}}', "does not begin with a header"),
        (packed(b"{"), "its header is none"),
        (packed([1]), "its header is none"),
        (packed({"a": 1}), "its header is none"),
        (packed({"a": {"data_offsets": ["x", 8]}}), "its header is none"),
        (packed(b'{"a":' + b"[" * 100_000), "its header is none"),
        (packed({}, b""), "holds no tensor"),
        (WHOLE[:-1], "an incomplete download"),
        (WHOLE + b"\0", "an incomplete download"),
        (packed({"a": tensor(0, 8), "b": tensor(4, 8)}), "an incomplete download"),
    ],
)
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    (file := tmp_path / "w.pt").write_bytes(data)
    with pytest.raises(UsageError, match=reason):
        weights.digest(str(file))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read gone\.safetensors: No such file"):
        weights.digest("gone.safetensors")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no file"):
        weights.digest(str(tmp_path))


def test_a_file_over_8_gib_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "w.safetensors").open("wb") as file:
        file.truncate(weights.LARGEST + 1)
    with pytest.raises(UsageError, match=r"is 8.0 GiB, expected at most 8.0 GiB"):
        weights.digest(str(tmp_path / "w.safetensors"))


def test_a_spec_has_the_digest_of_the_file_that_it_names(tmp_path: Path) -> None:
    (file := tmp_path / "w.safetensors").write_bytes(WHOLE)
    spec = read_spec(None, {"training": {"start": str(file)}})
    assert spec.sources.weights == sha256(WHOLE).hexdigest() and read_spec(None, {}).sources.weights is None


@pytest.mark.parametrize("given", ["", 7, ["a"]])
def test_a_path_is_a_text(given: object) -> None:
    with pytest.raises(UsageError, match=r"training.start: expected"):
        read_spec(None, {"training": {"start": given}})
