"""Workflows in a list, without their nodes: half a megabyte each after thirty rounds.

The Argo Server leaves fields out. The Kubernetes API leaves out all but the metadata: there, what a list shows of a
Workflow that has ended is noted as an annotation by the first one who reads it whole.
"""

import json
from collections.abc import Callable, Iterator, Mapping

from . import Document

FIELDS = (
    *("spec.arguments", "spec.workflowTemplateRef", "spec.shutdown", "spec.suspend", "spec.activeDeadlineSeconds"),
    *("status.phase", "status.message", "status.startedAt", "status.finishedAt"),
    *("status.outputs", "status.synchronization"),
)
"""Fields of a Workflow in a list, beside its metadata."""
SEEN = "ticketsmith.dev/seen"
"""Annotation: those fields as JSON, with the generation that they are of."""
COMPLETED = "workflows.argoproj.io/completed"
"""Label that the controller gives a Workflow as it ends."""
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"
"""Kind of list that is asked for: nothing but metadata."""
ONE = METADATA.replace("MetadataList", "Metadata")
"""The same of one object, for the answer to a change."""
PAGE = 200  # objects of one answer


def pages(ask: Callable[[Mapping[str, str]], Document], options: dict[str, str]) -> Iterator[Document]:
    """Objects of a list, page by page; `ask` takes the query and answers with a page."""
    more = ""
    while True:
        page = ask(options | {"limit": str(PAGE)} | ({"continue": more} if more else {}))
        yield from page.get("items") or []
        if not (more := (page.get("metadata") or {}).get("continue") or ""):
            return


def noted(bare: Document) -> Document | None:
    """A Workflow as it was noted in its metadata; None where nothing is, where it is at work, or was changed since."""
    metadata = bare["metadata"]
    if (metadata.get("labels") or {}).get(COMPLETED) != "true":
        return None
    try:
        seen = json.loads((metadata.get("annotations") or {})[SEEN])
        fresh = seen["generation"] == metadata["generation"] and {type(seen["spec"]), type(seen["status"])} == {dict}
        return {"metadata": metadata, "spec": seen["spec"], "status": seen["status"]} if fresh else None
    except (KeyError, ValueError, TypeError):
        return None


def note(workflow: Document) -> Document:
    """The change of metadata that notes an ended Workflow.

    The managers of its thousand fields go: nobody changes them any more, and they are most of the metadata.
    """
    seen: Document = {"generation": workflow["metadata"].get("generation"), "spec": {}, "status": {}}
    for section, _, field in (path.partition(".") for path in FIELDS):
        if (value := (workflow.get(section) or {}).get(field)) is not None:
            seen[section][field] = value
    return {"annotations": {SEEN: json.dumps(seen)}, "managedFields": [{}]}
