"""Elements of inline SVG as text: every attribute and every text is escaped here."""

from html import escape


class Element(str):
    """SVG that a page takes as it is: nothing else of Python's is markup to a template."""

    def __html__(self) -> str:
        return str(self)


def element(tag: str, *children: str, **attributes: object) -> Element:
    """One element; what is no `Element` among the children is text. `class_` is `class`, underscores are hyphens.

    >>> element("path", d="M0 0h1", stroke_width=2)
    '<path d="M0 0h1" stroke-width="2"/>'
    >>> element("title", "a < b")
    '<title>a &lt; b</title>'
    """
    named = "".join(
        f' {name.rstrip("_").replace("_", "-") if name != "viewBox" else name}="{escape(_short(value))}"'
        for name, value in attributes.items()
    )
    inside = "".join(child if isinstance(child, Element) else escape(child) for child in children)
    return Element(f"<{tag}{named}>{inside}</{tag}>" if children else f"<{tag}{named}/>")


def _short(value: object) -> str:
    """Coordinates to a tenth of a unit, so that equal pictures are equal bytes."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
