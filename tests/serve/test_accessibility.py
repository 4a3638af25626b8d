"""What axe-core finds on every page, light and dark: nothing serious. And no page is wider than the window."""

import shutil

import pytest
from tests.serve.browsing import browsing, draw, in_browser, show

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright",
    reason="axe-playwright-python is not installed: python -m pip install axe-playwright-python",
)
pytestmark = in_browser
STROKE = [[(0.5, 0.2), (0.5, 0.8)]]
# What comes late on a view.
READY = {"draw": "#results .bars", "train": "#fields label", "runs": ".plot canvas", "comparison": "#comparison .pair"}
READY |= {"play": "#play .plot canvas"}


def views_of(page):
    """Those of the navigation, whichever there are, and the pages of a run and of a comparison."""
    page.wait_for_selector("#table tbody a")
    runs = page.eval_on_selector_all("#table tbody a", "links => links.map(link => link.hash.slice(5))")
    views = page.eval_on_selector_all("nav a", "links => links.map(link => link.hash.slice(1))")
    assert {"runs", "draw", "train"} <= set(views)
    return [*views, f"run/{runs[0]}", f"comparison/{','.join(runs)}"]


def opened(page, view):
    show(page, view)
    name = view.partition("/")[0]
    if name == "draw":
        page.wait_for_selector("#networks input:checked")
        draw(page, STROKE)
    page.wait_for_selector(READY.get(name, f"#{name} h1"), timeout=60_000)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    page.wait_for_timeout(300)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(trained, tmp_path, scheme):
    for path in trained:
        shutil.copytree(path, tmp_path / path.rpartition("/")[2])
    found = []
    with browsing(tmp_path) as open_page:
        page = open_page(1280, scheme)
        for view in views_of(page):
            opened(page, view)
            for finding in axe.Axe().run(page).response["violations"]:
                nodes = "; ".join(node["html"][:160] + " " + node["failureSummary"][:300] for node in finding["nodes"])
                found.append(f"#{view}: {finding['impact']}: {finding['id']}: {nodes}")
        assert page.complaints == []
    print(*found, sep="\n")
    assert [each for each in found if ": serious" in each or ": critical" in each] == []


@pytest.mark.parametrize("width", [400, 1280, 2560])
def test_no_page_is_wider_than_the_window(trained, tmp_path, width):
    for path in trained:
        shutil.copytree(path, tmp_path / path.rpartition("/")[2])
    with browsing(tmp_path) as open_page:
        page = open_page(width)
        for view in views_of(page):
            opened(page, view)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, view
