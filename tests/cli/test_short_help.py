"""The help of one screen, and the scripts that complete words."""

import os
import shutil
import subprocess
import sys

import pytest
from tests.commands import call, python

from handgrad.cli import commands
from handgrad.cli.commands import COMMANDS
from handgrad.cli.flags import parse


def test_the_short_help_is_one_screen_and_names_what_there_is(capsys):
    lines = call(capsys, "train --help").out.splitlines()
    assert 24 <= len(lines) <= 40
    assert max(map(len, lines)) <= 80
    longer = call(capsys, "train --help all").out
    flags = [word.strip(",") for line in lines for word in line.split() if word.startswith("--")]
    assert len(flags) > 20
    for flag in set(flags) - {"--help"}:
        assert flag.replace("--no_", "--") in longer.replace("--[no_]", "--"), flag


def test_the_short_help_waits_for_no_compiler():
    code = "import sys; from handgrad.cli.main import main; main(['train', '-h']); sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0


def test_the_long_help_is_kept_until_what_it_follows_from_changes(capsys, tmp_path, monkeypatch):
    (tmp_path / "handgrad" / "cli").mkdir(parents=True)
    source = tmp_path / "handgrad" / "layer.py"
    source.write_text("first")
    monkeypatch.setattr(commands, "__file__", str(tmp_path / "handgrad" / "cli" / "commands.py"))
    monkeypatch.setenv("HANDGRAD_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    made, kept = call(capsys, "train --help all").out, tmp_path / "help.json"
    assert "--learning_rate" in made

    def altered():
        kept.write_text(kept.read_text().replace("--learning_rate", "--kept"))
        return made.replace("--learning_rate", "--kept")

    assert call(capsys, "train --help all").out == made
    expected = altered()
    assert call(capsys, "train --help all").out == expected
    source.write_text("second, longer")
    assert call(capsys, "train --help all").out == made
    altered()
    monkeypatch.setenv("COLUMNS", "90")
    assert call(capsys, "train --help all").out == made
    kept.write_text("torn")
    assert call(capsys, "train --help all").out == made
    altered()
    monkeypatch.setattr(commands, "any_installed", lambda: True)
    source.unlink()
    call(capsys, "train --help all")
    assert "--kept" in kept.read_text(), "kept, though a plugin has a say"


@pytest.mark.slow
def test_the_long_help_loads_nothing_the_second_time(tmp_path):
    code = "import sys; from handgrad.cli.main import main; main(['train', '-h', 'all']); print('numpy' in sys.modules)"
    first, second = (python(code, HANDGRAD_CACHE_DIR=str(tmp_path)).out for _ in range(2))
    assert first == second.replace("False", "True") != second


def test_help_is_asked_for_in_several_ways():
    for words in ("--help", "-h", "--help all", "--help-all", "--help_all"):
        assert parse(words.split()).options["help"] is True


@pytest.fixture
def _shtab():
    pytest.importorskip("shtab", reason="shtab is not installed: python -m pip install shtab")


@pytest.mark.usefixtures("_shtab")
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(capsys, tmp_path, shell):
    script = call(capsys, f"completion {shell}").out
    assert all(word in script for word in [*COMMANDS, "nadam", "hidden_size", "ensemble"])
    if shutil.which(shell):
        (tmp_path / "script").write_text(script)
        subprocess.run([shell, "-n", tmp_path / "script"], check=True)


# Each is followed by words to be completed and what they become, in turn.
BASH = r"""
source ./script
while [ "$1" ]; do
    COMP_WORDS=($1) COMPREPLY=()
    COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
    $(complete -p handgrad | sed 's/.*-F \([^ ]*\).*/\1/') handgrad "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
    [ "${COMPREPLY[*]}" = "$2" ] || echo "$1: ${COMPREPLY[*]}"
    shift 2
done
"""
FISH = """
source ./script
for place in (seq 1 2 (count $argv))
    set found (complete -C $argv[$place] | cut -f 1)
    test "$found" = $argv[(math $place + 1)]; or echo $argv[$place]: $found
end
"""
ZSH = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -d ./dump; print REA""DY'
zpty -r shell found '*READY*'
for asked answer; do
    zpty -w -n shell $asked$'\t'
    zpty -r shell found "*$answer*"  # or it waits for ever
    zpty -w -n shell $'\C-u'
done
zpty -d shell
"""
ASKED = {
    "handgrad tra": "train",
    "handgrad train --optimizer nad": "nadam",
    "handgrad train -o nad": "nadam",
    "handgrad sweep --method bay": "bayes",
    "handgrad report pict": "picture.png",
}


@pytest.mark.slow
@pytest.mark.usefixtures("_shtab")
@pytest.mark.parametrize(("shell", "program"), [("bash", BASH), ("fish", FISH), ("zsh", ZSH)])
def test_what_a_shell_completes(capsys, tmp_path, shell, program):
    """Commands, names of values behind long and short flags, and files, as the shell itself answers."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    script = call(capsys, f"completion {shell}").out
    (tmp_path / ("_handgrad" if shell == "zsh" else "script")).write_text(script)
    (tmp_path / "picture.png").touch()
    name = [] if shell == "fish" else [shell]
    words = [shell, "-c", program, *name, *(word for pair in ASKED.items() for word in pair)]
    done = subprocess.run(
        words, cwd=tmp_path, env={**os.environ, "TERM": "dumb"}, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == ""
