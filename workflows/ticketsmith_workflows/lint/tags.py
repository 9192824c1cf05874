"""Tags: each names something that is there when it is read. Argo leaves an unknown one as it is, or waits for ever."""

import re
from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]
TAG = re.compile(r"\{\{(=?)(.*?)\}\}")
QUOTED = re.compile(r"'[^']*'")
NAME = re.compile(r"[a-zA-Z]+(?:\.[\w-]+)+")
INDEX = re.compile(r"\['([\w-]+)'\]")  # a['b-c'].d, which a plain tag writes a.b-c.d
ALWAYS = {"pod.name", "workflow.name", "workflow.status", "workflow.duration"}
ENDED = {"status", "duration", "exitCode"}  # known to a metric, which is written when its template has ended
CALLS = ("steps", "dag")


def problems(document: Document, template: Document) -> Iterator[str]:
    """Tags of one template that name nothing, or the output of a step that is not waited for."""
    known = ALWAYS | _arguments(document) | _inputs(template)
    for key, value in template.items():
        more = ENDED if key == "metrics" else {"retries"} if "retryStrategy" in template else set()
        for text in _strings(value) if key not in CALLS else ():
            yield from _unknown(text, known | more)
    outputs = {sibling["name"]: _outputs(sibling) for sibling in document["spec"]["templates"]}
    for task, before in _calls(template):
        seen = known | {
            f"{'steps' if 'steps' in template else 'tasks'}.{other['name']}.outputs.parameters.{name}"
            for other in before
            for name in outputs.get(other["template"], ())
        }
        if task["template"] not in outputs:
            yield f"{task['name']} calls the template {task['template']}, which is not there"
        items = {"item"} if "withParam" in task else set()
        for text in _strings(task):
            yield from _unknown(text, seen | items)
        yield from _unanswered(document, task)
    yield from _results(template, known, outputs)


def _unknown(text: str, known: set[str]) -> Iterator[str]:
    if text.count("{{") != text.count("}}"):
        yield f"braces do not match in {text!r}"
    for expression, body in TAG.findall(text):
        if expression and body.count("'") % 2:
            yield f"two braces inside a string end the tag: {text!r}"
            continue
        for name in _names(body) if expression else [body]:
            if name not in known and name.partition(".")[0] not in known & {"item"}:
                yield f"{name} is not known here"


def _names(expression: str) -> Iterator[str]:
    """Names in an expression, in the form of a plain tag; words of the language are none, they have no dot."""
    bare = QUOTED.sub("", INDEX.sub(r".\1", expression))
    names = NAME.findall(bare) + re.findall(r"\bretries\b", bare)
    yield from (name for name in names if not name.startswith("lastRetry"))


def _calls(template: Document) -> Iterator[tuple[Document, list[Document]]]:
    """Each step or task of a template, with those that have ended when it is asked."""
    before: list[Document] = []
    for group in template.get("steps") or []:
        yield from ((step, before) for step in group)
        before = [*before, *group]
    tasks = {task["name"]: task for task in template.get("dag", {}).get("tasks") or []}
    for task in tasks.values():
        yield (
            task,
            [tasks[name] for name in task.get("depends", "").split() if name in tasks]
            + [tasks[name] for name in task.get("dependencies") or [] if name in tasks],
        )


def _unanswered(document: Document, task: Document) -> Iterator[str]:
    """Inputs of the called template that get no value."""
    there: dict[str, Document] = {template["name"]: template for template in document["spec"]["templates"]}
    called = there.get(task["template"], {})
    given = {parameter["name"] for parameter in task.get("arguments", {}).get("parameters") or []}
    wanted = {
        parameter["name"] for parameter in called.get("inputs", {}).get("parameters") or [] if "value" not in parameter
    }
    for name in sorted(wanted - given):
        yield f"{task['name']} does not give {name} to {called['name']}"
    for name in sorted(given - {parameter["name"] for parameter in called.get("inputs", {}).get("parameters") or []}):
        yield f"{task['name']} gives {name}, which {called.get('name')} does not take"


def _results(template: Document, known: set[str], outputs: dict[str, set[str]]) -> Iterator[str]:
    """Outputs of a composed template that read what no step of it has."""
    kind = "steps" if "steps" in template else "tasks"
    inside = {
        f"{kind}.{task['name']}.outputs.parameters.{name}"
        for task, _ in _calls(template)
        for name in outputs.get(task["template"], ())
    }
    for output in template.get("outputs", {}).get("parameters") or [] if "container" not in template else []:
        for name in _names(output["valueFrom"].get("expression", "")):
            if name not in known | inside:
                yield f"output {output['name']} reads {name}, which is not known here"


def _arguments(document: Document) -> set[str]:
    given = document["spec"].get("arguments", {}).get("parameters") or []
    return {f"workflow.parameters.{parameter['name']}" for parameter in given}


def _inputs(template: Document) -> set[str]:
    taken = template.get("inputs", {}).get("parameters") or []
    return {f"inputs.parameters.{parameter['name']}" for parameter in taken}


def _outputs(template: Document) -> set[str]:
    return {parameter["name"] for parameter in template.get("outputs", {}).get("parameters") or []}


def _strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _strings(value)
