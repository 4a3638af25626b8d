"""Bad input of every kind: each answered by one line that says what and where, and by its exit code."""

import os
import struct
from typing import Any, NamedTuple

import numpy as np
import pytest
from tests.commands import call
from tests.malformed import (
    IMAGES,
    LABELS,
    PAGE,
    PICKLE,
    animation,
    checkpoint,
    cut,
    flipped,
    huge_png,
    idx,
    idx_gzip,
    npz,
    png,
    rewritten,
)
from tests.slow import quick

from handgrad.data import DATASETS

USAGE, DIVERGED, FILES, CORRUPT = 2, 3, 4, 5
FOLDER, FIFO, NOTHING = "a folder", "a pipe", "no file"
TIGHT = "--dataset digits --num_layers 1 --hidden_size 4 --epochs 1 --schedule constant"
TRAIN_IMAGES = "data/mnist/train-images-idx3-ubyte"
WHOLE = idx_gzip()
OBJECTS = np.array(["a", None], object)
NAN = np.full((64, 16), np.nan, np.float32)


class Row(NamedTuple):
    """A command line and the files it meets, by name; a function stands for what it makes of a sound file's bytes."""

    words: str
    code: int
    says: str | tuple[str, ...]
    files: dict[str, Any] = {}  # noqa: RUF012  nobody writes to it


FLAGS = {
    "no command": Row("trian --dataset digits", USAGE, ("unknown command 'trian'", "did you mean train?")),
    "a flag for a command": Row("--dataset digits", USAGE, "unknown command"),
    "NaN": Row("train --lr nan", USAGE, ("learning_rate must be a finite number, got nan", "--learning_rate")),
    "negative": Row("train --lr -1", USAGE, ("learning_rate must be positive, got -1", "--learning_rate")),
    "infinite": Row("train -lr inf", USAGE, "learning_rate must be a finite number, got inf"),
    "epochs for ever": Row("train --epochs 1e9", USAGE, ("epochs must be 1 to 1000000, got 1000000000", "--epochs")),
    "no epochs": Row("train --epochs 0", USAGE, "epochs must be 1 to"),
    "seed below zero": Row("train --seed -1", USAGE, ("seed must be 0 to", "got -1")),
    "half a batch": Row("train --batch_size 2.5", USAGE, "batch_size must be a whole number, got '2.5'"),
    "layers of nothing": Row("train --hidden_size 0", USAGE, "hidden_size must be 1 to 1000000, got 0"),
    "layers of 10^9": Row("train --hidden_size 1000000000", USAGE, "hidden_size must be 1 to 1000000"),
    "weights of 10^12": Row("train -d digits -sz 1000000", USAGE, ("dense layer", "got 1000000", "--hidden_size")),
    "unknown activation": Row("train -a rleu", USAGE, ("activation must be one of", "did you mean relu?")),
    "unknown optimizer": Row("train -o adm", USAGE, ("optimizer must be one of", "did you mean adam?")),
    "unknown flag": Row("train --jobs 0", USAGE, "unknown flag --jobs"),
    "ambiguous flag": Row("train --clip 1", USAGE, "ambiguous"),
    "no value": Row("train --lr", USAGE, "--lr needs a value (--learning_rate)"),
    "a stray word": Row("train digits", USAGE, "unexpected 'digits'"),
    "sizes that disagree": Row("train -nhl 3 -sz 128,64", USAGE, ("128", "64", "--")),
    "someone else's option": Row("train -o sgd --optimizer_options beta3=1", USAGE, "sgd has no option beta3"),
    "no data set": Row("train -d minst", USAGE, ("got 'minst'", "Did you mean mnist?")),
    "no seeds": Row("train --seeds 0", USAGE, "seeds must be 1 to 10000, got 0"),
    "a name with a slash": Row(f"train {TIGHT} --name ../b", USAGE, ("must be a name, not a path", "../b", "--name")),
    "weights as text": Row(f"train {TIGHT} --model_save_path w.txt", USAGE, ("ending in .npz, .npy", "w.txt")),
    "save into nowhere": Row(f"train {TIGHT} --model_save_path no/w.npz", USAGE, (
        "model_save_path names a folder that does not exist: no", "--model_save_path")),
    "a layer that is not there": Row("train -d digits --layers relu blur:3", USAGE, ("layers", "'blur'", "dense")),
    "layers twice": Row("train -d digits --layers dense:9 relu -nhl 7", USAGE, "leave out num_layers, got 7"),
    "resume what": Row("resume", USAGE, "arguments are required: RUN"),
    "predict what": Row("predict run", USAGE, "arguments are required: IMAGE"),
    "unknown rule": Row("info --optimizer nadma", USAGE, ("optimizer must be one of", "'nadma'; did you mean nadam?")),
    "data of which set": Row("data fetch", USAGE, ("needs the name of a data set", "mnist")),
    "unknown set": Row("data verify minst", USAGE, ("got 'minst'", "Did you mean mnist?")),
    "data, do what": Row("data explode mnist", USAGE, "invalid choice: 'explode'"),
    "gradients of what": Row("gradcheck -d digits --epsilon x", USAGE, "epsilon must be a number, got 'x'"),
    "too fast": Row("train -d digits -e 1 -o sgd -lr 1e6 -sz 64 -b 4 -nhl 3 --schedule constant", DIVERGED, (
        "training diverged: the loss of step", "is nan", "layer", "--learning_rate")),
    "on the last step": Row(f"train {TIGHT} -o sgd -lr 1e30 --batch_size 5000", DIVERGED, (
        "the validation loss after step 1 (epoch 1) is", "--learning_rate")),
    "and nobody looks": Row(f"train {TIGHT} -o sgd -lr 1e30 --batch_size 5000 --validation_fraction 0", DIVERGED, (
        "training diverged", "--learning_rate")),
}  # fmt: skip


def config(text, code, *says):
    return Row("train --config my.yaml", code, says, {"my.yaml": text if isinstance(text, bytes) else text.encode()})


CONFIGS = {
    "empty": config("", USAGE, "my.yaml is empty"),
    "a list": config("- 1\n- 2\n", USAGE, "my.yaml: got a list"),
    "tabs": config("epochs:\n\t- 1\n", USAGE, "my.yaml, line 2: a tab"),
    "ten thousand levels": config("[" * 10_000, USAGE, "my.yaml, line 1: nested deeper than 100 levels"),
    "an alias to itself": config("a: &a [*a]\n", USAGE, "my.yaml, line 1: alias *a"),
    "an object": config("!!python/object/apply:os.system [true]\n", USAGE, "python/object/apply:os.system is not acc"),
    "not a number": config("learning_rate: .nan\n", USAGE, "my.yaml: learning_rate must be a finite number, got nan"),
    "no": config("dropout: no\n", USAGE, "my.yaml: dropout must be a number, got 'no'"),
    "a list for one": config("epochs: [1, 2]\n", USAGE, "my.yaml: epochs must be a whole number, got [1, 2]"),
    "a missing activation": config("activation: rleu\n", USAGE, "activation must be one of", "did you mean relu?"),
    "layers of nothing ": config("layers: [dense: 0]\n", USAGE, "my.yaml: layers has", "units must be 1 to", "got 0"),
    "layers of 10^9 ": config("layers: [dense: 1000000000]\n", USAGE, "my.yaml: layers has", "got 1000000000"),
    "unknown key": config("epohcs: 1\n", USAGE, "my.yaml: unknown setting epohcs", "did you mean epochs?"),
    "twice": config("epochs: 1\nepochs: 2\n", USAGE, "my.yaml, line 2: key 'epochs' stands twice, first in line 1"),
    "a picture": config(png(np.zeros((3, 3))), USAGE, "my.yaml is not a text in UTF-8"),
    "absent": Row("train --config absent.yaml", FILES, "cannot read absent.yaml: No such file"),
    "nobody's": Row("train --config ~nobody-at-all/my.yaml", FILES, "cannot read ~nobody-at-all/my.yaml"),
    "a folder": Row("train --config my.yaml", FILES, "cannot read my.yaml: not a regular file", {"my.yaml": FOLDER}),
    "a pipe": Row("train --config my.yaml", FILES, "cannot read my.yaml: not a regular file", {"my.yaml": FIFO}),
}  # fmt: skip


def mnist(content, *says, suffix=""):
    return Row("train -d mnist", CORRUPT, (TRAIN_IMAGES, *says), {TRAIN_IMAGES + suffix: content})


IDX_FILES = {
    "empty": mnist(b"", "file has 0 bytes"),
    "three bytes": mnist(b"\0\0\x08", "header has 3 bytes, expected 16"),
    "wrong magic": mnist(
        idx(0x0D03, 1, 2, 2, body=bytes(4)), "magic number is 0x00000d03", "no bytes. Save them as uint8"
    ),
    "little-endian": mnist(struct.pack("<4I", 0x803, 1, 2, 2), "little-endian"),
    "labels for images": mnist(idx(0x801, 3, body=bytes(3)), "this file holds labels"),
    "dimensions of 2^31": mnist(idx(0x803, 2**31, 2**31, 2**31), "header promises 2147483648 x 2147483648"),
    "an image too few": mnist(idx(0x803, 2, 2, 2, body=bytes(4)), "images have 4 bytes, expected 8 (2 x 2 x 2)"),
    "trailing bytes": mnist(idx(0x803, 1, 2, 2, body=bytes(5)), "images go on after the 4 bytes"),
    "cut gzip": mnist(cut(WHOLE), "gzip stream breaks off", suffix=".gz"),
    "flipped bit": mnist(flipped(WHOLE), "gzip stream is damaged", suffix=".gz"),
    "a web page": mnist(PAGE, "this is a web page", suffix=".gz"),
    "other images": mnist(WHOLE, "not the original file", "SHA-256", suffix=".gz"),
    "a folder": Row("train -d mnist", FILES, (TRAIN_IMAGES, "it is a folder"), {TRAIN_IMAGES: FOLDER}),
    "verified": Row("data verify mnist", CORRUPT, "4 of 4 files of mnist", {TRAIN_IMAGES: b"\0\0\x08"}),
    "data that is a file": Row("train -d mnist", FILES, ("HANDGRAD_DATA_DIR", "expected a folder"), {"data": b"x"}),
}


def arrays(says, **changes):
    content = npz(**{"x": IMAGES, "y": LABELS, **changes})
    return Row("train -d my.npz", CORRUPT, says if isinstance(says, tuple) else ("my.npz", says), {"my.npz": content})


ARRAYS = {
    "NaN pixels": arrays("x: pixels are not all finite", x=np.full((40, 8, 8), np.nan)),
    "negative pixels": arrays("x: smallest pixel is -1.0", x=np.full((40, 8, 8), -1.0)),
    "pickled pixels": arrays("x: holds Python objects, which are never opened here", x=np.array([None] * 40, object)),
    "pickled labels": arrays("y: holds Python objects, which are never opened here", y=np.array([None] * 40, object)),
    "complex labels": arrays("y: labels are complex128", y=LABELS + 1j),
    "label 3.5": arrays("y: label 3.5 in row 3", y=np.where(np.arange(40) == 3, 3.5, LABELS)),
    "label NaN": arrays("y: label nan in row 0", y=np.full(40, np.nan)),
    "a label too few": arrays(("39 labels for 40 images",), y=LABELS[:39]),
    "no images": arrays("holds no pixels", x=IMAGES[:0], y=LABELS[:0]),
    "missing keys": Row("train -d my.npz", CORRUPT, ("my.npz: arrays are a", "such as x_train and y_train"), {
        "my.npz": npz(a=LABELS)}),
    "not a zip": Row("train -d my.npz", CORRUPT, "my.npz: not a whole .npz file", {"my.npz": b"PK\3\4 and no more"}),
    "label 10 of 10": Row("evaluate run --dataset my.npz", USAGE, ("my.npz has 11 classes", "network 10"), {
        "my.npz": npz(x=np.repeat(IMAGES, 2, 0), y=np.arange(80) % 11)}),
    "too few classes": Row("evaluate run --dataset my.npz", USAGE, ("my.npz has 5 classes", "network 10"), {
        "my.npz": npz(x=IMAGES, y=LABELS % 5)}),
    "other images": Row("evaluate run --dataset my.npz", USAGE, "takes images of shape (8, 8), got (9, 9)", {
        "my.npz": npz(x=np.zeros((40, 9, 9), np.uint8), y=LABELS)}),
    "no class twice": Row("train -d my.npz", USAGE, "no class has two images", {
        "my.npz": npz(x=IMAGES[:9], y=LABELS[:9])}),
}  # fmt: skip

FOLDERS = {
    "nothing in it": Row("train -d pictures", CORRUPT, "pictures: 0 sub-folders", {"pictures": FOLDER}),
    "an empty class": Row("train -d pictures", CORRUPT, "pictures/a: no images in this class", {"pictures/a": FOLDER}),
    "no pictures": Row("train -d pictures", CORRUPT, "b.txt: expected only images in", {"pictures/a/b.txt": b"hi"}),
    "no classes": Row("train -d pictures", CORRUPT, "1.png: an image outside of any class", {
        "pictures/1.png": png(np.zeros((4, 4)))}),
}  # fmt: skip


def picture(content, code, says):
    return Row("predict run my.png", code, ("my.png", says), {"my.png": content})


PICTURES = {
    "empty": picture(b"", CORRUPT, "file has 0 bytes"),
    "huge": picture(huge_png(20_000), CORRUPT, "pixels. Make it smaller"),
    "huger": picture(huge_png(2**31 - 1), CORRUPT, "pixels. Make it smaller"),
    "truncated": picture(cut(png(IMAGES[0])), CORRUPT, "image is damaged"),
    "animated": picture(animation(), CORRUPT, "image is animated"),
    "an SVG": picture(b"<svg xmlns='http://www.w3.org/2000/svg'/>", CORRUPT, "content is no PNG, JPEG,"),
    "an empty folder": picture(FOLDER, USAGE, "holds no image"),
    "a pipe": picture(FIFO, FILES, "it is a pipe"),
    "absent": picture(NOTHING, FILES, "No such file"),
}


def model(content, code, *says):
    return Row("evaluate run", code, ("run/model.safetensors", *says), {"run/model.safetensors": content})


def weights(name, content, code, *says):
    return Row(f"train {TIGHT} --model_path {name}", code, (name, *says), {name: content})


MODELS = {
    "empty": model(b"", CORRUPT, "torn"),
    "a pickle in disguise": model(PICKLE, CORRUPT, "is not a model written by handgrad"),
    "torn": model(cut, CORRUPT, "torn"),
    "a flipped bit": model(flipped, CORRUPT, "altered"),
    "a tensor missing": model(rewritten(tensors={"1.bias": None}), CORRUPT, "disagree about 1.bias"),
    "other shapes": model(rewritten(input_shape=[9, 9]), CORRUPT, "1.weight has another shape"),
    "a newer format": model(rewritten(format=2), CORRUPT, "has format 2, this version reads 1"),
    "a checkpoint": Row("evaluate run", CORRUPT, "is a checkpoint, expected a model", {
        "run/model.safetensors": checkpoint}),
    "a layer from elsewhere": model(rewritten(layers=[{"mish": {}}]), CORRUPT, "mish", "nothing that is registered"),
    "10^12 units": model(rewritten(layers=[{"dense": {"units": 10**12}}]), CORRUPT, "got 1000000000000"),
    "NaN weights": model(rewritten(tensors={"1.weight": NAN}), CORRUPT, "1.weight", "not finite"),
    "a folder": model(FOLDER, FILES, "it is a folder"),
    "a pipe": model(FIFO, FILES, "it is a pipe"),
    "weights, empty": weights("w.npz", b"", CORRUPT, "0 bytes"),
    "weights, a pickle": weights("w.npy", PICKLE, CORRUPT, "holds no weights"),
    "weights, pickled": weights("w.npz", npz(**{"1.weight": OBJECTS}), CORRUPT, "holds no weights: Object arrays"),
    "weights, torn": weights("w.npz", cut(npz(a=LABELS)), CORRUPT, "holds no weights"),
    "weights, other ones": weights("w.npz", npz(a=LABELS), CORRUPT, "1.weight must have shape (64, 4)", "nothing"),
    "weights, one number": weights("w.npz", npz(**{"1.weight": 1.0}), CORRUPT, "must have shape (64, 4)", "()"),
    "weights, NaN": weights("w.npz", npz(**{"1.weight": np.full((64, 4), np.nan)}), CORRUPT, "must hold finite"),
    "weights, 1e300": weights("w.npz", npz(**{"1.weight": np.full((64, 4), 1e300)}), CORRUPT, "must hold finite"),
    "weights, one twice": weights("w.npz", npz(W0=LABELS, w_0=LABELS), CORRUPT, "two of its names mean one array"),
    "weights, under other names": Row("evaluate w.npz -d digits", CORRUPT, "expected arrays W0, b0, W1, ..., got a", {
        "w.npz": npz(a=LABELS)}),
    "weights, absent": weights("w.npz", NOTHING, FILES, "cannot read w.npz"),
    "weights, a pipe": weights("w.npy", FIFO, FILES, "pipe"),
}  # fmt: skip

UNENDED = {"run/metrics.json": NOTHING}
EARLY = f"train {TIGHT} --runs_dir"

RUNS = {
    "absent": Row("resume nowhere", FILES, ("no run in nowhere", "handgrad runs")),
    "a file": Row("evaluate file", FILES, "no run in file", {"file": b"x"}),
    "no config": Row("resume run", USAGE, "run is no run: it has no config.yaml", {"run/config.yaml": NOTHING}),
    "torn config": Row("resume run", USAGE, "run/config.yaml, line", UNENDED | {"run/config.yaml": b"epochs: [1"}),
    "torn metrics": Row("resume run", CORRUPT, "cannot read run/metrics.json", {"run/metrics.json": cut}),
    "deep metrics": Row("resume run", CORRUPT, "cannot read run/metrics.json", {"run/metrics.json": b"[" * 99_999}),
    "listed metrics": Row("resume run", CORRUPT, "metrics.json holds no JSON object", {"run/metrics.json": b"[]"}),
    "other data": Row("resume run", CORRUPT, ("the data set digits is not the one", "restore it"), UNENDED | {
        "run/run.json": b'{"data": "other"}'}),
    "no model": Row("evaluate run", USAGE, ("run has no model yet", "handgrad resume run"), {
        "run/model.safetensors": NOTHING, "run/checkpoints/best.safetensors": NOTHING}),
    "history is a folder": Row("resume run", FILES, "history.jsonl", UNENDED | {"run/history.jsonl": FOLDER}),
    "a name taken": Row(f"{EARLY} . --name run", USAGE, ("run exists", "another --name", "handgrad resume run")),
    "runs in a file": Row(f"{EARLY} file", FILES, ("cannot make a run in file", "--runs_dir"), {"file": b"x"}),
    "runs below a file": Row(f"{EARLY} file/runs", FILES, "cannot make a run in file/runs", {"file": b"x"}),
    "samples in a file": Row("data sample digits --out file", FILES, "cannot write to file", {"file": b"x"}),
}  # fmt: skip

TABLES = {
    "flag": FLAGS, "config": CONFIGS, "IDX": IDX_FILES, "npz": ARRAYS, "folder": FOLDERS, "picture": PICTURES,
    "model": MODELS, "run": RUNS,
}  # fmt: skip
TABLE = {f"{kind}: {name}": row for kind, rows in TABLES.items() for name, row in rows.items()}


def put(path, content):
    """Make the file, folder or pipe that a row asks for, in place of what is there."""
    old = path.read_bytes() if path.is_file() else b""
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is FOLDER:
        path.mkdir()
    elif content is FIFO:
        os.mkfifo(path)
    elif content is not NOTHING:
        path.write_bytes(content(old) if callable(content) else content)


@pytest.fixture
def table(run, monkeypatch):
    """The working folder of the table: a finished run in it, data to be found in it alone, and nothing to download."""
    monkeypatch.setenv("HANDGRAD_DATA_DIR", "data")
    monkeypatch.setenv("HANDGRAD_CACHE_DIR", str(run.parent / "cache"))
    monkeypatch.setattr("handgrad.data.places.SYSTEM_FOLDER", run.parent / "system")
    return run.parent


@pytest.mark.parametrize("row", quick(TABLE.values(), lambda row: row is not FLAGS["too fast"]), ids=TABLE.keys())
def test_bad_input(table, capsys, row):
    assert_refused(table, capsys, row)


def assert_refused(table, capsys, row):
    """One line that says what is wrong, and the exit code; whatever else is printed are warnings."""
    (table / "data").mkdir()
    for name, content in row.files.items():
        if name == "data":
            (table / "data").rmdir()
        put(table / name, content)
    answer = call(capsys, row.words)
    *before, last = answer.err.splitlines()
    assert last.startswith("handgrad: error: ")
    for part in [row.says] if isinstance(row.says, str) else row.says:
        assert part in last
    assert all(line.startswith("handgrad: warning: ") for line in before)
    assert answer.code == row.code


def test_debug_shows_where_it_came_from(here, capsys):
    answer = call(capsys, "train --lr nan --debug")
    assert answer.err.startswith("Traceback (most recent call last):\n")
    assert answer.err.splitlines()[-1].startswith("handgrad: error: learning_rate must be a finite number")


def test_a_data_set_that_cannot_be_had(table, capsys, monkeypatch):
    """Every place and every address that was tried, and the ways out: the one message of several lines."""
    monkeypatch.delenv("HANDGRAD_DATA_DIR")
    source = DATASETS["mnist"].source._replace(mirrors=("https://127.0.0.1:9/mnist/",))
    monkeypatch.setattr(DATASETS["mnist"], "source", source)
    answer = call(capsys, "train -d mnist")
    assert answer.code == FILES
    lines = answer.err.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("handgrad: error: cannot find or download"))
    text = "\n".join(lines[start:])
    for part in (
        "cache/data/mnist",
        "system/mnist",
        "https://127.0.0.1:9/mnist/",
        "--dataset digits",
        "HANDGRAD_DATA_DIR",
    ):
        assert part in text
    assert "Traceback" not in answer.err
