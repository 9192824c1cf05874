"""The sample grid: digits, colours and texts; small, well-formed, escaped, without data: URLs, which policies block."""

import re
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ticketsmith.lottery.results import Sample, Samples
from ticketsmith.report import html, png, write
from ticketsmith.report.grid import LONGEST
from ticketsmith.report.pictures import SIDE, picture
from ticketsmith.report.sketch import sketch

from .conftest import digits
from .conftest import picture as image

PAYLOADS = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</pre></style><h1>x", "&lt;\x00</figure>"]


def samples(*entries, agreement=None):
    return Samples(replicate=0, agreement=agreement, samples=list(entries))


def made(dense, ticket, given=None, truth=None):
    return Sample(example=None, given=given, truth=truth, dense=dense, candidate=ticket)


def colours(height=4, width=4, value=(255, 0, 0)):
    return image(bytes(value) * (height * width), height, width, channels=3)


@pytest.fixture
def grid(build):
    """`grid(samples)`: the section of the page that shows them."""
    findings = build().findings

    def section(shown):
        page = html.render(findings.model_copy(update={"samples": shown})).decode()
        return page.partition("<h2>Samples</h2>")[2].partition("</section>")[0]

    return section


def strokes(svg):
    """Colour or grey level by place, as the strokes of a picture paint them."""
    painted = {}
    for path in ElementTree.fromstring(svg).iterfind("path"):
        for x, y, length in re.findall(r"M(\d+) (\d+)\.5h(\d+)", path.get("d")):
            for place in range(int(x), int(x) + int(length)):
                assert (place, int(y)) not in painted, "painted twice"
                painted[place, int(y)] = path.get("stroke") or path.get("class")
    return painted


def test_answers_to_one_example_agree_or_do_not(grid):
    page = grid(digits())
    assert page.count('<figure class="disagree">') == page.count("<dd>5 (wrong)</dd>") == 1
    assert page.count('<figure class="agree">') == 1 and "test example 7, a 3" in page


def test_an_answer_without_a_truth_is_not_wrong(grid):
    page = grid(samples(Sample(example=3, given=colours(), truth=None, dense="cat", candidate="dog")))
    assert "<b>disagree</b>" in page and "(wrong)" not in page and "label" not in page


@pytest.mark.parametrize(
    "entry", [made("one text", "another"), made(colours(), colours()), made(colours(), colours(), colours())]
)
def test_what_is_made_from_noise_neither_agrees_nor_disagrees(grid, entry):
    page = grid(samples(entry))
    assert "agree" not in page and "<b>dense</b>" in page and "<b>ticket</b>" in page
    assert ("<b>given</b>" in page) is (entry.given is not None)


def test_texts_stand_side_by_side_as_they_are(grid):
    page = grid(samples(made("\nto be  or\nnot", "to bee")))
    assert "<pre>\n\nto be  or\nnot</pre>" in page and "<pre>\nto bee</pre>" in page


@pytest.mark.parametrize("words", PAYLOADS)
def test_a_hostile_text_stays_a_text(grid, words):
    entries = [
        made(words, words, truth=words),
        Sample(example=1, given=colours(), truth=words, dense=words, candidate=words),
    ]
    tags = re.findall(r"<(\w+)", grid(samples(*entries)))
    assert tags == re.findall(r"<(\w+)", grid(samples(*[
        made("a", "b", truth="c"), Sample(example=1, given=colours(), truth="c", dense="c", candidate="c"),
    ])))  # fmt: skip


def test_a_long_text_is_cut(grid):
    page = grid(samples(made("x" * 100_000, "y")))
    assert "x" * LONGEST + " ...</pre>" in page and len(page) < LONGEST + 1000


def test_a_colour_picture_has_its_colours():
    pixels = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 0, 0])
    svg = picture(image(pixels, 2, 2, channels=3), "x")
    assert '<rect width="2" height="2" fill="#f00" stroke="none"/>' in svg
    assert strokes(svg) == {(1, 0): "#0f0", (0, 1): "#00f"}


def test_a_grey_picture_leaves_its_lowest_level_to_the_page():
    svg = picture(image(bytes([0, 255, 255, 0]), 2, 2), "x")
    assert strokes(svg) == {(1, 0): "grey7", (0, 1): "grey7"} and "rect" not in svg


def test_a_large_picture_is_averaged_down():
    """Halves of black and white, 97 pixels wide: three to one, the last column alone."""
    row = bytes([0] * 48 + [255] * 49)
    svg = picture(image(row * 97, 97, 97), "x")
    assert 'viewBox="0 0 33 33"' in svg
    assert {level for (x, _), level in strokes(svg).items()} == {"grey7"}
    assert min(x for x, _ in strokes(svg)) == 16 and max(x for x, _ in strokes(svg)) == 32


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 500), (500, 3), (SIDE, SIDE), (SIDE + 1, 2)])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_any_shape_can_be_drawn(height, width, channels):
    pixels = bytes((7 * i) % 256 for i in range(height * width * channels))
    svg = picture(image(pixels, height, width, channels), "x")
    tall, wide = (int(end) for end in re.findall(r'viewBox="0 0 (\d+) (\d+)"', svg)[0][::-1])
    assert max(tall, wide) <= SIDE and ElementTree.fromstring(svg) is not None


def test_pictures_of_noise_stay_small(grid):
    grey = image(bytes(97 * i % 256 for i in range(28 * 28)), 28, 28)
    colour = image(bytes(97 * i % 256 for i in range(32 * 32 * 3)), 32, 32, channels=3)
    answers = [Sample(example=0, given=grey, truth="1", dense="2", candidate="3")] * 12
    assert len(grid(samples(*answers, agreement=0.5))) < 100_000
    assert len(grid(samples(*[made(colour, colour)] * 12))) < 400_000


def test_the_page_needs_nothing_else_for_colours_and_texts(build):
    entries = samples(made(colours(), colours()), made("a", "b"))
    page = html.render(build(samples=entries).findings).decode()
    for forbidden in ("<script", r"data:\S", "http:", "https:", r"url\(", "<link", "<img", " style="):
        assert not re.search(forbidden, page), forbidden
    assert "what dense and ticket make of equal random streams" in page
    assert "The sample grid shows one replicate: it is not a picture of the average." in page


def drawn(**beside):
    """Findings in which arms drew three pictures each, the ticket red, a control blue."""
    ticket = samples(*[made(colours(), colours(value=(255, 0, 0)))] * 3)
    return ticket, {arm: samples(*[made(colours(), colours(value=value))] * 3) for arm, value in beside.items()}


def decoded(png):
    """Lines of pixels of a PNG, by Pillow."""
    return np.asarray(Image.open(BytesIO(png)).convert("RGB"))


def test_what_controls_drew_stands_beside_it(build):
    ticket, beside = drawn(reinit=(0, 0, 255))
    findings = build(samples=ticket).findings.model_copy(update={"beside": beside})
    page = html.render(findings).decode()
    assert page.count("<b>dense</b>") == page.count("<b>ticket</b>") == page.count("<b>reinit</b>") == 3
    assert "what dense, ticket and reinit make of equal random streams" in page


def test_report_png_has_a_block_for_each_arm(build):
    ticket, beside = drawn(reinit=(0, 0, 255))
    findings = build(samples=ticket).findings.model_copy(update={"beside": beside})
    pixels = decoded(png.render(findings))
    side = png.SIDE // 4 * 4
    block = 3 * side + 2 * png.GAP
    assert pixels.shape == (side, 3 * block + 2 * png.APART, 3)
    lefts = [place * (block + png.APART) for place in range(3)]
    assert [tuple(pixels[0, left]) for left in lefts] == [(255, 0, 0), (255, 0, 0), (0, 0, 255)]
    assert (pixels[:, block : block + png.APART] == 255).all()


def test_a_grey_picture_is_grey_in_the_file(build):
    entry = made(image(bytes([0, 90, 180, 255]), 2, 2), image(bytes(4), 2, 2))
    pixels = decoded(png.render(build(samples=samples(entry)).findings))
    half = png.SIDE // 2
    assert [tuple(pixels[y, x]) for y, x in ((0, 0), (0, half), (half, 0), (half, half))] == [
        (0, 0, 0), (90, 90, 90), (180, 180, 180), (255, 255, 255),
    ]  # fmt: skip


def test_a_large_grid_is_still_a_png(build):
    noise = image(bytes(97 * i % 256 for i in range(28 * 28)), 28, 28)
    pixels = decoded(png.render(build(samples=samples(*[made(noise, noise)] * 12)).findings))
    assert pixels.shape == (3 * 28 + 2 * png.GAP, 8 * 28 + 6 * png.GAP + png.APART, 3)
    assert pixels[1, :28].tolist() == [[97 * i % 256] * 3 for i in range(28, 56)]


def test_answers_and_texts_are_no_picture(build):
    assert png.render(build().findings) is None
    assert png.render(build(samples=samples(made("a", "b"))).findings) is None


def test_report_png_is_beside_the_page(build):
    ticket, _ = drawn()
    for run, pictures in ((build(samples=ticket), True), (build(), False)):
        written = write(run.ledger, run.spec, run.card)
        assert ("png" in written.keys) is pictures and {"html", "json", "md"} <= {*written.keys}


def test_a_terminal_shows_a_text_of_each_arm(build):
    findings = build(samples=samples(made("\x1b[31mto be", "to bee"), made("x", "y"))).findings
    assert [*sketch(findings)] == ["dense:", " [31mto be", "ticket:", "to bee"]


def test_a_terminal_shows_pictures_in_characters(build):
    rows = bytes([0, 255] * 2 + [255, 255] * 2)
    entry = made(image(bytes([0, 255, 255, 255]), 2, 2), image(rows, 4, 2))
    assert [*sketch(build(samples=samples(entry)).findings)] == ["dense:", "=@", "ticket:", " @", "@@"]


def test_a_terminal_shows_no_answers_to_examples(build):
    assert [*sketch(build().findings)] == []


def test_no_samples_means_none_though_they_are_there(build):
    findings = build(options={"samples": False}).findings
    assert findings.samples is None and findings.beside == {}
    assert "Samples" not in html.render(findings).decode()
