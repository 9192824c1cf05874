"""The modules that a source file names in its imports, read and not executed."""

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path

from ..errors import UsageError


def tree(file: Path, data: bytes | None = None) -> ast.Module:
    """The syntax tree of a file. Raises UsageError with the line that is wrong."""
    try:
        source = file.read_bytes() if data is None else data
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in a string is for its author
            return ast.parse(source, str(file))
    except SyntaxError as error:
        line = f"\n    {error.text.strip()}" if error.text else ""
        raise UsageError(f"{file}, line {error.lineno or 1}: {error.msg}{line}", "correct the line") from error
    except (RecursionError, MemoryError, ValueError) as error:
        raise UsageError(
            f"{file} cannot be parsed: {error or 'it is nested too deeply'}", "correct the file"
        ) from error
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}", "check the path and its permissions") from error


def imports(module: ast.Module, package: str) -> Iterator[str]:
    """Names of modules that may be imported anywhere in it, functions included; `package` is where its dots start.

    `from a import b` gives `a` and `a.b`: b may be a module or a value.

    >>> list(imports(ast.parse("import a.b; from .c import d; from x import *; importlib.import_module('y')"), "p"))
    ['a.b', 'p.c', 'p.c.d', 'x', 'x.*', 'y']
    """
    for node in ast.walk(module):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=name, names=names, level=level):
                base = absolute(name or "", level, package)
                if base:
                    yield base
                    yield from (f"{base}.{alias.name}" for alias in names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield absolute(name.lstrip("."), len(name) - len(name.lstrip(".")), package)


def absolute(name: str, level: int, package: str) -> str:
    """The whole name of what is imported relatively; empty where the dots lead out of every package.

    >>> absolute("a", 0, "p.q"), absolute("a", 1, "p.q"), absolute("", 2, "p.q"), absolute("a", 3, "p.q")
    ('a', 'p.q.a', 'p', '')
    """
    if not level:
        return name
    parts = package.split(".") if package else []
    if level > len(parts):
        return ""
    return ".".join([*parts[: len(parts) - level + 1], *filter(None, [name])])


def relative(module: ast.Module) -> bool:
    """True if there is an import with leading dots, which works within a package alone."""
    return any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(module))


def literal(module: ast.Module, name: str) -> list[str] | None:
    """The texts that a module-level `name = [...]` holds; None if there is no such line. Raises ValueError for others.

    >>> literal(ast.parse("FILES: list[str] = ['a', 'b/']"), "FILES")
    ['a', 'b/']
    """
    value = _assigned(module, name)
    if value is None:
        return None
    texts = ast.literal_eval(value)
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"line {value.lineno}: {name} is not a list of texts")
    return list(texts)


def text(module: ast.Module, name: str) -> str | None:
    """The text that a module-level `name = "..."` holds; None if there is no such line, or it holds something else.

    >>> text(ast.parse("A = 'a.json'"), "A"), text(ast.parse("A = ['a']"), "A"), text(ast.parse("A += 'a'"), "A")
    ('a.json', None, None)
    """
    try:
        value = _assigned(module, name)
    except ValueError:
        return None
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def _assigned(module: ast.Module, name: str) -> ast.expr | None:
    """The expression that a module gives a name. Raises ValueError if something is added to it later."""
    value: ast.expr | None = None
    for node in module.body:
        match node:
            case ast.Assign(targets=targets) if any(isinstance(t, ast.Name) and t.id == name for t in targets):
                value = node.value
            case ast.AnnAssign(target=ast.Name(id=target)) if target == name and node.value is not None:
                value = node.value
            case ast.AugAssign(target=ast.Name(id=target)) if target == name:
                raise ValueError(f"line {node.lineno}: {name} is added to")
    return value
