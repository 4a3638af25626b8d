"""What every figure of the registry owes its reader, whatever the run; a new row is tested by being there."""

import csv
import io
from xml.etree import ElementTree

import numpy as np
import pytest
from tests.slow import quick

from handgrad.errors import HandgradError
from handgrad.figures import COMPARISONS, FIGURES, DoesNotApplyError
from handgrad.figures.gallery import figure, to_bytes, to_svg
from handgrad.figures.style import house_style

TRAINED_BY_STEPS = ["loss", "accuracy", "learning_rate", "activations", "gradients"]
OF_A_NETWORK = [
    "architecture",
    "tsne",
    "tsne_output",
    "dense_filters",
    "conv_filters",
    "feature_maps",
    "explanation",
    "histograms",
]

# What makes no sense for a run, and a word of the reason.
LEFT_OUT = {
    ("mlp", "conv_filters"): "no convolution",
    ("mlp", "feature_maps"): "no convolution",
    ("no hidden layer", "tsne"): "no hidden layer",
    ("no hidden layer", "conv_filters"): "no convolution",
    ("no hidden layer", "feature_maps"): "no convolution",
    ("one epoch", "conv_filters"): "no convolution",
    ("one epoch", "feature_maps"): "no convolution",
    ("hog", "dense_filters"): "looks at an image",
    ("hog", "conv_filters"): "no convolution",
    ("hog", "feature_maps"): "no convolution",
    ("hog", "explanation"): "no images",
    **dict.fromkeys([("knn", name) for name in TRAINED_BY_STEPS], "no iteration is recorded"),
    **dict.fromkeys([("knn", name) for name in OF_A_NETWORK], "holds no network"),
    **dict.fromkeys([(run, "unit_gradients") for run in ("no hidden layer", "one epoch", "cnn", "hog")], "log_units"),
    ("knn", "unit_gradients"): "no iteration is recorded",
    ("knn", "confusion_train"): "keeps predictions of its test and validation images",
}
SVG = "{http://www.w3.org/2000/svg}"


def check(drawn):
    """A title, names on all axes, everything on the page, a caption, numbers, and an SVG that a page can hold."""
    titles = [drawn.figure.get_suptitle(), *(text.get_text() for text in drawn.figure.texts)]
    assert any(len(title) > 10 for title in titles)
    inches = drawn.figure.get_size_inches()
    root = ElementTree.fromstring(to_svg(drawn))
    with house_style():
        box = drawn.figure.get_tightbbox()
    assert box.x0 > -0.03
    assert box.y0 > -0.03
    assert box.x1 < inches[0] + 0.03
    assert box.y1 < inches[1] + 0.03
    for axes in drawn.figure.axes:
        assert axes.has_data() or not axes.axison
        below = axes.xaxis.get_major_ticks(1)[0].label1.get_visible()  # not where a panel further down has the numbers
        assert axes.get_xlabel() or axes.get_ylabel() or not axes.axison or axes.get_title(loc="left") or not below
    check_table(drawn.table, drawn.caption)
    assert root.tag == f"{SVG}svg"
    assert root.get("aria-label") == drawn.caption
    assert list(root.iter(f"{SVG}text"))


def check_table(table, caption):
    assert len(caption) > 40
    assert "nan" not in caption.lower().replace("nano", "")
    head, *rows = csv.reader(io.StringIO(table.csv()))
    assert len(set(head)) == len(head) > 1
    assert rows
    assert {len(row) for row in rows} == {len(head)}


SLOW_COMPARISONS = [f"compare_{name}" for name in ("20", "accuracy", "gradients", "roc", "test", "top3", "train_test")]
IMAGES = [
    "tsne",
    "dense_filters",
    "conv_filters",
    "feature_maps",
    "explanation",
    "activations",
]  # where convolutions matter


OF_COLOURS = ["architecture", "samples", "predictions", "dense_filters", "conv_filters", "feature_maps", "explanation"]
QUICK = [  # a report, which is a quick test, draws the others of an mlp
    *(("mlp", name) for name in ("loss", "learning_rate", "roc", "predictions", "architecture", "feature_maps")),
    ("cnn", "conv_filters"),
    ("colour", "feature_maps"),
]
DRAWN = {"mlp": FIGURES, "cnn": IMAGES, "colour": OF_COLOURS}


@pytest.mark.parametrize(("kind", "name"), quick([(kind, name) for kind in DRAWN for name in DRAWN[kind]], QUICK))
def test_drawn_or_left_out_with_a_reason(data_of, kind, name):
    if (kind, name) in LEFT_OUT:
        with pytest.raises(DoesNotApplyError, match=LEFT_OUT[kind, name]):
            figure(name, data_of(kind))
    else:
        check(figure(name, data_of(kind)))


def test_colours_are_drawn_as_they_are(data_of):
    """The pixels of a sheet of samples are those of the images: red beside green, its complement."""
    pixels = figure("samples", data_of("colour")).figure.axes[0].images[0].get_array()
    ink = pixels[..., 3] == 1
    np.testing.assert_allclose(pixels[ink][:, 0] + pixels[ink][:, 1], 1, atol=1e-9)
    assert np.ptp(pixels[ink][:, 0]) == 1


UNUSUAL = [(kind, name) for kind in ("no hidden layer", "one epoch", "cnn", "hog", "knn") for name in FIGURES]


@pytest.mark.parametrize(("kind", "name"), quick(UNUSUAL, lambda row: "tsne" not in row[1] or row[0] == "cnn"))
def test_numbers_of_unusual_runs(data_of, kind, name):
    if (kind, name) in LEFT_OUT:
        with pytest.raises(HandgradError, match=LEFT_OUT[kind, name]):
            FIGURES[name].compute(data_of(kind))
    else:
        numbers = FIGURES[name].compute(data_of(kind))
        check_table(numbers.table, numbers.caption)


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("kind", ["no hidden layer", "one epoch", "cnn"])
def test_unusual_runs_are_drawn(data_of, kind, name):
    if (kind, name) not in LEFT_OUT:
        check(figure(name, data_of(kind)))


@pytest.mark.parametrize("name", quick(COMPARISONS, lambda name: name not in SLOW_COMPARISONS))
def test_comparisons(data_of, name):
    runs = [data_of("mlp"), data_of("mlp", seed=1), data_of("cnn"), data_of("one epoch")]
    check(figure(name, runs))


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_comparison_of_one(data_of, name):
    numbers = COMPARISONS[name].compute([data_of("no hidden layer")])
    check_table(numbers.table, numbers.caption)


@pytest.mark.parametrize("name", quick(["loss", "confusion", "tsne", "predictions"], ["loss"]))
def test_the_same_bytes_again(data_of, name):
    first, again = (to_bytes(figure(name, data_of("mlp")), "svg") for _ in range(2))
    assert first == again


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_the_same_bytes_in_other_formats(data_of, suffix):
    first, again = (to_bytes(figure("learning_rate", data_of("mlp")), suffix) for _ in range(2))
    assert first == again
    assert first[:4] in (b"\x89PNG", b"%PDF")
