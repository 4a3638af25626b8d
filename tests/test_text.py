"""Names that somebody else chose: harmless wherever they are shown."""

import csv
import io

import numpy as np
import pytest
from markdown_it import MarkdownIt
from tests.commands import call

from handgrad.text import csv_text, markdown_cell, markdown_line, visible, visible_name


def test_what_steers_is_shown():
    assert visible("a\x1b[31mb\x07\r\x9b\x00\u202ec\u2028\ufeff\n\t") == (
        r"a\x1b[31mb\x07\x0d\x9b\x00\u202ec\u2028\ufeff" + "\n\t"
    )
    assert visible_name("a\nb\tc") == r"a\x0ab\x09c"
    assert visible_name("caf\udce9") == r"caf\udce9"
    assert visible("Größe Ⅷ 日本 👩‍🔬 – ok") == "Größe Ⅷ 日本 👩‍🔬 – ok"


EVIL = [
    "<img src=x onerror=alert(1)>",
    "a`<img src=x>`b`<script>",
    "``<b>` <i>",
    "`a\n\n<b>`",
    "x | y `<u>|`",
    "&lt;b&gt; <b>",
    "\\`<b>\\`",
    "a\n<script>alert(1)</script>",
    "<!-- x --> <?php ?> <![CDATA[x]]>",
    "<http://x.y> <a@b.c>",
]


@pytest.mark.parametrize("text", EVIL)
def test_markdown_lets_no_html_through(text):
    page = MarkdownIt("commonmark", {"html": True}).enable("table")
    cell = page.render(f"| a |\n|---|\n| {markdown_cell(text)} |\n")
    line = page.render(f"- {markdown_line(text)}\n")
    for rendered, tags in ((cell, ("table", "thead", "tbody", "tr", "th", "td")), (line, ("ul", "li"))):
        for tag in (*tags, "code", "p", "em", "strong"):
            rendered = rendered.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
        assert "<" not in rendered


CELLS = {
    "=1+1": "'=1+1",
    "+cmd": "'+cmd",
    "-x": "'-x",
    "@SUM(A1)": "'@SUM(A1)",
    "\t=1": "'\t=1",
    "\r=1": r"'\x0d=1",
    "=cmd|' /C calc'!A0": "'=cmd|' /C calc'!A0",
} | {text: text for text in ("-0.5", "+1e3", "-inf", "a=b", "", 'q"u,o')}


def test_csv_cells_that_a_spreadsheet_would_compute():
    (row,) = csv.reader(io.StringIO(csv_text([CELLS])))
    assert row == list(CELLS.values())
    assert csv_text([[-1, 0.5, None]]) == "-1,0.5,\n"


NAMES = ["<img src=x onerror=alert(1)>", "=1+1", "a\x1b]0;x\x07", "a\u202eb|`c"]


@pytest.mark.slow
def test_class_names_on_their_way_through_the_product(here, capsys):
    """A data set whose classes have such names: terminal, log, CSV and Markdown."""
    random = np.random.default_rng(0)
    labels = np.arange(400) % 4
    images = (random.integers(0, 60, (400, 8, 8)) + 40 * labels[:, None, None]).astype(np.uint8)
    np.savez("evil.npz", x=images, y=labels, class_names=np.array(NAMES))
    words = "train --preset plain --dataset evil.npz -nhl 1 -sz 8 -e 12 -b 16 --runs_dir . --no_report --name x"
    answers = [call(capsys, words), call(capsys, "evaluate x"), call(capsys, "evaluate x --csv tables --format md")]
    answers.append(call(capsys, "report x -o x.md"))
    assert [answer.code for answer in answers] == [0, 0, 0, 0]
    written = [path.read_text() for path in here.rglob("*") if path.suffix in (".md", ".csv", ".txt", ".svg")]
    for text in [*(answer.out + answer.err for answer in answers), *written]:
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
    pages = answers[2].out + (here / "x.md").read_text()
    assert "<img src" not in pages
    assert "&lt;img src" in pages
    assert "\n'=1+1," in (here / "tables" / "classes.csv").read_text()
