"""Elements of inline SVG as text: every attribute and every text is escaped here."""

from html import escape


def element(tag: str, *children: str, **attributes: object) -> str:
    """One element; `children` are elements already. Underscores in names become hyphens, `class_` is `class`.

    >>> element("path", d="M0 0h1", stroke_width=2)
    '<path d="M0 0h1" stroke-width="2"/>'
    >>> element("title", text("a < b"))
    '<title>a &lt; b</title>'
    """
    named = "".join(
        f' {name.rstrip("_").replace("_", "-") if name != "viewBox" else name}="{escape(_short(value))}"'
        for name, value in attributes.items()
    )
    return f"<{tag}{named}>{''.join(children)}</{tag}>" if children else f"<{tag}{named}/>"


def text(value: str) -> str:
    """Text as the content of an element."""
    return escape(value)


def _short(value: object) -> str:
    """Coordinates to a tenth of a unit, so that equal pictures are equal bytes."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
