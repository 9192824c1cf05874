"""The pictures of the speed table: nothing left out, one scale, the choice and the best dense one told apart."""

import re

import pytest

from ticketsmith.lottery.choices import BACKENDS
from ticketsmith.lottery.results import Refusal
from ticketsmith.report.bars import LABEL, ROOM, WIDTH, bars
from ticketsmith.report.html import render as html
from ticketsmith.report.numbers import times
from ticketsmith.report.speed import not_timed

from .test_cost import INT8
from .test_cost import served as timed


def test_every_row_has_its_bar_and_its_number(build):
    speed = build().findings.speed

    pictures = bars(speed)

    assert len(pictures) == len({row.batch_size for row in speed.rows})
    assert sum(picture.count("<rect") for picture in pictures) == len(speed.rows)
    assert all(any(f">{times(row.ratio)}</text>" in picture for picture in pictures) for row in speed.rows)


def test_a_bar_is_as_long_as_its_ratio(build):
    speed = build().findings.speed
    (picture,) = bars(speed)

    widths = [float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)"', picture)]
    one = float(re.findall(r'd="M([\d.]+) [\d.]+V', picture)[0]) - LABEL

    assert [width / one for width in widths] == pytest.approx([row.ratio for row in speed.rows], abs=0.01)


def test_the_choice_alone_is_filled(build):
    speed = build().findings.speed
    (picture,) = bars(speed)

    assert picture.count('class="bar chosen"') == 1
    assert f'class="tick chosen">{speed.chosen}</text>' in picture


def test_every_name_of_a_back_end_has_room():
    assert max(map(len, BACKENDS)) * 7 <= LABEL - 7  # px of a letter, at the size of its tick


def test_an_interval_is_drawn_where_it_lies(build):
    speed = build().findings.speed
    (picture,) = bars(speed)
    one = float(re.findall(r'd="M([\d.]+) [\d.]+V', picture)[0]) - LABEL
    ends = [[(float(x) - LABEL) / one for x in pair] for pair in re.findall(r'd="M([\d.]+) [\d.]+H([\d.]+)"', picture)]
    assert ends == [pytest.approx([row.low, row.high], abs=0.01) for row in speed.rows]
    assert max(high for _, high in ends) * one <= WIDTH - LABEL - ROOM + 0.1


@pytest.mark.parametrize("unit", ["token", "image"])
def test_what_is_served_has_a_picture_before_forward_passes(build, unit):
    page = html(build(served=timed(unit), **INT8).findings).decode()
    assert page.index(f">{unit}s a second</text>") < page.index("<h3>Forward passes</h3>") < page.index(">batch ")
    assert "Forward passes" not in html(build(served=timed("inference"), **INT8).findings).decode()


def test_back_ends_with_one_reason_share_a_line(build):
    speed = build().findings.speed
    refused = [Refusal(backend=name, reason="it reads tokens") for name in ("codegen", "pell")]
    assert not_timed(speed.model_copy(update={"refused": refused})) == ["Not timed: codegen, pell: it reads tokens"]
