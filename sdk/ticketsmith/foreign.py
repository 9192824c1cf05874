"""`python -m` looks for modules in the current folder first, and would execute a `random.py` that somebody put there.

The first line of each package has that folder off the path, before anything else is imported; children are started with
`python -P`. What comes before any line of a package cannot be helped: a `ticketsmith.py` in the folder, or an
`importlib.py`. The command `ticketsmith`, and `python -P -m`, never look there.
"""

import os
import sys


def keep_out(package: str) -> None:
    """Take the current folder off the path if this process is `python -m` of that package, and only then."""
    named = started(getattr(sys, "argv", []), sys.orig_argv)
    if named.partition(".")[0] == package and not sys.flags.safe_path and sys.path[:1] == [_current()]:
        del sys.path[0]  # PYTHONPATH comes after it, and may well name the same folder


def started(argv: list[str], whole: list[str]) -> str:
    """The module that `python -m` is about to run, or nothing: `sys.argv` begins with `-m` while it imports packages.

    >>> started(["-m", "a"], ["python", "-m", "ticketsmith.train", "a"]), started(["-m"], ["python", "-Bmticketsmith"])
    ('ticketsmith.train', 'ticketsmith')
    >>> started(["script.py"], ["python", "script.py"]), started(["-m", "a", "b"], ["python", "script.py"])
    ('', '')
    """
    if argv[:1] != ["-m"] or len(argv) >= len(whole):  # or somebody has set it
        return ""
    word = whole[-len(argv)]
    return word.partition("m")[2] if word.startswith("-") else word


def _current() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return None
