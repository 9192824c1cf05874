"""YAML as its users expect it: no duplicate keys, no aliases, no tags, `1e-3` is a number and `yes` is a word."""

import re
from typing import Any

import yaml

LIMIT = 1 << 16  # bytes; a spec has some thirty fields, and a megabyte would keep PyYAML busy for many seconds


class _Loader(yaml.SafeLoader):
    """SafeLoader with the YAML 1.2 readings of numbers and booleans, closed to all that no spec needs."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (declared so by PyYAML)
        first: [
            (tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":float", ":int", ":timestamp"))
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_mark()
            raise yaml.YAMLError(f"aliases (*name) are not allowed{mark}")
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if event.tag is not None:  # PyYAML's constructors raise whatever they come upon
            raise yaml.YAMLError(f"tags (!name) are not allowed{self.get_mark()}")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.YAMLError(f"expected a name as key, got {key!r}{key_node.start_mark}")
            if key in seen:
                raise yaml.YAMLError(f"key {key!r} stands twice{key_node.start_mark}")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)

    def construct_scalar(self, node: Any) -> Any:
        text = super().construct_scalar(node)
        text.encode()  # "\ud800" is half a character: a ValueError
        return text


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]{1,400}$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$"),
    list("-+.0123456789"),
)
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(_text(node)))
_Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: _float(_text(node)))


def read_yaml(text: bytes) -> Any:
    """The document in `text`. Raises yaml.YAMLError or ValueError with line and column; at most LIMIT bytes."""
    if len(text) > LIMIT:
        raise ValueError(f"{len(text)} bytes, expected at most {LIMIT}")
    try:
        return yaml.load(text.decode("utf-8-sig"), Loader=_Loader)  # a subclass of SafeLoader
    except (OverflowError, RecursionError) as error:  # "\UFFFFFFFF", and thousands of brackets
        raise ValueError(str(error)) from error


def plain(text: str) -> bool:
    """True for a text that stands for itself, without quotes.

    >>> [plain(text) for text in ("window", "1 %", "18", "", "a: b")]
    [True, True, False, False, False]
    """
    try:
        return bool(read_yaml(text.encode()) == text)
    except (yaml.YAMLError, ValueError):
        return False


def _text(node: yaml.Node) -> str:
    return str(node.value)


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
