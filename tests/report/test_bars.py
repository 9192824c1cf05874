"""The pictures of the speed table: nothing left out, one scale, the choice and the best dense one told apart."""

import re

import pytest

from ticketsmith.lottery.choices import BACKENDS
from ticketsmith.report.bars import LABEL, bars
from ticketsmith.report.numbers import times


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
    assert max(map(len, BACKENDS)) * 6 <= LABEL - 7  # px of a letter, at the size of its tick
