"""A page from its template, which has the words and the layout. Values are escaped; `svg` alone makes elements."""

from functools import cache
from typing import TYPE_CHECKING

from .numbers import capital, percent, removed
from .table import chosen

if TYPE_CHECKING:
    from jinja2 import Environment


def page(template: str, **values: object) -> bytes:
    """The whole page. Raises UndefinedError for a value that the template names and nobody gave."""
    return templates().get_template(template).render(values).encode()


@cache
def templates() -> "Environment":
    """The templates of this folder, where a name that nobody gave is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # in here, because --help need not pay for it

    environment = Environment(
        loader=PackageLoader(__package__, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"capital": capital, "percent": percent, "removed": removed}
    environment.tests["chosen"] = chosen
    return environment
