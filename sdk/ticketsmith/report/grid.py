"""The sample grid: test examples as inline SVG, with what each net said of them."""

from collections import defaultdict
from html import escape
from itertools import groupby

from ..lottery.results import Picture, Sample, Samples
from .svg import element, text

GREYS = 7  # grey levels beside the background; more cannot be told apart at this size


def grid(samples: Samples) -> str:
    """All samples, each in a figure with its caption."""
    figures = "".join(_figure(sample) for sample in samples.samples)
    return f'<div class="samples">{figures}</div>'


def picture(sample: Sample, given: Picture) -> str:
    """One example: for each grey level one path, a stroke of unit height for each run of equal pixels."""
    runs: dict[int, list[str]] = defaultdict(list)
    levels = [round(value / 255 * GREYS) for value in bytes.fromhex(given.pixels)]
    for y in range(given.height):
        row = enumerate(levels[y * given.width : (y + 1) * given.width])
        for level, cells in groupby(row, key=lambda cell: cell[1]):
            if level:
                place = [x for x, _ in cells]
                runs[level].append(f"M{place[0]} {y}.5h{len(place)}")
    paths = [element("path", d="".join(runs[level]), class_=f"grey{level}") for level in sorted(runs)]
    title = element("title", text(f"test example {sample.example}, a {sample.label}"))
    return element(
        "svg", title, *paths, viewBox=f"0 0 {given.width} {given.height}", role="img", shape_rendering="crispEdges"
    )


def _figure(sample: Sample) -> str:
    """A disagreement is marked by a word and a border, and a wrong answer by a word too."""
    differ = sample.dense != sample.candidate
    words = "disagree" if differ else "agree"
    facts = "".join(
        f"<div><dt>{name}</dt><dd>{escape(said)}</dd></div>"
        for name, said in (
            ("label", str(sample.label)),
            ("dense", _said(sample.dense, sample.label)),
            ("ticket", _said(sample.candidate, sample.label)),
        )
    )
    image = picture(sample, sample.given) if sample.given else ""
    return f'<figure class="{words}">{image}<figcaption><b>{words}</b><dl>{facts}</dl></figcaption></figure>'


def _said(answer: str | Picture, label: str | None) -> str:
    return str(answer) if answer == label else f"{answer} (wrong)"
