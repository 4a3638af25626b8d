"""`handgrad predict`: pictures as people have them."""

import re

import numpy as np
import pytest
from PIL import Image
from tests.commands import TINY, call
from tests.malformed import animation, idx, npy, npz, png, saved

from handgrad.data import load
from handgrad.runs import open_run

GUESSES = re.compile(
    r"(\S+): (\S+) (\d+\.\d) %   (\S+) (\d+\.\d) %   (\S+) (\d+\.\d) %(   \(dark on light, inverted\))?"
)
BAR = np.zeros((60, 40), np.uint8)
BAR[10:50, 15:25] = 255


def guesses(answer):
    """[(file, [class, ...], [per cent, ...], inverted)] of what was printed."""
    assert answer.code == 0, answer.err
    found = [GUESSES.fullmatch(line).groups() for line in answer.out.splitlines() if not line.startswith("    ")]
    return [
        (name, (a, b, c), (float(p), float(q), float(r)), bool(inverted)) for name, a, p, b, q, c, r, inverted in found
    ]


def predict(capsys, here, content, name="my.png"):
    (here / name).write_bytes(content)
    ((_, classes, shares, inverted),) = guesses(call(capsys, f"predict run {name}"))
    return classes, shares, inverted


def test_the_three_likeliest(run, here, capsys):
    digits, network = load("digits"), open_run(run).load_model()
    images = digits.x_test[:5]
    for number, image in enumerate(images):
        (here / f"{number}.png").write_bytes(png(image))
    answers = guesses(call(capsys, "predict run 0.png 1.png 2.png 3.png 4.png"))
    for number, (name, classes, shares, inverted) in enumerate(answers):
        p = network.predict_proba(images[number : number + 1])[0]
        assert name == f"{number}.png"
        assert [int(each) for each in classes] == sorted(range(10), key=lambda k: -p[k])[:3]
        assert shares == pytest.approx(sorted(100 * p, reverse=True)[:3], abs=0.051)
        assert not inverted


def colour(mode, background, ink):
    picture = Image.new(mode, (40, 60), background)
    picture.paste(ink, (15, 10, 25, 50))
    return picture


SAME = {
    "inverted": (saved(Image.fromarray(255 - BAR)), True),
    "black and white": (saved(Image.fromarray(BAR).convert("1")), False),
    "16-bit": (saved(Image.fromarray(BAR.astype(np.uint16) * 257)), False),
    "colour": (saved(colour("RGB", "black", "white")), False),
    "palette": (saved(colour("RGB", "black", "white").quantize(2)), False),
    "transparent": (saved(colour("RGBA", (0, 0, 0, 0), (0, 0, 0, 255))), True),
    "transparent grey": (saved(colour("LA", (0, 0), (0, 255))), True),
    "CMYK": (saved(colour("CMYK", (0, 0, 0, 0), (0, 0, 0, 255)), "JPEG", quality=100, subsampling=0), True),
    "off-centre": (saved(Image.fromarray(np.pad(BAR, ((100, 5), (3, 200))))), False),
    "twice as large": (saved(Image.fromarray(BAR.repeat(2, 0).repeat(2, 1))), False),
}


@pytest.mark.parametrize(("content", "inverted"), SAME.values(), ids=SAME.keys())
def test_one_drawing_in_every_dress(run, here, capsys, content, inverted):
    classes, shares, _ = predict(capsys, here, png(BAR))
    again = predict(capsys, here, content)
    assert again[0] == classes
    assert again[1] == pytest.approx(shares, abs=1.0)
    assert again[2] == inverted


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2000, 30), (8, 8)])
@pytest.mark.parametrize("shade", [0, 255])
def test_sheets_with_nothing_on_them(run, here, capsys, size, shade):
    (here / "my.png").write_bytes(png(np.full(size, shade, np.uint8)))
    answer = call(capsys, "predict run my.png --csv out.csv")
    assert answer.out.splitlines()[0] == "my.png: nothing is drawn on it"
    assert (here / "out.csv").read_text().splitlines()[1] == "my.png,,,nothing is drawn on it"


def test_a_folder_as_a_table_and_as_the_network_sees_it(run, here, capsys):
    digits, network = load("digits"), open_run(run).load_model()
    (here / "test").mkdir()
    for number in (1, 2, 10):
        (here / "test" / f"{number}.png").write_bytes(png(digits.x_test[number]))
    (here / "test" / "notes.txt").write_text("not an image")
    answer = call(capsys, "predict run test --csv all.csv --show seen")
    assert answer.out.startswith("test: 1 of 4 files are no images and are left out\n")
    labels = [str(k) for k in network.logits(digits.x_test[[1, 2, 10]]).argmax(axis=1)]
    rows = [line.split(",")[:2] for line in (here / "all.csv").read_text().splitlines()]
    assert rows == [["file", "class"], *([f"test/{n}.png", k] for n, k in zip((1, 2, 10), labels, strict=True))]
    np.testing.assert_array_equal(np.asarray(Image.open(here / "seen" / "10.png"))[::10, ::10], digits.x_test[10])
    assert call(capsys, "predict run test --csv all.csv --kaggle").code == 0
    expected = ["ImageId,Label", *(f"{n},{k}" for n, k in enumerate(labels, 1))]
    assert (here / "all.csv").read_text().splitlines() == expected


def test_pictures_of_one_name_do_not_replace_each_other(run, here, capsys):
    for folder, row in (("one", 0), ("two", 1)):
        (here / folder).mkdir()
        (here / folder / "²1.png").write_bytes(png(load("digits").x_test[row]))
    answer = call(capsys, "predict run one two --show seen")
    assert "what the network sees: 2 pictures in seen" in answer.out
    for name, row in (("²1.png", 0), ("²1-2.png", 1)):
        seen = np.asarray(Image.open(here / "seen" / name))[::10, ::10]
        np.testing.assert_array_equal(seen, load("digits").x_test[row])


def test_an_answer_says_when_it_is_not_to_be_trusted(run, here, capsys):
    (here / "noise.png").write_bytes(png(np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)))
    assert "    unlike the training images: the percentages do not apply\n" in call(capsys, "predict run noise.png").out
    half = (load("digits").x_test[0] // 2 + load("digits").x_test[1] // 2).astype(np.uint8)
    (here / "half.png").write_bytes(png(half))
    assert re.search(r"\n    (unsure: of the 50 test images|unlike)", call(capsys, "predict run half.png").out)


def test_an_empty_folder_and_kaggle_without_a_table_are_refused(run, here, capsys):
    (here / "none").mkdir()
    assert "none holds no image (PNG, JPEG, BMP, GIF, TIFF, WebP or PGM)" in call(capsys, "predict run none").err
    assert "--kaggle says which columns --csv FILE has" in call(capsys, "predict run none --kaggle").err


def table(rows, header=None, names=None):
    lines = [",".join(map(str, row)) for row in rows]
    if names is not None:
        lines = [f"{name},{line}" for name, line in zip(names, lines, strict=True)]
    return "\n".join([*([header] if header else []), *lines, ""]).encode()


PIXELS = ",".join(f"pixel{n}" for n in range(64))
FLAT = load("digits").x_test[:30].reshape(30, 64)
ROWS = {
    "Kaggle's table": ("t.csv", table(FLAT, PIXELS), None),
    "without a header": ("t.csv", table(FLAT), None),
    "from 0 to 1": ("t.csv", table(FLAT / 255, PIXELS), None),
    "names that are texts": ("t.csv", table(FLAT, f"id,{PIXELS}", [f"a{n}" for n in range(30)]), "a0"),
    "numbers from 100": ("t.csv", table(FLAT, f"id,{PIXELS}", range(100, 130)), "100"),
    "with labels": ("t.csv", table(FLAT, f"label,{PIXELS}", load("digits").y_test[:30]), None),
    "flat npz": ("t.npz", npz(x_test=FLAT), None),
    "npz beside a training part": ("t.npz", npz(x_train=FLAT[:3], x_test=FLAT, y_test=FLAT[:, 0]), None),
    "npy from 0 to 1": ("t.npy", npy(FLAT.reshape(30, 8, 8) / 255), None),
    "IDX": ("t10k-images-idx3-ubyte", idx(0x803, 30, 8, 8, body=FLAT.tobytes()), None),
}


@pytest.mark.parametrize(("name", "content", "first"), ROWS.values(), ids=ROWS.keys())
def test_each_row_of_a_table_is_answered(run, here, capsys, name, content, first):
    (here / name).write_bytes(content)
    answer = call(capsys, f"predict run {name} --csv out.csv --kaggle")
    assert answer.code == 0, answer.err
    assert f"{name}: 30 images: " in answer.out
    heads, *rows = [line.split(",") for line in (here / "out.csv").read_text().splitlines()]
    assert (heads, rows[0][0]) == ((["id", "label"], first) if first else (["ImageId", "Label"], "1"))
    guessed = open_run(run).load_model().predict_proba(load("digits").x_test[:30]).argmax(axis=1)
    assert [int(row[1]) for row in rows] == guessed.tolist()


def test_rows_of_another_size_or_of_nothing_are_refused(run, here, capsys):
    (here / "t.csv").write_bytes(table(FLAT[:, :60]))
    answer = call(capsys, "predict run t.csv")
    assert (answer.code, "images of 1 x 60 pixels, expected 8 x 8" in answer.err) == (2, True)
    (here / "t.npz").write_bytes(npz(y_test=FLAT[:, 0]))
    answer = call(capsys, "predict run t.npz")
    assert (answer.code, "expected one of images" in answer.err) == (5, True)


def test_what_came_before_a_bad_picture_is_printed(run, here, capsys):
    (here / "good.png").write_bytes(png(BAR))
    (here / "bad.png").write_bytes(animation())
    answer = call(capsys, "predict run good.png bad.png good.png")
    assert answer.code == 5
    assert answer.out.startswith("good.png: ")
    assert (
        answer.err == "handgrad: error: bad.png: image is animated, expected a single picture. Save one frame of it\n"
    )


@pytest.fixture
def own(here, capsys):
    """A run on pictures of one's own, dark on light: boots are dark above, bags below."""
    generator = np.random.default_rng(0)
    for half, name in enumerate(("ankle boot", "bag")):
        for number in range(20):
            picture = generator.integers(200, 256, (6, 6))
            picture[3 * half : 3 * half + 3, 1:5] -= 190
            path = here / "pictures" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(picture))
    words = TINY.replace("--dataset digits", "--dataset pictures").replace("--epochs 2", "--epochs 60")
    assert call(capsys, f"{words} --runs_dir . --name own").code == 0
    return here / "own"


@pytest.mark.slow
def test_pictures_of_ones_own_enter_as_they_did_in_training(own, capsys):
    """They are not turned light on dark, which their network has never seen; classes have the folders' names."""
    for name, other in (("ankle boot", "bag"), ("bag", "ankle boot")):
        for number in range(20):
            answer = call(capsys, "predict own", f"pictures/{name}/{number}.png")
            first = answer.out.splitlines()[0]
            assert re.fullmatch(rf"pictures/{name}/{number}\.png: {name} \d+\.\d %   {other} \d+\.\d %", first)


def test_drawings_of_ones_own_are_turned_where_dark_and_light_are_exchanged(here, capsys):
    """Those it was trained on have light ground; a picture with dark ground is inverted, and the program says so."""
    generator = np.random.default_rng(0)
    for half, name in enumerate(("above", "below")):
        (here / "drawings" / name).mkdir(parents=True)
        for number in range(20):
            picture = generator.integers(225, 256, (10, 10))
            picture[1 + 4 * half : 5 + 4 * half, 2:8] -= 200
            (here / "drawings" / name / f"{number}.png").write_bytes(png(picture))
    words = TINY.replace("--dataset digits", "--dataset drawings").replace("--epochs 2", "--epochs 60")
    assert call(capsys, f"{words} --runs_dir . --name own").code == 0
    for name in ("above", "below"):
        picture = np.asarray(Image.open(here / "drawings" / name / "3.png"))
        (here / "dark.png").write_bytes(png(255 - picture))
        answers = [
            call(capsys, "predict own", path).out.splitlines()[0] for path in (f"drawings/{name}/3.png", "dark.png")
        ]
        assert [answer.split()[1] for answer in answers] == [name, name]
        assert [answer.endswith("(dark on light, inverted)") for answer in answers] == [False, True]


def test_pictures_of_ones_own_in_another_size(own, here, capsys):
    large = Image.open(here / "pictures" / "bag" / "0.png").resize((60, 90), Image.Resampling.NEAREST)
    (here / "large.png").write_bytes(saved(large))
    assert call(capsys, "predict own large.png").out.startswith("large.png: bag ")


def test_a_name_that_is_no_text(run, here, capsys):
    name = "caf\udce9.png"  # what Python makes of a name in Latin-1
    (here / name).write_bytes(png(BAR))
    answer = call(capsys, "predict run", name)
    assert answer.code == 0
    assert answer.out.startswith(r"caf\udce9.png: ")


def test_a_picture_for_a_network_on_colour(here, capsys):
    digits = load("digits").x_test
    colours = np.stack([digits, 255 - digits, digits // 2], axis=3)
    np.savez(here / "colours.npz", x=colours, y=load("digits").y_test)
    call(capsys, "train -d colours.npz -nhl 1 -sz 8 -e 1 --normalize standard --name own --no_report")
    network = open_run(here / "runs" / "own").load_model()
    assert network.input_shape == (3, 8, 8)
    assert len(set(network.scaling.shift)) == 3
    p = network.predict_proba(np.moveaxis(colours[:1], 3, 1))[0]
    for content in (colours[0], colours[0].repeat(4, 0).repeat(4, 1)):
        (here / "my.png").write_bytes(png(content))
        ((_, classes, shares, _),) = guesses(call(capsys, "predict runs/own my.png"))
        assert [int(each) for each in classes] == sorted(range(10), key=lambda k: -p[k])[:3]
        assert shares == pytest.approx(sorted(100 * p, reverse=True)[:3], abs=0.051)
    call(capsys, "predict runs/own my.png --show seen")
    np.testing.assert_array_equal(np.asarray(Image.open(here / "seen" / "my.png"))[::10, ::10], colours[0])
    (here / "my.png").write_bytes(png(digits[0].repeat(3, 0)))
    answer = call(capsys, "predict runs/own my.png").out
    assert "the picture is grey" in answer
    assert "proportions change from 24 x 8 to 8 x 8 pixels" in answer


@pytest.mark.slow
def test_a_drawing_is_read_upright_too_and_every_view_is_saved(real_data, here, capsys):
    """The probability that is printed is the mean of the network's answers for the three saved pictures."""
    real_data("mnist")
    assert call(capsys, f"{TINY.replace('digits', 'mnist')} --train_fraction 0.05 --runs_dir . --name run").code == 0
    drawing = Image.fromarray(load("mnist").x_test[4]).resize((280, 280)).rotate(12)
    drawing.save(here / "four.png")
    drawing.resize((28, 28)).save(here / "small.png")
    answer = call(capsys, "predict run four.png four.png small.png --show seen --csv out.csv")
    said = "a drawing is read as drawn, sheared upright, turned upright: the percentages are the mean of 3 answers\n"
    assert answer.out.count(said) == 1
    assert "what the network sees: 7 pictures in seen" in answer.out
    names = ["four.png", "four-sheared-upright.png", "four-turned-upright.png"]
    views = [np.asarray(Image.open(here / "seen" / name))[::10, ::10] for name in names]
    expected = open_run(here / "run").load_model().predict_proba(np.stack(views)).mean(axis=0)
    printed = (here / "out.csv").read_text().splitlines()[1].split(",")
    assert printed[1:3] == [str(expected.argmax()), f"{expected.max():.4f}"]
