"""Reports of real runs, read again as a browser or a person would."""

import functools
import json
import re
from collections import Counter
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from tests.commands import TINY, call

from handgrad.cli.main import main
from handgrad.reports.blocks import Code, Details, Note, Picture, Points, Report, Section, Table, Text
from handgrad.reports.render import markdown_text, write_html, write_markdown
from handgrad.runs import open_run
from handgrad.runs.predictions import kept_weights

html5lib = pytest.importorskip("html5lib", reason="html5lib is not installed: python -m pip install html5lib")


def parsed(text):
    """The page as a tree; an error of HTML fails the test."""
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    tree = parser.parse(text)
    assert not parser.errors, parser.errors[:5]
    return tree


@pytest.fixture(scope="module")
def report_of(finished_run, tmp_path_factory):
    """The path of the report of one run, by the ending that tells its form."""
    folder = tmp_path_factory.mktemp("report")

    @functools.cache
    def written(ending):
        path = folder / f"run.{ending}"
        assert main(["report", str(finished_run), "-o", str(path), "--tsne_images", "30"]) == 0
        return path

    return written


@pytest.mark.slow
def test_page_is_sound(report_of):
    tree = parsed(report_of("html").read_text())
    identifiers = Counter(element.get("id") for element in tree.iter() if element.get("id"))
    assert max(identifiers.values()) == 1
    links = [element.get("href") for element in tree.iter("a")]
    assert links
    assert all(link.removeprefix("#") in identifiers for link in links)
    headings = [element.tag for element in tree.iter() if re.fullmatch("h[1-6]", str(element.tag))]
    assert headings.count("h1") == 1
    assert all(int(b[1]) <= int(a[1]) + 1 for a, b in pairwise(headings))


@pytest.mark.parametrize("ending", ["html", pytest.param("md", marks=pytest.mark.slow)])
def test_page_says_which_weights_are_kept(report_of, finished_run, ending):
    kept = kept_weights(open_run(finished_run))
    assert re.match(r"epoch \d+ of \d+, best of \d+ validation images", kept)
    assert kept in " ".join(report_of(ending).read_text().split())


def test_page_needs_nothing_else(report_of):
    tree = parsed(report_of("html").read_text())
    assert not list(tree.iter("script"))
    assert not list(tree.iter("link"))
    sources = [element.get(name) for element in tree.iter() for name in ("src", "href") if element.get(name)]
    xlinks = [value for element in tree.iter() for name, value in element.attrib.items() if "href" in str(name)]
    assert all(source.startswith(("#", "data:")) for source in [*sources, *xlinks])


def test_every_figure_can_be_read_out(report_of):
    tree = parsed(report_of("html").read_text())
    figures = list(tree.iter("figure"))
    assert len(figures) >= 10
    for figure in figures:
        (caption,) = figure.iter("figcaption")
        (drawing,) = [element for element in figure if str(element.tag).endswith("svg")]
        assert drawing.get("role") == "img"
        assert len(drawing.get("aria-label")) > 20
        assert "".join(caption.itertext()).strip()


def test_numbers_are_those_of_the_run(report_of, finished_run):
    metrics = json.loads((finished_run / "metrics.json").read_text())
    words = " ".join("".join(parsed(report_of("html").read_text()).itertext()).split())
    for part in ("test", "validation", "train"):
        assert f"{100 * metrics[part]['accuracy']:.2f} %" in words
    assert f"{metrics['parameters']:,}" in words
    assert json.loads((finished_run / "run.json").read_text())["command"] in words


@pytest.mark.slow
def test_markdown_has_its_figures_beside_it(report_of):
    page = report_of("md")
    text = page.read_text()
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert len(pictures) >= 10
    for picture in pictures:
        assert ElementTree.parse(page.parent / picture).getroot().tag.endswith("svg")
    assert "$$" in text
    assert text.startswith("# ")


@pytest.mark.slow
def test_report_is_the_same_twice(report_of, finished_run, here, capsys):
    assert call(capsys, "report", finished_run, "-o", "again.html", "--tsne_images", 30).code == 0
    times = re.compile(r"\d+\.\d+ s\b")
    assert times.sub("", (here / "again.html").read_text()) == times.sub("", report_of("html").read_text())


@pytest.mark.slow
def test_several_seeds_end_with_one_report(here, capsys):
    words = TINY.replace("--no_report", "--runs_dir . --name a --seeds 2")
    answer = call(capsys, words)
    assert answer.code == 0
    before, report = answer.out.splitlines()[-2:]
    assert (before, report.partition(" (")[0]) == ("writing the report …", "report: a_s_0/seeds.html")
    assert [path.relative_to(here).as_posix() for path in here.rglob("*.html")] == ["a_s_0/seeds.html"]
    words = " ".join("".join(parsed((here / "a_s_0" / "seeds.html").read_text()).itertext()).split())
    mean = sum(open_run(here / f"a_s_{seed}").metrics["test"]["accuracy"] for seed in (0, 1)) / 2
    assert f"{100 * mean:.2f} % of the test images are classified correctly, the mean over 2 seeds" in words


@pytest.mark.slow
def test_training_ends_with_a_report_which_tells_of_watched_test_images(here, capsys):
    """Four fifths of the test images are looked at after each epoch: they are not said to be training images."""
    answer = call(capsys, TINY.replace("--no_report", "--runs_dir . --name a --fold test/5"))
    assert answer.code == 0
    assert "note: fold test/5 validates on test images: they choose nothing, the last epoch is kept" in answer.out
    assert "kept: epoch 2 of 2, the last one" in answer.out.splitlines()
    assert "report: a/report.html" in answer.out
    words = " ".join("".join(parsed((here / "a" / "report.html").read_text()).itertext()).split())
    assert "288 of the test images were looked at after each epoch (fold test/5)" in words
    assert "not used for training, nor to choose anything" not in words
    assert "all 1,438 288 359" in words


@pytest.mark.slow
def test_several_runs_are_compared(finished_run, here, capsys):
    deep = TINY.replace("--num_layers 1", "--num_layers 2")
    for name, words in (("deep", deep), ("both", f"{deep} --activation tanh")):
        assert call(capsys, f"{words} --runs_dir . --name {name}").code == 0
    assert call(capsys, "report", finished_run, "deep", "both", "-o", "three.html").code == 0
    words = " ".join("".join(parsed((here / "three.html").read_text()).itertext()).split())
    assert "controlled: only num_layers differs" in words
    assert "confounded" in words
    assert "McNemar" in words


def test_wrong_ending_is_refused_before_anything_is_drawn(finished_run, here, capsys):
    answer = call(capsys, "report", finished_run, "-o", "report.docx")
    assert answer.code == 2
    assert "a report is written as .html, .md, .pdf, .tex, got report.docx (--output)" in answer.err


@pytest.mark.parametrize(("writer", "name"), [(write_html, "out.html"), (write_markdown, "out.md")])
def test_names_with_signs_come_out_as_they_are(writer, name, tmp_path):
    """What people call their runs and classes is no HTML."""
    bad = "<b>&\"'|"
    table = Table((bad, "x"), [(bad, bad)], bad, (bad,), badges=("x",))
    blocks = [Text(bad), Note(bad), Points([bad]), Code(bad), Details(bad, [Text(bad), table])]
    report = Report(bad, bad, [(bad, bad)], [Section("a", bad, blocks)])
    (path, *_) = writer(report, tmp_path / name)
    text = path.read_text()
    if writer is write_html:
        tree = parsed(text)
        assert not list(tree.iter("b"))
        assert "".join(next(tree.iter("h1")).itertext()) == report.title
        for tag, count in (("h1", 1), ("summary", 1), ("td", 1), ("code", 1)):
            assert ["".join(element.itertext()) for element in tree.iter(tag)] == [report.title] * count
        assert [cell.get("scope") for cell in tree.iter("th")] == ["col", "col", "row"]
    else:
        assert "\\|" in text


def test_backticks_set_code(tmp_path):
    report = Report("t", "s", [], [Section("x", "X", [Text("`--batch_size <n>` or `-b`, 10 ` long")])])
    write_html(report, tmp_path / "page.html")
    assert (
        "<p><code>--batch_size &lt;n&gt;</code> or <code>-b</code>, 10 ` long</p>"
        in (tmp_path / "page.html").read_text()
    )


def test_markdown_has_one_blank_line_between_blocks(tmp_path):
    blocks = [Text("a"), Table(("x",), [("1",)], "t"), Points(["b", "c"]), Text("d")]
    report = Report("t", "s", [("k", "v"), ("l", "w")], [Section("x", "X", blocks), Section("y", "Y", [Text("e")])])
    text = markdown_text(report, "figures")
    assert text.startswith("# t\n\ns\n\n- **k**: v\n- **l**: w\n\n## X\n\na\n\n")
    assert text.endswith("- b\n- c\n\nd\n\n## Y\n\ne\n")
    assert "\n\n\n" not in text


def test_figures_of_a_large_page_stand_beside_it(tmp_path):
    """A million letters of drawings: a page that takes them from its folder, where each has words in its place."""
    drawings = [Picture(name, f"<svg><!--{'x' * 600_000}--></svg>", f"caption {name}", "a") for name in "ab"]
    written = write_html(Report("t", "s", [], [Section("x", "X", [Details("More", drawings)])]), tmp_path / "page.html")
    assert written == [tmp_path / "page.html", tmp_path / "page" / "a.svg", tmp_path / "page" / "b.svg"]
    tree = parsed(written[0].read_text())
    images = [(image.get("src"), image.get("alt")) for image in tree.iter("img")]
    assert images == [("page/a.svg", "caption a"), ("page/b.svg", "caption b")]
    assert "The figures stand in the folder page beside this page" in "".join(tree.itertext())


def test_what_is_folded_is_folded_in_markdown():
    folded = Details("More", [Text("a"), Details("Still more", [Text("b")]), Text("c")])
    text = markdown_text(Report("t", "s", [], [Section("x", "X", [folded, Text("d")])]), "figures")
    more, still_more = (f'<details markdown="1">\n<summary>{title}</summary>\n' for title in ("More", "Still more"))
    inside = f"{more}\na\n\n{still_more}\nb\n\n</details>\n\nc\n\n</details>\n"
    assert text.endswith(f"## X\n\n{inside}\nd\n")


def test_pictures_are_found_in_order_also_the_folded():
    first, second, third = (Picture(name, "<svg/>", "c", "a") for name in "abc")
    folded = Details("More", [second, Text("t")])
    report = Report("t", "s", [], [Section("x", "X", [first, folded]), Section("y", "Y", [third])])
    assert report.pictures() == [first, second, third]
