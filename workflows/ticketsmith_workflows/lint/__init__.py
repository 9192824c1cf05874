"""Rules that a rendered template keeps; what would otherwise be told apart only on a cluster is told here.

A rule takes a template and yields one line for each place that breaks it. `argo lint` checks the grammar beside it.
"""

from collections.abc import Iterator
from typing import Any

from ticketsmith.hardware import Profile

from . import pods, tags, whole

Document = dict[str, Any]


def lint(document: Document, profile: Profile) -> Iterator[str]:
    """Problems of a WorkflowTemplate that was rendered for `profile`."""
    yield from whole.problems(document)
    for template in document["spec"]["templates"]:
        problems = list(tags.problems(document, template))
        if "container" in template:
            problems += pods.problems(template, profile)
        yield from (f"{template['name']}: {problem}" for problem in problems)
