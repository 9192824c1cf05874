"""The sample grid: examples with what each network said of them, or what both of them made. Every string is escaped."""

from collections.abc import Mapping
from html import escape

from ..lottery.results import Picture, Sample, Samples
from .pictures import picture

LONGEST = 4000  # characters of a text that are shown
Answer = str | Picture


def grid(samples: Samples, beside: Mapping[str, Samples] | None = None) -> str:
    """All samples, each in a figure with its caption; what controls drew stands beside it."""
    also = [
        {arm: made.samples[place].candidate for arm, made in (beside or {}).items() if place < len(made.samples)}
        for place in range(len(samples.samples))
    ]
    figures = "".join(
        _answered(each) if _answers(each) else _made(each, controls)
        for each, controls in zip(samples.samples, also, strict=True)
    )
    return f'<div class="samples{"" if all(map(_answers, samples.samples)) else " made"}">{figures}</div>'


def _answers(sample: Sample) -> bool:
    """True if both networks said a word of one given example."""
    return sample.given is not None and isinstance(sample.dense, str) and isinstance(sample.candidate, str)


def _answered(sample: Sample) -> str:
    """A disagreement is marked by a word and a border, and a wrong answer by a word too."""
    assert sample.given is not None
    words = "disagree" if sample.dense != sample.candidate else "agree"
    names = {"dense": _said(sample.dense, sample.truth), "ticket": _said(sample.candidate, sample.truth)}
    facts = {"label": sample.truth} | names if sample.truth is not None else names
    rows = "".join(f"<div><dt>{name}</dt><dd>{escape(str(said))}</dd></div>" for name, said in facts.items())
    image = picture(sample.given, _example(sample))
    return f'<figure class="{words}">{image}<figcaption><b>{words}</b><dl>{rows}</dl></figcaption></figure>'


def _said(answer: Answer, truth: str | None) -> str:
    return str(answer) if truth is None or answer == truth else f"{answer} (wrong)"


def _example(sample: Sample) -> str:
    number = "test example" if sample.example is None else f"test example {sample.example}"
    return number if sample.truth is None else f"{number}, a {sample.truth}"


def _made(sample: Sample, controls: Mapping[str, Answer]) -> str:
    """The input, where something was given, and each network's answer, side by side."""
    parts = [] if sample.given is None else [_part("given", sample.given, _example(sample))]
    arms = {"dense": sample.dense, "ticket": sample.candidate, **controls}
    parts += [_part(name, made, name) for name, made in arms.items()]
    label = "" if sample.truth is None else f"<figcaption>{escape(sample.truth)}</figcaption>"
    return f'<figure><div class="pair">{"".join(parts)}</div>{label}</figure>'


def _part(name: str, made: Answer, words: str) -> str:
    return f"<div><b>{name}</b>{picture(made, words) if isinstance(made, Picture) else _text(made)}</div>"


def _text(made: str) -> str:
    """A text as it is; the line break in front keeps one of its own, which `pre` would swallow."""
    cut = f"{made[:LONGEST]} ..." if len(made) > LONGEST else made
    return f"<pre>\n{escape(cut)}</pre>"
