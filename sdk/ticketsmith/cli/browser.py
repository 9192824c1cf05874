"""Pages in the user's browser."""

import webbrowser
from pathlib import Path

from ..errors import UsageError


def show_page(page: str) -> None:
    """Open a page of a folder. Raises UsageError for one in a bucket, and where there is no browser."""
    if "://" in page:
        raise UsageError(
            f"{page} is in a bucket", "`ticketsmith fetch RUN`, then `ticketsmith report RUN --store runs --open`"
        )
    if not webbrowser.open(address := Path(page).resolve().as_uri()):
        raise UsageError("no browser was found", f"open {address} in one, or set BROWSER to its name")
