"""What networks say of a drawing: the same as the commands, what each layer makes of it, and what is nearest to it."""

import base64
import shutil
from pathlib import Path

import numpy as np
import pytest

from handgrad import nn
from handgrad.cli.main import main
from handgrad.config import build_dataset, build_split
from handgrad.errors import UsageError
from handgrad.evaluation import explanation
from handgrad.nn import Network
from handgrad.runs import open_run
from handgrad.serve import drawing

STROKE = np.full((drawing.SIDE, drawing.SIDE), 255)
STROKE[40:150, 90:110] = 20


def as_text(pixels):
    return base64.b64encode(np.asarray(pixels, np.uint8).tobytes()).decode()


def as_pixels(picture):
    return np.frombuffer(base64.b64decode(picture["pixels"]), np.uint8).reshape(picture["size"])


def classified(*runs, pixels=STROKE):
    return drawing.classified({"runs": runs, "pixels": as_text(pixels), "inside": True})["networks"]


def test_a_drawing_is_classified_by_each_network(trained):
    found = classified(*trained)
    assert [each["name"] for each in found] == ["adam", "sgd"]
    for each, path in zip(found, trained, strict=True):
        seen, network = as_pixels(each["seen"][0]), open_run(path).load_model()
        assert seen[:, 3:5].sum() > 0.9 * seen.sum()  # the stroke, light on dark, in the middle of 8 columns
        assert each["probabilities"] == pytest.approx(network.predict_proba(seen[None])[0], abs=1e-4)
        assert as_pixels(each["saliency"]).max() == 255
        outputs = network.activations(seen[None])
        assert [layer["title"].split()[1].strip(",") for layer in each["layers"]] == [str(n) for n in network.changing]
        for layer, number in zip(each["layers"], network.changing, strict=True):
            values = (as_pixels(layer).ravel() - 128.0) / 127 * layer["limit"]
            assert values == pytest.approx(outputs[number][0].ravel(), abs=0.01 * layer["limit"])


def test_the_nearest_training_images_are_those_of_least_angle_in_the_last_hidden_layer(trained):
    (found,) = classified(trained[0])
    run = open_run(trained[0])
    network, parts = run.load_model(), build_split(run.config, build_dataset(run.config))
    layer = explanation.last_hidden(network)
    known = network.activations(parts.x[parts.train_rows], [layer])[layer].astype(float)
    here = network.activations(as_pixels(found["seen"][0])[None], [layer])[layer][0].astype(float)
    cosines = [each @ here / np.sqrt(each @ each) / np.sqrt(here @ here) for each in known]
    order = np.argsort(cosines)[::-1][: drawing.NEAREST]
    assert [each["distance"] for each in found["nearest"]] == pytest.approx([1 - cosines[n] for n in order], abs=1e-4)
    assert [each["label"] for each in found["nearest"]] == [str(parts.y[parts.train_rows][n]) for n in order]
    assert (as_pixels(found["nearest"][0]["picture"]) == parts.x[parts.train_rows][order[0]]).all()
    assert found["among"].startswith(f"the nearest of {len(known):,} training images")


def test_neighbours_are_of_evenly_spaced_images_where_all_are_too_many(monkeypatch):
    network = Network([nn.Flatten(), nn.Dense(4)], (2, 3))
    images = np.random.default_rng(0).random((50, 2, 3), np.float32)
    rows = np.arange(10, 50)
    found = explanation.neighbours(network, images, rows)
    assert (found.layer, len(found.rows), found.of) == (-1, 40, 40)  # no hidden layer: by the input
    assert found.nearest(3 * images[17], 1) == [(17, pytest.approx(0, abs=1e-6))]
    monkeypatch.setattr(explanation, "MOST_MULTIPLICATIONS", 5 * 24)
    assert list(explanation.neighbours(network, images, rows).rows) == [10, 19, 29, 39, 49]


def test_maps_of_a_convolution_keep_their_places():
    network = Network([nn.Conv2D(20), nn.Flatten(), nn.Dense(3)], (6, 5))
    output = np.random.default_rng(0).normal(size=network.plans[0].output)
    found = drawing._layer(network, 0, output)
    assert (found["kind"], found["count"], found["size"]) == ("map", 20, (drawing.MOST_MAPS, *output.shape[1:]))
    values = (as_pixels(found) - 128.0) / 127 * np.abs(output[: drawing.MOST_MAPS]).max()
    assert values == pytest.approx(output[: drawing.MOST_MAPS], abs=0.01 * found["limit"])


def test_a_network_on_features_has_pictures_of_its_training_images(tmp_path):
    words = ["--dataset", "digits", "--epochs", "1", "--features", "hog", "--num_layers", "0", "--no_report"]
    assert main(["train", *words, "--runs_dir", str(tmp_path), "--name", "hog"]) == 0
    (found,) = classified(str(tmp_path / "hog"))
    assert "saliency" not in found
    assert "the network's input" in found["among"]
    assert {as_pixels(each["picture"]).shape for each in found["nearest"]} == {(8, 8)}


def test_a_network_that_cannot_be_read_says_so_beside_the_others(trained, tmp_path):
    torn, elsewhere = (shutil.copytree(trained[0], tmp_path / name) for name in ("torn", "elsewhere"))
    for file in torn.rglob("*.safetensors"):
        file.write_bytes(file.read_bytes()[:99])
    config = Path(elsewhere, "config.yaml")
    config.write_text(config.read_text().replace("dataset: digits", "dataset: emnist_letters"))
    bad, without_data, good = classified(str(torn), str(elsewhere), trained[0])
    assert "torn" in bad["error"]
    assert "probabilities" not in bad
    assert "the data set emnist_letters is not here" in without_data["doubts"][-1]
    assert without_data["probabilities"] == good["probabilities"]
    assert "nearest" not in without_data


def test_an_empty_pad_is_no_digit(trained):
    (found,) = classified(trained[0], pixels=np.full((drawing.SIDE, drawing.SIDE), 255))
    assert found["empty"]
    assert found["doubts"] == ("nothing is drawn on it",)


@pytest.mark.parametrize("text", [None, 1, "", "x", "é", as_text(np.zeros(99)), "iVBORw0KGgo=", {}])
def test_what_is_no_drawing_is_refused(text):
    with pytest.raises(UsageError, match="a drawing is 196 x 196 bytes"):
        drawing.read_drawing(text)
