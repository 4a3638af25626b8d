"""How long, wide and large the page of a reproduction is, in a browser: of a small one, and of those in a folder.

HANDGRAD_REPRODUCTIONS names a folder with one folder for each whole report, to be measured likewise.
"""

import os
import re
from pathlib import Path

import pytest
from tests.reports.browser import chromium, size_of

from handgrad.claims import REPORTS
from handgrad.cli.main import main

SCREEN, SCREENS, WORDS, BYTES = 900, 12, 12_000, 1_000_000
DRAWN = re.compile(r"<(style|script|svg|math)\b.*?</\1>", re.DOTALL)  # labels of figures and symbols are no words


def check(page, folder):
    """The bars of every page."""
    text = page.read_text(encoding="utf-8")
    narrow, wide = size_of(page, 400, folder), size_of(page, 1280, folder)
    assert narrow.width <= narrow.room
    assert narrow.wide <= narrow.room
    assert wide.folded <= SCREENS * SCREEN
    assert wide.folded < wide.opened
    assert len(re.sub(r"<[^>]+>", " ", DRAWN.sub(" ", text)).split()) <= WORDS
    assert len(text.encode()) <= BYTES


@pytest.mark.slow
def test_a_quick_reproduction_keeps_the_bars(tmp_path):
    chromium()
    words = ["reproduce", "ee6132-2018", "--quick", "--dataset", "digits", "--seeds", "1", "--jobs", "1"]
    assert main([*words, "--question", "2", "-o", str(tmp_path / "made")]) == 0
    (page,) = (tmp_path / "made").glob("report*.html")
    check(page, tmp_path)


@pytest.mark.parametrize("report", REPORTS)
def test_a_whole_reproduction_keeps_the_bars(report, tmp_path):
    chromium()
    page = Path(os.environ.get("HANDGRAD_REPRODUCTIONS", "")) / report / "report.html"
    if not page.is_file():
        pytest.skip(f"no {report}/report.html in the folder that HANDGRAD_REPRODUCTIONS names")
    check(page, tmp_path)
