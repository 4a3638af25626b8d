"""A sweep from its first trial to its report in the browser: watched, paused, gone on with, brushed, and deleted."""

import shutil
import signal
import subprocess
import sys

from tests.processes import wait_for
from tests.serve.browsing import browsing, in_browser, show

pytestmark = in_browser
SWEEP = """
method: random
metric: {name: validation_accuracy, goal: maximize}
early_terminate: {type: hyperband, min_iter: 5}
parameters:
  dataset: {value: digits}
  epochs: {value: 60}
  learning_rate: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  optimizer: {values: [sgd, adam]}
  hidden_size: {values: [16, 32]}
"""
COUNT, ROWS, AXES = "#sweep form [role=status]", "#sweep [aria-label='table of trials'] tbody tr", "#sweep g.axis"
TRIALS = 12


def column(page, place):
    return [cell.strip() for cell in page.locator(f"{ROWS} td:nth-child({place})").all_inner_texts()]


def test_a_sweep_is_watched_paused_gone_on_with_and_brushed(tmp_path):
    (tmp_path / "file.yaml").write_text(SWEEP)
    words = ["sweep", tmp_path / "file.yaml", "--name", "live", "--trials", str(TRIALS), "--jobs", "1"]
    words = [sys.executable, "-m", "handgrad", *words, "--sweeps_dir", tmp_path / "sweeps"]
    driver = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    with driver, browsing(tmp_path / "runs") as open_page:
        page = open_page(1280)
        show(page, "sweeps")
        runs = tmp_path / "sweeps" / "live" / "runs"
        wait_for(lambda: len(list(runs.glob("*/metrics.json"))) >= 2, "the end of two trials")
        driver.send_signal(signal.SIGSTOP)  # it starts no other trial, however long the browser takes
        page.click("#sweeps-table a:text('live')", timeout=60_000)
        page.wait_for_selector(f"{ROWS} >> nth=1", timeout=120_000)
        page.click("text=Pause, as Ctrl-C does")
        driver.send_signal(signal.SIGCONT)
        assert "Go on with: handgrad sweep resume" in driver.communicate(timeout=60)[1]
        page.wait_for_selector("#sweep dl .state-to", state="attached", timeout=60_000)
        paused = len(column(page, 1))
        assert paused < TRIALS
        page.fill("#sweep input[name=jobs]", "2")
        page.click("#sweep button:text-is('Go on')")
        page.wait_for_selector("#sweep iframe", timeout=240_000)
        assert page.inner_text("#sweep dl .state-finished") == "finished"
        assert sorted(map(int, column(page, 1))) == list(range(TRIALS))
        assert set(column(page, 2)) <= {"finished", "stopped"}
        assert page.frame_locator("#sweep iframe").locator("h1").inner_text() == "Sweep live"
        brush_by_keyboard(page)
        brush_by_mouse(page)
        estimates(page, tmp_path)
        page.click(f"{ROWS} >> nth=0 >> a")
        page.wait_for_selector("#trial svg.course[aria-label*='validation_accuracy from']")
        page.click("text=Its run: curves")
        page.wait_for_selector("#run .plot[aria-label*='loss by epoch. ']")
        show(page, "sweeps")
        shutil.rmtree(tmp_path / "sweeps")
        page.wait_for_selector("text=There are no sweeps in the folder", timeout=60_000)
        assert [each for each in page.complaints if "sandboxed" not in each] == []


def brush_by_keyboard(page):
    """The optimizer's axis is the second: its upper end down by one value leaves the first one."""
    page.focus(f"{AXES} >> nth=1")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector(f"{COUNT}:has-text('of {TRIALS} trials: optimizer sgd')")
    assert set(column(page, 5)) == {"sgd"}
    assert page.get_attribute(f"{AXES} >> nth=1", "aria-valuetext").startswith("sgd, ")
    page.keyboard.press("Escape")
    page.wait_for_selector(f"{COUNT}:text-is('{TRIALS} trials')")


def brush_by_mouse(page):
    """The upper half of the result's axis, the last one: the better trials."""
    page.locator(f"{AXES} >> nth=-1").scroll_into_view_if_needed()
    box = page.locator(f"{AXES} >> nth=-1 >> line").bounding_box()
    x, best = box["x"], max(float(text[:-2]) for text in column(page, 3))
    page.mouse.move(x, box["y"] - 3)
    page.mouse.down()
    page.mouse.move(x, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    page.wait_for_selector(f"{COUNT}:has-text('of {TRIALS} trials: validation_accuracy ')")
    kept = [float(text[:-2]) for text in column(page, 3)]
    assert max(kept) == best
    assert 0 < len(kept) < TRIALS
    page.click("text=Take the brushes away")
    page.wait_for_selector(f"{COUNT}:text-is('{TRIALS} trials')")


def estimates(page, tmp_path):
    """The best is that of the command."""
    page.click("text=Estimate anew")
    page.wait_for_selector(f"text=Estimated when {TRIALS} of {TRIALS} trials are done", timeout=60_000)
    words = ["sweep", "report", tmp_path / "sweeps" / "live", "--format", "md", "-o", tmp_path / "report.md"]
    printed = subprocess.run(
        [sys.executable, "-m", "handgrad", *words], capture_output=True, text=True, check=True
    ).stdout
    assert page.inner_text("#sweep pre") in printed
