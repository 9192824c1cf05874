"""The templates of this version against those of a cluster."""

import json
from difflib import unified_diff
from typing import Any

import typer
import yaml

from ..argo import Argo, Document
from ..errors import UsageError
from ..renderer import templates
from .options import Output
from .told import tell

MOUNT = ("volumes", "templateDefaults")
"""The mount of the data (argo/components/data): the overlay's, as the image is."""
CHOICES = ("none", "emptyDir")  # `{}` is a value of these: `archive: {none: {}}`


def differences(argo: Argo, profile: str, image: str | None) -> dict[str, str]:
    """Name and unified diff of each template that is not in the cluster as it is here; without `image`, any will do."""
    there = {template["metadata"]["name"]: template for template in argo.templates()}
    diffs = {}
    for ours in templates(profile, image):
        name = ours["metadata"]["name"]
        theirs = there.get(name)
        old, new = (_text(template, keep_image=bool(image)) for template in (theirs, ours))
        if text := "".join(unified_diff(old, new, f"cluster/{name}", f"ticketsmith/{name}")):
            diffs[name] = text
    return diffs


def print_differences(argo: Argo, profile: str, image: str | None, output: Output) -> int:
    """Print them; 2 if there are any: the cluster has other templates than this version needs."""
    diffs = differences(argo, profile, image)
    if output is Output.json:
        tell("templates-diff", {"profile": profile, "namespace": argo.namespace, "differences": diffs})
    else:
        typer.echo("".join(diffs.values()), nl=False)
        typer.echo(f"{len(diffs)} of profile {profile} differ in namespace {argo.namespace}", err=True)
    return UsageError.code if diffs else 0


def apply_templates(argo: Argo, profile: str, image: str | None, dry_run: bool, output: Output) -> int:
    """Put them there. Raises UsageError without an image: the default is a name that no registry has."""
    if image is None:
        raise UsageError(
            "--image: which one?", "`make image`, push it, and give its name: --image REGISTRY/runner@DIGEST"
        )
    names = []
    for document in templates(profile, image):
        argo.apply(document, dry_run=dry_run)
        names.append(document["metadata"]["name"])
    word = "valid" if dry_run else "applied"
    if output is Output.json:
        tell("templates-apply", {"namespace": argo.namespace, word: names})
    else:
        typer.echo("\n".join(f"{name}: {word}" for name in names))
    return 0


def _text(template: Document | None, keep_image: bool) -> list[str]:
    """The part of a template that counts, as lines: its spec."""
    if template is None:
        return []
    document: dict[str, Any] = json.loads(json.dumps({"spec": template["spec"]}))
    for own in MOUNT:
        document["spec"].pop(own, None)
    for section in document["spec"]["templates"]:
        if not keep_image and "container" in section:
            section["container"]["image"] = "ANY"
    return yaml.safe_dump(_plain(document), sort_keys=True, width=10**6).splitlines(keepends=True)


def _plain(node: Any) -> Any:
    """A document as any server would give it back: they drop what is empty, add it elsewhere, and write 10 for 10.0."""
    if isinstance(node, dict):
        plain = {key: _plain(value) for key, value in node.items()}
        return {key: value for key, value in plain.items() if key in CHOICES or value not in ("", None, {}, [])}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return int(node) if isinstance(node, float) and node.is_integer() else node
