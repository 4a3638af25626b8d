"""The page in Chromium: curves and table at once, a run that grows and goes; nothing that its policy forbids."""

import json
import shutil

import pytest
from tests.serve.asking import made_up_run
from tests.serve.browsing import browsing, in_browser, show

from handgrad.serve import play

pytestmark = in_browser


@pytest.fixture
def page(tmp_path):
    for seed in range(3):
        made_up_run(tmp_path / f"run{seed}", 0.9, seed=seed)
    with browsing(tmp_path) as open_page:
        yield open_page()


def test_runs_are_seen_at_once_and_grow(page, tmp_path):
    page.wait_for_selector(".plot canvas")
    page.wait_for_selector("#table tbody tr >> nth=2")
    assert "token" not in page.url
    assert page.inner_text("#compare") == "Compare the 3 selected"
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    growing = made_up_run(tmp_path / "growing", None)
    page.wait_for_selector("tr:has-text('growing') >> text=to resume", timeout=60_000)
    epoch = {"epoch": 4, "step": 40, "train_loss": 0.125, "train_accuracy": 0.5, "seconds": 0.5}
    with (growing / "history.jsonl").open("a") as file:
        file.write(json.dumps({"epoch": epoch}) + "\n")
    page.wait_for_selector(".plot[aria-label*='to 0.125']", timeout=60_000)
    shutil.rmtree(growing)
    page.wait_for_selector("tr:has-text('growing')", state="detached", timeout=60_000)
    page.fill("#table-controls input", "seed=1")
    page.wait_for_selector("#count:has-text('1 of 3 runs')")
    assert page.complaints == []


def test_the_play_page_trains_keeps_its_state_and_hands_out_itself_as_a_file(page):
    page.wait_for_selector("#table tbody tr >> nth=2")
    show(page, "play")
    page.wait_for_selector("#play .plot canvas", timeout=60_000)
    page.click("text=One epoch")
    page.wait_for_selector(".figures dd:text-is('41')")
    page.wait_for_url("**steps=41")
    assert "handgrad train --dataset digits" in page.inner_text("#command")
    with page.expect_download(timeout=60_000) as download:
        page.click("text=This page as one file")
    assert download.value.path().read_text(encoding="utf-8") == play.page()
    page.click("button:text-is('Train')")
    show(page, "runs")
    page.wait_for_selector("#command:has-text('handgrad runs')")
    page.wait_for_timeout(300)
    assert page.url.endswith("#runs")
    assert "dataset" not in page.inner_text("#command")
    show(page, "play")
    page.wait_for_selector("button:text-is('Train')")
    assert int(page.inner_text(".figures dd >> nth=0")) >= 41
    assert page.complaints == []
