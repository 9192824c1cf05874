"""emoji-ddpm: colours out of a font, a U-Net, and the same diffusion as for digits."""

import io
from pathlib import Path

import pytest
import torch
from PIL import Image

from ticketsmith.errors import UsageError
from ticketsmith_runner.examples import Examples
from ticketsmith_runner.ladder import FAR
from ticketsmith_runner.network import prunable
from ticketsmith_tasks import emoji, emoji_ddpm

HAVE = pytest.mark.skipif(
    not (emoji.DEBIAN / emoji.FONT).is_file(), reason="no colour font: apt install fonts-noto-color-emoji"
)


def png(width: int, height: int, colour: tuple[int, int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", (width, height), colour).save(file, "png")
    return file.getvalue()


def test_a_bitmap_is_averaged_down_in_the_middle_of_a_white_square() -> None:
    image = emoji._on_white(png(64, 32, (255, 0, 0, 255)))
    assert image.shape == (3, 32, 32) and image.dtype == torch.uint8
    assert image[:, 16, 3].tolist() == [255, 0, 0] and image[:, 2, 3].tolist() == [255, 255, 255]
    assert emoji._on_white(png(32, 32, (0, 0, 0, 0))).min() == 255, "what is transparent is white"


def test_without_the_font_it_is_said_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emoji, "DEBIAN", tmp_path)
    with pytest.raises(UsageError, match=r"NotoColorEmoji\.ttf is neither in"):
        emoji.files(tmp_path)


@HAVE
def test_the_tones_of_a_hand_are_one_group() -> None:
    from fontTools.ttLib import TTFont

    path = emoji.files(Path("."))[0]
    images, groups = emoji.colours(path)
    with TTFont(path, lazy=True) as font:
        names = list(font["CBDT"].strikeData[0])
    assert images.shape == (len(names), 3, 32, 32) and len(names) > 3000
    assert len({*groups}) < len(groups) / 2
    hand = groups[names.index("u1F44B")]
    assert 6 <= groups.count(hand) < 12, "five tones and none"


def test_the_network_knows_the_step() -> None:
    network = emoji_ddpm.model(8)
    images = torch.rand(2, 3072)
    early, late = (network(images, torch.full((2,), step)) for step in (0, 99))
    assert early.shape == (2, 3072) and torch.equal(early, late), "before training no step differs"
    torch.nn.init.ones_(network.middle.step.weight[99])
    assert not torch.equal(network(images, torch.full((2,), 99)), early)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
def test_a_smaller_network_has_about_the_weights_asked_for(share: float) -> None:
    asked = round(share * sum(prunable(emoji_ddpm.model()).values()))
    assert sum(prunable(emoji_ddpm.model(**emoji_ddpm.smaller(asked))).values()) == pytest.approx(asked, rel=FAR)


def test_it_is_the_same_diffusion_in_colour() -> None:
    network, batch = emoji_ddpm.model(4), [torch.rand(5, 3072)]
    with torch.no_grad():
        columns = [emoji_ddpm.loss(network, batch), emoji_ddpm.score(network, batch)]
        columns += emoji_ddpm.record(network, batch).values()
        drawn = emoji_ddpm.sample(network, torch.Generator().manual_seed(0))
    assert all(column.shape == (5,) and column.isfinite().all() for column in columns)
    assert len(drawn) == 12 and all(image.min() >= 0 and image.max() <= 1 for image in drawn)
    assert drawn[0].shape == (3, 32, 32)


@HAVE
def test_a_group_lies_in_one_split() -> None:
    splits = emoji_ddpm.data(Path("."))
    split = Examples.of(splits).split(0, 0)
    assert splits.groups is not None
    train, test = ({splits.groups[int(number)] for number in part} for part in (split.train, split.test))
    assert len(test) > 100 and not train & test
