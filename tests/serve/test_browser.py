"""The page in Chromium: curves and table at once, a run that grows and goes; nothing that its policy forbids."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from tests.serve.asking import made_up_run

pytest.importorskip("starlette", reason="starlette is not installed: python -m pip install starlette uvicorn")
driver = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed: python -m pip install playwright"
)
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="there is no Chromium or Chrome here")]


@pytest.fixture
def page(tmp_path):
    for seed in range(3):
        made_up_run(tmp_path / f"run{seed}", 0.9, seed=seed)
    words = [sys.executable, "-m", "handgrad", "serve", "--runs_dir", tmp_path, "--port", "0", "--no_browser"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server, driver.sync_playwright() as playwright:
        address = server.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", address)
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        found = browser.new_page(viewport={"width": 400, "height": 900})
        found.complaints = []
        found.on("console", lambda message: found.complaints.append(message.text))
        found.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.goto(address)
        yield found
        browser.close()
        server.terminate()


def test_runs_are_seen_at_once_and_grow(page, tmp_path):
    page.wait_for_selector(".plot canvas")
    page.wait_for_selector("#table tbody tr >> nth=2")
    assert "token" not in page.url
    assert page.inner_text("#compare") == "Compare the 3 selected"
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    growing = made_up_run(tmp_path / "growing", None)
    page.wait_for_selector("tr:has-text('growing') >> text=to resume", timeout=10_000)
    epoch = {"epoch": 4, "step": 40, "train_loss": 0.125, "train_accuracy": 0.5, "seconds": 0.5}
    with (growing / "history.jsonl").open("a") as file:
        file.write(json.dumps({"epoch": epoch}) + "\n")
    page.wait_for_selector(".plot[aria-label*='to 0.125']", timeout=10_000)
    shutil.rmtree(growing)
    page.wait_for_selector("tr:has-text('growing')", state="detached", timeout=10_000)
    page.fill("#table-controls input", "seed=1")
    page.wait_for_selector("#count:has-text('1 of 3 runs')")
    assert page.complaints == []
