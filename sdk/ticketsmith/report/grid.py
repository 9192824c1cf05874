"""The sample grid: examples with what each network said of them, or what each of them made, as values for the page."""

from collections.abc import Mapping
from typing import NamedTuple

from ..lottery.results import Picture, Sample, Samples
from .pictures import picture
from .svg import Element

LONGEST = 4000  # characters of a text that are shown
Answer = str | Picture


class Answered(NamedTuple):
    """An example that both networks said a word of."""

    word: str
    """`agree` or `disagree`."""
    picture: Element
    facts: dict[str, str]


class Part(NamedTuple):
    """A picture or else a text: the given one, or an arm's."""

    name: str
    picture: Element | None
    text: str = ""


class Made(NamedTuple):
    """Works of the networks on one example or from one random stream, side by side."""

    parts: list[Part]
    label: str | None
    word: str = ""


def grid(samples: Samples, beside: Mapping[str, Samples]) -> list[Answered | Made]:
    """All samples; what controls drew stands beside what dense and ticket did."""
    also = [
        {arm: made.samples[place].candidate for arm, made in beside.items() if place < len(made.samples)}
        for place in range(len(samples.samples))
    ]
    return [
        _answered(sample) or _made(sample, controls) for sample, controls in zip(samples.samples, also, strict=True)
    ]


def _answered(sample: Sample) -> Answered | None:
    """A disagreement is marked by a word, and a wrong answer by a word too. None if no two words were said."""
    if sample.given is None or not (isinstance(sample.dense, str) and isinstance(sample.candidate, str)):
        return None
    names = {"dense": _said(sample.dense, sample.truth), "ticket": _said(sample.candidate, sample.truth)}
    return Answered(
        word="disagree" if sample.dense != sample.candidate else "agree",
        picture=picture(sample.given, _example(sample)),
        facts={"label": sample.truth} | names if sample.truth is not None else names,
    )


def _said(answer: str, truth: str | None) -> str:
    return answer if truth is None or answer == truth else f"{answer} (wrong)"


def _example(sample: Sample) -> str:
    number = "test example" if sample.example is None else f"test example {sample.example}"
    return number if sample.truth is None else f"{number}, a {sample.truth}"


def _made(sample: Sample, controls: Mapping[str, Answer]) -> Made:
    """The input, where something was given, and each network's answer."""
    parts = [] if sample.given is None else [_part("given", sample.given, _example(sample))]
    arms = {"dense": sample.dense, "ticket": sample.candidate, **controls}
    return Made([*parts, *(_part(name, made, name) for name, made in arms.items())], sample.truth)


def _part(name: str, made: Answer, words: str) -> Part:
    if isinstance(made, Picture):
        return Part(name, picture(made, words))
    return Part(name, None, f"{made[:LONGEST]} ..." if len(made) > LONGEST else made)
