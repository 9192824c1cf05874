"""The audit's table: every row has a test that exists, or the reason why there is none."""

import ast
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
ROW = re.compile(r"^\| (\w+) \| (.+) \| ([^|]+) \|$", re.MULTILINE)
ROWS = ROW.findall((FOLDER / "README.md").read_text())


def names(path: Path) -> set[str]:
    """The tests of a file, `Class::test` those of a class."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
    return found


def wrong(test: str) -> str | None:
    """The reason why the last cell of a row is none."""
    if test.startswith("none: "):
        return None if len(test.split()) > 5 else "no reason"
    file, _, name = test.partition("::")
    if not (path := FOLDER / file).is_file():
        return "no such file"
    return None if name in names(path) and "test_" in name else "no such test"


def test_every_row_of_the_page_is_read() -> None:
    lines = [line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("| ")]
    assert len(ROWS) == len(lines) - 6  # less six heads


def test_every_finding_has_a_row() -> None:
    """Numbers as the audit gave them: what was tried and found well has none."""
    found = {number for number, _, _ in ROWS}
    assert found == {
        *map(str, (1, 2, 3, 4, 5, 6, 7, 9, 14, 15, *range(21, 30))),
        *"abcdefghijklmnopq",
        "S",
        *"ABCDEFGHIJKLMN",
        *("A2", "A3", "A4"),
        *("B3", "B7", "B8", *(f"C{number}" for number in (3, 4, 5, 8, 11, 16, 19, 23)), "T"),
        "F1b",
        *(f"F{number}" for number in (*range(1, 13), 14, 15, *range(17, 25))),
    }


@pytest.mark.parametrize(("number", "finding", "test"), ROWS)
def test_a_row_has_its_test_or_the_reason(number: str, finding: str, test: str) -> None:
    assert wrong(test) is None, f"{number}: {finding}"
    assert not number.isdecimal() or "https://" in finding, "whose finding was it?"


@pytest.mark.parametrize("test", ["pending", "none: later", "test_table.py::test_no_such", "no.py::test_x", "", "TODO"])
def test_a_row_without_either_is_seen(test: str) -> None:
    assert wrong(test)
