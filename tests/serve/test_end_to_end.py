"""One sitting in the browser: start a training from the form, watch it, compare, draw, stop it, and resume it."""

import shutil

import pytest
from tests.processes import wait_for
from tests.serve.browsing import browsing, draw, in_browser, show

from handgrad.run_folder import RunFolder
from handgrad.serve.run_index import last_epoch

pytestmark = in_browser
LONG = 60_000


@pytest.fixture
def page(trained, tmp_path):
    for path in trained:
        shutil.copytree(path, tmp_path / path.rpartition("/")[2])
    with browsing(tmp_path) as open_page:
        found = open_page(1280)
        found.wait_for_selector("#table tbody tr >> nth=1")
        yield found


def fill(page, **settings):
    for name, value in settings.items():
        field = page.locator(f"#field-{name}")
        if field.evaluate("field => !!field.closest('details')"):
            field.evaluate("field => { field.closest('details').open = true; }")
        field.select_option(value) if field.evaluate("field => field.tagName") == "SELECT" else field.fill(value)


def row(name, state):
    return f"#table tr:has(a:text-is('{name}')):has(td:text-is('{state}'))"


def test_a_training_is_started_watched_compared_stopped_and_resumed(page, tmp_path):
    show(page, "train")
    page.wait_for_selector("#field-dataset", timeout=LONG)
    fill(page, dataset="digits", epochs="100000", hidden_size="16", num_layers="1", name="mine")
    page.click("#preview")
    page.wait_for_selector("#command:has-text('--name mine')")
    assert not (tmp_path / "mine").exists()
    page.click("#start")
    page.wait_for_selector("#jobs:has-text('handgrad train')", timeout=LONG)
    show(page, "runs")
    page.wait_for_selector(row("mine", "running"), timeout=LONG)
    page.wait_for_selector(".plot[aria-label*='mine, training']", timeout=LONG)

    page.click("a:text-is('mine')")
    page.wait_for_selector("#run button:has-text('Stop')", timeout=LONG)
    page.click("#run button:has-text('Stop')")
    page.wait_for_selector("#run button:has-text('Resume')", timeout=LONG)
    first = RunFolder(tmp_path / "mine").result
    assert first.state == "interrupted"
    page.click("#run button:has-text('Resume')")
    page.wait_for_selector("#run button:has-text('Stop')", timeout=LONG)
    wait_for(lambda: (last_epoch(tmp_path / "mine" / "history.jsonl") or 0) > first.epochs, "one more epoch")
    page.click("#run button:has-text('Stop')")
    page.wait_for_selector("#run button:has-text('Resume')", timeout=LONG)
    assert RunFolder(tmp_path / "mine").result.epochs > first.epochs

    show(page, "runs")
    page.wait_for_selector(row("mine", "interrupted"), timeout=LONG)
    page.click("#none")
    page.wait_for_selector("#count:has-text(', 0 in the curves')")
    for name in ("adam", "sgd"):
        page.check(f"#table tr:has(a:text-is('{name}')) input")
    page.click("#compare:has-text('Compare the 2 selected')")
    page.wait_for_selector("#comparison .pair", timeout=LONG)
    assert "optimizer" in page.inner_text("#comparison")
    assert page.inner_text("#command").startswith("handgrad compare")

    show(page, "draw")
    for box in page.locator("#networks input").all():
        box.check()
    draw(page, [[(0.5, 0.2), (0.5, 0.8)]])
    page.wait_for_selector("#results .result:nth-child(3) .bars", timeout=LONG)
    page.wait_for_selector("#results[aria-busy=false]")
    assert page.locator("#results .near canvas").count() == 3 * 8
    assert page.locator("#results canvas.units").count() >= 3 * 3
    page.click("#results summary:has-text('layer') >> nth=0")  # folds it for all
    page.wait_for_selector("#results[aria-busy=false]")
    assert page.locator("#results details[data-fold=layers][open]").count() == 0
    page.click("#clear")
    assert page.locator("#results .result").count() == 0
    assert page.complaints == []
