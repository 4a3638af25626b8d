"""`handgrad explain`, `lr_find` and `show`: what they print and write, and one line for what makes no sense."""

import json

import numpy as np
import pytest
from PIL import Image
from tests.commands import call

from handgrad.data import load
from handgrad.figures import RunData
from handgrad.runs import open_run


@pytest.fixture
def picture(tmp_path):
    """A file with test image 5, dark on light, in colour and larger than the network takes."""
    large = np.kron(255 - load("digits").x_test[5], np.ones((4, 4), np.uint8))
    path = tmp_path / "five.png"
    Image.fromarray(np.stack([large] * 2 + [large // 2], axis=2)).save(path)
    return path


def test_explain_writes_figure_maps_and_facts(finished_run, picture, tmp_path, capsys):
    answer = call(capsys, f"explain {finished_run} 3 {picture} --class 7 -o {tmp_path / 'out'}")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0].startswith("test image 3: for 7, ")
    assert "in truth" in lines[0]
    assert "(in colour, made grey; dark on light, inverted; brought from 32 x 32 to 8 x 8 pixels" in lines[1]
    assert "no Grad-CAM: the network has no convolution" in answer.out
    facts = json.loads((tmp_path / "out" / "explanation.json").read_text())["images"]
    assert [each["class"] for each in facts] == ["7", "7"]
    with np.load(tmp_path / "out" / "maps.npz") as maps:
        assert maps["saliency"].shape == maps["occlusion"].shape == (2, 8, 8)
        np.testing.assert_array_equal(maps["images"][0], load("digits").x_test[3])
    assert (tmp_path / "out" / "explanation.svg").exists()
    assert (tmp_path / "out" / "explanation.csv").read_text().count("\n") == 1 + 2 * 64


def test_explain_inside_names_the_nearest_training_images(finished_run, tmp_path, capsys):
    """A training image, given as a file, is nearest to itself; the outputs are those of the network."""
    data = RunData(open_run(finished_run))
    row = int(data.split.train_rows[7])
    Image.fromarray(data.split.x[row]).save(tmp_path / "known.png")
    answer = call(capsys, f"explain {finished_run} {tmp_path / 'known.png'} 3 --inside -o {tmp_path / 'out'}")
    assert answer.code == 0, answer.err
    assert (
        f"  nearest of {len(data.split.train_rows):,} training images, by the cosine distance of the output"
        in answer.out
    )
    known, _ = json.loads((tmp_path / "out" / "explanation.json").read_text())["images"]
    assert len(known["nearest"]) == 8
    assert known["nearest"][0]["row"] == row
    assert known["nearest"][0]["class"] == str(data.split.y[row])
    assert known["nearest"][0]["distance"] < 1e-5
    with np.load(tmp_path / "out" / "maps.npz") as maps:
        last = data.network.changing[-1]
        np.testing.assert_allclose(maps[f"layer_{last}"], data.network.logits(maps["images"]), rtol=1e-6)


def test_explain_without_an_image_takes_the_largest_losses(finished_run, tmp_path, capsys):
    answer = call(capsys, f"explain {finished_run} --top 2 -o {tmp_path / 'out'}")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("the 2 test images of largest loss (-ln p of the true class)")
    for line in answer.out.splitlines()[1:3]:
        said, true = line.partition(": for ")[2].split(",")[0], line.partition("in truth ")[2]
        assert said != true


WRONG = {
    "nothing.png": "nothing.png",
    "999": "digits has 359 test images, 0 to 358: got 999",
    "1 --class 12": "there is no class '12'",
    "--top 0": "top must be at least 1, got 0",
}


@pytest.mark.parametrize(("words", "message"), WRONG.items(), ids=WRONG.keys())
def test_explain_refuses_in_one_line(finished_run, tmp_path, capsys, words, message):
    answer = call(capsys, f"explain {finished_run} {words} -o {tmp_path / 'out'}")
    assert answer.code
    assert answer.err.count("\n") == 1
    assert message in answer.err
    assert not (tmp_path / "out").exists()


def test_lr_find_prints_a_line_and_draws_a_figure(here, finished_run, capsys):
    answer = call(capsys, f"lr_find {finished_run} --steps 40 --lowest 1e-4")
    assert answer.code == 0, answer.err
    assert "suggested learning rate " in answer.out
    assert "training images of digits" in answer.out
    assert "next: handgrad train " in answer.out
    assert (here / "lr_find" / "lr_find.svg").exists()
    refused = call(capsys, "lr_find --model knn -d digits")
    assert "model knn has no learning rate to be found (--model)" in refused.err


def test_show_prints_the_layers(finished_run, capsys):
    """64 x 16 weights and 16 biases, 16 x 10 and 10: 1,210 parameters, 1,184 multiply-adds."""
    answer = call(capsys, f"show {finished_run}")
    assert answer.code == 0, answer.err
    assert "1,210" in answer.out
    assert "1,184" in answer.out
    assert all(len(line) <= 80 for line in answer.out.splitlines() if not line.startswith(str(finished_run)))
