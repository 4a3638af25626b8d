"""What every `handgrad sweep WORD NAME` has in common; each row of SUBCOMMANDS is taken."""

import pytest
from tests.commands import call

from handgrad.cli.sweep import SUBCOMMANDS


def test_the_help_of_sweep_has_a_line_for_each(capsys):
    answer = call(capsys, "sweep --help")
    assert answer.code == 0
    assert all(len(line) <= 80 for line in answer.out.splitlines())
    for word, row in SUBCOMMANDS.items():
        assert f"  {word} NAME" in answer.out
        assert row.summary[:40] in answer.out


@pytest.mark.parametrize("word", SUBCOMMANDS)
def test_each_has_a_help_of_its_own(capsys, word):
    answer = call(capsys, f"sweep {word} --help")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"usage: handgrad sweep {word} NAME")
    assert f"\n  handgrad sweep {word} first" in answer.out
    assert "--num_layers" not in answer.out
    assert all(len(line) <= 80 for line in answer.out.splitlines())


@pytest.mark.parametrize("word", SUBCOMMANDS)
def test_each_needs_the_name_of_a_sweep(here, capsys, word):
    code, _, err = call(capsys, f"sweep {word}")
    assert code == 2
    assert err == f"handgrad: error: handgrad sweep {word}: give the name or the folder of a sweep\n"
    (here / "sweeps" / "first").mkdir(parents=True)
    code, _, err = call(capsys, f"sweep {word} first")
    assert (code, err) == (2, "handgrad: error: sweeps/first is no sweep: it has no sweep.json\n")
    (here / "sweeps" / "first" / "sweep.json").touch()
    code, _, err = call(capsys, f"sweep {word} frist")
    assert (code, err) == (4, "handgrad: error: no sweep in sweeps/frist: did you mean first? There is: first\n")


@pytest.mark.parametrize("word", SUBCOMMANDS)
def test_a_sweep_file_of_such_a_name_is_called_by_its_path(here, capsys, word):
    (here / word).write_text("method: nonsense\nparameters: {lr: {value: 0.1}}\n")
    code, _, err = call(capsys, f"sweep ./{word} --dry_run")
    assert code == 2
    assert err.startswith(f"handgrad: error: ./{word}: method")


def test_settings_stay_those_of_the_sweep(capsys):
    code, _, err = call(capsys, "sweep resume first --lr 0.1")
    assert code == 2
    assert "a sweep keeps the settings it was started with: leave --learning_rate out" in err
