"""The report of a run: the decision first, then what it rests on, as HTML, Markdown and JSON.

`collect` gathers the findings of a run, complete or not; every renderer is a pure function of them.
"""

from .collect import collect
from .findings import Findings
from .summary import step_summary
from .write import PAGE, Written, newest, write

__all__ = ["PAGE", "Findings", "Written", "collect", "newest", "step_summary", "write"]
