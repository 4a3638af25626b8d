"""`handgrad figures`."""

import pytest
from tests.commands import TINY, call

from handgrad.figures import COMPARISONS, FIGURES


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    from handgrad.cli.main import main

    folder = tmp_path_factory.mktemp("figures")
    for name in ("a", "b"):
        assert main([*TINY.split(), "--runs_dir", str(folder), "--name", name, "--seed", str(ord(name))]) == 0
    return folder


def test_list_names_them_all(capsys):
    said = call(capsys, "figures --list").out
    assert all(name in said for name in (*FIGURES, *COMPARISONS))
    assert max(map(len, said.splitlines())) <= 80


def test_some_figures_of_a_run(capsys, runs):
    answer = call(capsys, "figures", runs / "a", "--only", "learning_rate", "feature_maps")
    assert answer.code == 0
    said = " ".join(answer.out.split())
    assert f"{runs / 'a' / 'figures'}: 1 figure, with its numbers as CSV" in said
    assert "learning_rate.svg" in answer.out
    assert "left out of a: feature_maps (the network has no convolution)" in said
    assert (runs / "a" / "figures" / "learning_rate.svg").read_text().startswith("<?xml")


def test_several_runs(capsys, runs, tmp_path):
    answer = call(
        capsys, "figures", runs / "a", runs / "b", "--only", "compare_test", "-o", tmp_path, "--format", "png"
    )
    assert answer.code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["compare_test.csv", "compare_test.png"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("figures", 2, "name a run, such as runs/NAME"),
        ("figures nowhere", 4, "no run in nowhere"),
        ("figures {} --only los", 2, "did you mean loss?"),
        ("figures {} --format gif", 2, "invalid choice"),
        ("figures {} --tsne_images 9000", 2, "tsne_images must be 10 to 5000"),
        ("figures {} {} --only compare_test", 2, "none of the figures could be drawn"),
        ("figures {} --only conv_filters", 2, "none of the figures could be drawn"),
    ],
)
def test_mistakes(capsys, runs, words, code, message):
    answer = call(capsys, words.replace("{}", str(runs / "a")))
    assert answer.code == code
    assert message in answer.err
    assert len(answer.err.splitlines()) == 1


def test_a_folder_that_cannot_be_made(capsys, runs, tmp_path):
    (tmp_path / "file").write_text("")
    answer = call(capsys, "figures", runs / "a", "--only", "learning_rate", "-o", tmp_path / "file")
    assert answer.code == 4
    assert "cannot make" in answer.err


def test_help_has_examples(capsys):
    answer = call(capsys, "figures --help")
    assert (answer.code, answer.err) == (0, "")
    said = answer.out
    assert "examples:" in said
    assert max(map(len, said.splitlines())) <= 80
