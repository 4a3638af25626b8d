"""Figures as files, tables as CSV, names, colours."""

import re
from itertools import combinations, pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from handgrad.errors import UsageError
from handgrad.figures import Table, style
from handgrad.figures.gallery import figure, known, to_bytes, to_svg, write_figures
from handgrad.figures.svg import INVISIBLE, simplified, small_svg


def test_csv_by_hand():
    rows = [(1, 0.1 + 0.2, None, 'a "b", c'), (np.int64(2), np.float32(0.5), float("nan"), "")]
    expected = 'n,x,y,name\n1,0.30000000000000004,,"a ""b"", c"\n2,0.5,,\n'
    assert Table(("n", "x", "y", "name"), rows).csv() == expected


@pytest.mark.slow
def test_files_beside_each_other(data_of, tmp_path):
    outcomes = list(write_figures([data_of("mlp")], tmp_path, "svg", ["learning-rate", "conv_filters"]))
    assert [path.name for path in outcomes[0].paths] == ["learning_rate.svg", "learning_rate.csv"]
    assert all(path.exists() for path in outcomes[0].paths)
    assert outcomes[1].reason == "the network has no convolution"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["learning_rate.csv", "learning_rate.svg"]


@pytest.mark.slow
def test_several_runs_have_folders_of_their_own(data_of, tmp_path):
    runs = [data_of("mlp"), data_of("cnn")]
    outcomes = list(write_figures(runs, tmp_path, "svg", ["learning_rate", "compare_test"]))
    places = [str(outcome.paths[0].relative_to(tmp_path)) for outcome in outcomes]
    assert places == ["mlp/learning_rate.svg", "cnn/learning_rate.svg", "compare_test.svg"]


def test_a_runs_own_folder_is_the_usual_place(data_of):
    (outcome,) = write_figures([data_of("mlp")], None, "svg", ["learning_rate"])
    assert outcome.paths[0].parent == data_of("mlp").run.path / "figures"


def test_unknown_names_and_formats(data_of):
    with pytest.raises(UsageError, match="did you mean loss"):
        known("los", {"loss": None, "roc": None})
    with pytest.raises(UsageError, match="format must be one of svg, png, pdf"):
        list(write_figures([data_of("mlp")], None, "gif"))
    with pytest.raises(UsageError, match="format must be one of"):
        to_bytes(figure("learning_rate", data_of("mlp")), "gif")


def test_an_svg_brings_nothing_into_its_page_that_could_disturb_others(data_of):
    text = to_svg(figure("loss", data_of("mlp")))
    assert text.startswith("<svg ")
    own = re.search(r'class="(f[0-9a-f]+)"', text)[1]
    (rules,) = re.findall(r"<style>(.*?)</style>", text)
    assert all(rule.startswith(f".{own} ") for rule in rules.split("}")[:-1])
    referred = set(re.findall(r'#([\w-]+)[")]', text))
    assert set(re.findall(r' id="([^"]+)"', text)) <= referred
    assert not re.search(r"\b20\d\d-\d\d-\d\d", text)


def test_long_trainings_make_no_long_files(data_of):
    data = data_of("mlp")
    longer = type(data)(data.run)
    longer.history.losses = list(2 + np.random.default_rng(0).normal(size=200_000) / 9)
    longer.history.correct = [50] * 200_000
    assert len(to_svg(figure("loss", longer))) < 80_000


def test_lines_are_told_apart():
    looks = [style.look(place) for place in range(28)]
    assert all(one[:2] != other[:2] for one, other in combinations(looks, 2))
    for place in range(20):
        assert style.look(place).color != style.look(place + 1).color


def luminance(colour):
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", [style.ERRORS, style.SIGNED, style.INKED])
def test_colour_scales_are_read_in_grey(name):
    """Their brightness goes one way all the way."""
    import matplotlib as mpl
    from matplotlib.colors import to_hex

    steps = np.diff([luminance(to_hex(mpl.colormaps[name](share))) for share in np.linspace(0, 1, 60)])
    assert (steps <= 0.002).all() or (steps >= -0.002).all()


@pytest.mark.parametrize("name", [style.ERRORS, style.SIGNED])
def test_numbers_on_colours_are_legible(name):
    """WCAG's contrast of at least 3, as for large text; most have more."""
    import matplotlib as mpl
    from matplotlib.colors import to_hex

    for share in np.linspace(0, 1, 60):
        shade = mpl.colormaps[name](share)
        light, dark = sorted([luminance(to_hex(shade)), luminance(style.on_colour(shade))], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3


def test_what_was_set_elsewhere_is_left_alone(data_of):
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 33.0, "svg.fonttype": "path"}):
        drawn = figure("learning_rate", data_of("mlp"))
        assert drawn.figure.axes[0].xaxis.label.get_size() < 12
        assert "<text" in to_svg(drawn)
        assert mpl.rcParams["font.size"] == 33


def test_a_line_loses_the_corners_that_nobody_sees():
    """Of a noisy curve: every corner left out lies within INVISIBLE of the line that is left."""
    x = np.linspace(0, 500, 2000)
    places = np.column_stack([x, 100 * np.exp(-x / 80) + np.random.default_rng(0).normal(0, 0.3, len(x))])
    kept = simplified(places)
    assert 20 < len(kept) < len(places) / 2
    np.testing.assert_array_equal(kept[[0, -1]], places[[0, -1]])
    away = np.full(len(places), np.inf)
    for start, end in pairwise(kept):
        way = end - start
        along = np.clip((places - start) @ way / (way @ way), 0, 1)
        away = np.minimum(away, np.hypot(*(places - start - along[:, None] * way).T))
    assert away.max() <= INVISIBLE
    assert len(simplified(np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 0.0]]))) == 3  # there and back is no straight line


def corners(path):
    """The absolute corners of a path of M, l, h, v, c and z, step by step."""
    found, here, start = [], np.zeros(2), np.zeros(2)
    for command, words in re.findall(r"([Mlhvcz])([^Mlhvcz]*)", path):
        numbers = [float(word) for word in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", words)]
        if command == "z":
            here = start
        elif command in "hv":
            for number in numbers:
                here = here + np.array([number, 0] if command == "h" else [0, number])
                found.append(here)
        else:
            pairs = np.array(numbers).reshape(-1, 2)
            if command == "M":
                here = start = pairs[0]
                found.append(here)
            for place, step in enumerate(pairs if command != "M" else ()):
                found.append(here + step)
                if command == "l" or place % 3 == 2:
                    here = found[-1]
    return np.array(found)


def test_small_paths_and_marks_are_where_the_large_ones_were():
    places = np.random.default_rng(0).uniform(0, 300, (100, 2))
    marks = "".join(f'<use xlink:href="#m" x="{x:.4f}" y="{y:.4f}" style="fill: #123456"/>' for x, y in places)
    shape = "M 10.04 20 L 10.04 30.16 L 40 30.16 C 41 31.5 42.25 33 44 30.16 L 50 12 z M 1 2 L 3 4"
    text = small_svg(
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">'
        f'<defs><path id="m" d="M 0 1.005 L 2 3"/></defs><path d="{shape}"/><g clip-path="url(#c)">{marks}</g></svg>',
        "A <caption>",
    )
    root = ElementTree.fromstring(text)
    assert root.get("aria-label") == "A <caption>"
    mark, drawn, marked = (element.get("d") for element in root.iter("{http://www.w3.org/2000/svg}path"))
    assert np.abs(corners(mark) - [[0, 1.005], [2, 3]]).max() <= 0.005 + 1e-9
    expected = np.array([float(word) for word in re.findall(r"[\d.]+", shape)]).reshape(-1, 2)
    assert np.abs(corners(drawn) - expected).max() <= 0.05 + 1e-9
    assert np.abs(corners(marked) - places).max() <= 0.05 + 1e-9


def test_letters_that_each_have_a_place():
    """As Matplotlib before 3.9 writes a number with an exponent."""
    words = '<text><tspan x="0 4.771729" y="-1">ab</tspan></text>'
    text = small_svg(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{words}</svg>', "A caption")
    assert '<tspan x="0 4.8" y="-1">ab' in text
