"""What axe-core finds on every page, light and dark: nothing serious. And no page is wider than the window."""

import json
import shutil

import pytest
from tests.serve.browsing import browsing, draw, in_browser, show

from handgrad.cli.main import main
from handgrad.verify.outcome import RIGHT, WRONG, Check, Outcome

pytestmark = in_browser
STROKE = [[(0.5, 0.2), (0.5, 0.8)]]
# What comes late on a view.
READY = {"draw": "#results .bars", "train": "#fields label", "runs": ".plot canvas", "comparison": "#comparison .pair"}
READY |= {"play": "#play .plot canvas", "sweep": "#sweep g.axis", "trial": "#trial h1", "class": "#class tbody tr"}
SWEEP = """
method: random
metric: {name: validation_accuracy, goal: maximize}
parameters:
  dataset: {value: digits}
  epochs: {value: 2}
  learning_rate: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  optimizer: {values: [sgd, adam]}
"""
SIGN = Check("gradient", WRONG, "the sign of dweight is wrong", 2.0, "layer 2", "sign", 1e-9, "net.py:3")


@pytest.fixture(scope="module")
def laboratory(trained, tmp_path_factory):
    """Two runs, a sweep and the results of a class: the folder of the runs."""
    home = tmp_path_factory.mktemp("laboratory")
    for path in trained:
        shutil.copytree(path, home / "runs" / path.rpartition("/")[2])
    (home / "file.yaml").write_text(SWEEP)
    words = ["--name", "tried", "--trials", "4", "--jobs", "1", "--sweeps_dir", str(home / "sweeps")]
    assert main(["sweep", str(home / "file.yaml"), *words]) == 0
    (home / "checks").mkdir()
    for outcome in (Outcome("ada", "none", checks=[Check("forward", RIGHT, "fits")]), Outcome("eve", checks=[SIGN])):
        (home / "checks" / f"{outcome.folder}.json").write_text(json.dumps(outcome.mapping()))
        (home / "checks" / f"{outcome.folder}.html").write_text("<h1>Its page</h1>")
    return home / "runs"


def links(page, view, place):
    """The addresses behind # that the links of a view have."""
    show(page, view)
    page.wait_for_selector(f"{place} a")
    return page.eval_on_selector_all(f"{place} a", "links => links.map(link => link.hash.slice(1))")


def views_of(page):
    """Those of the navigation, whichever there are, and the pages of a run, a comparison, a sweep and a trial."""
    runs = links(page, "runs", "#table tbody")
    views = page.eval_on_selector_all("nav a", "links => links.map(link => link.hash.slice(1))")
    assert {"runs", "draw", "train", "sweeps", "class"} <= set(views)
    sweep = links(page, "sweeps", "#sweeps-table")[0]
    trial = links(page, sweep, "#sweep [aria-label='table of trials'] tbody")[0]
    student = links(page, "class", "#class tbody")[0]
    both = ",".join(run.removeprefix("run/") for run in runs)
    return [*views, runs[0], f"comparison/{both}", sweep, trial, student]


def opened(page, view):
    show(page, view)
    name = view.partition("/")[0]
    if name == "draw":
        page.wait_for_selector("#networks input:checked")
        draw(page, STROKE)
    # A student's page takes the place of the table of the class.
    ready = "#class iframe" if view.startswith("class/") else READY.get(name, f"#{name} h1")
    page.wait_for_selector(ready, timeout=60_000)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    page.wait_for_timeout(300)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(laboratory, scheme):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright",
        reason="axe-playwright-python is not installed: python -m pip install axe-playwright-python",
    )
    found = []
    with browsing(laboratory) as open_page:
        page = open_page(1280, scheme)
        for view in views_of(page):
            opened(page, view)
            for finding in axe.Axe().run(page).response["violations"]:
                nodes = "; ".join(node["html"][:160] + " " + node["failureSummary"][:300] for node in finding["nodes"])
                found.append(f"#{view}: {finding['impact']}: {finding['id']}: {nodes}")
        # The report of a sweep stands in a frame in which its scripts may not run.
        assert [each for each in page.complaints if "sandboxed" not in each] == []
    print(*found, sep="\n")
    assert [each for each in found if ": serious" in each or ": critical" in each] == []


@pytest.mark.parametrize("width", [400, 1280, 2560])
def test_no_page_is_wider_than_the_window(laboratory, width):
    with browsing(laboratory) as open_page:
        page = open_page(width)
        for view in views_of(page):
            opened(page, view)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, view
