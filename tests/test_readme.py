"""What the README and the pages of the documentation show works as it stands there."""

import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from tests.commands import call, without_notice

from handgrad.cli.flags import parse
from handgrad.cli.main import COMMANDS, main

ROOT = Path(__file__).parents[1]
FIRST_HOUR = "docs/first-hour.md"
OWN_PACKAGE = "docs/your-own.md"  # its names exist once its package is installed: tests/test_plugins.py
PAGES = ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))

# What the test of the first hour adds to its commands, by how they begin: fewer epochs and images, no report that
# another command writes anyway.
SMALL = "--train_fraction 0.03 --no_report"
SHORTER = {
    "train --hidden_size": "",
    "train --dataset mnist --model": "--train_fraction 0.02 --no_report",
    "train --dataset digits": "--epochs 1 --no_report",
    "train --backend": "--epochs 1 --no_report",
    "train --dataset mnist --epochs": SMALL,
    "train": f"--epochs 1 {SMALL}",
    "crossval": "--epochs 1",
    "sweep examples/sweep.yaml --dry_run": "",
    "sweep examples/sweep.yaml": "--epochs 2 --no_report",
    "sweep resume": "--no_report",
    "sweep transfer": "--epochs 1 --train_fraction 0.01",
    "sweep da6401": "--dataset digits --epochs 1 --no_report",
    "reproduce dl-2022": "--estimate",
}
LONG = ("report", "figures")  # a minute each, for t-SNE; tests of their own run them


@pytest.fixture
def blocks():
    """`blocks("python", page)` are the fenced blocks of that language."""

    def of(language, page="README.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)

    return of


def commands(blocks):
    """Every command line of the shell blocks of all pages, without its comment."""
    return [words for page in PAGES for words in command_lines(blocks("sh", page))]


def command_lines(blocks):
    lines = [line for block in blocks for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", FIRST_HOUR])
def test_python_blocks_run(page, blocks, tmp_path):
    found = blocks("python", page)
    assert found
    for block in found:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, without_notice(done.stderr)) == (0, "")
        assert done.stdout


def test_trainings_parse(blocks):
    lines = [line for page in PAGES if page != OWN_PACKAGE for line in command_lines(blocks("sh", page))]
    trainings = [words[2:] for words in lines if words[:2] in (["handgrad", "train"], ["python", "train.py"])]
    assert len(trainings) >= 3
    assert [words for words in lines if any("…" in word for word in words)] == []  # nothing to fill in
    for words in trainings:
        parse(words)


def flags_of(words):
    """What the help of a command, or of a command below it, such as `sweep test`, lists."""
    with redirect_stdout(io.StringIO()) as printed:
        main([*words, "--help", "all"])
    return set(re.findall(r"(?<![\w-])--?[a-z]\w*", printed.getvalue(), re.IGNORECASE))


@pytest.mark.slow
def test_every_command_and_flag_exists(blocks):
    """Those of shell blocks, and those within a sentence or a table."""
    words = [*commands(blocks)]
    for page in PAGES:
        inline = re.findall(r"`(handgrad [a-z][^`]*)`", (ROOT / page).read_text(encoding="utf-8"))
        words += [shlex.split(" ".join(line.split())) for line in inline]
    named = [each[1:] for each in words if each[0] == "handgrad" and len(each) > 1]
    assert {"train", "evaluate", "predict", "resume", "runs"} <= {each[0] for each in named} <= set(COMMANDS)
    known, wrong = {}, []
    for command, *rest in named:
        path = (command, *rest[:1]) if rest[:1] in (["test"], ["ensemble"], ["transfer"]) else (command,)
        listed = known[path] = known.get(path) or flags_of(path)
        short = "" if command == "ablate" else "?"  # which takes -SETTING
        flags = [word.partition("=")[0] for word in rest if re.match(rf"--{short}[a-zA-Z]", word)]
        wrong += [(command, flag) for flag in flags if not {flag, flag.replace("--no_", "--", 1)} & listed]
    assert wrong == []


def test_every_make_target_exists(blocks):
    rules = re.findall(r"^([a-z -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    targets = {target for rule in rules for target in rule.split()}
    assert {words[1] for words in commands(blocks) if words[0] == "make"} <= targets


def test_the_first_hour_names_what_there_is(blocks):
    """Files that come with handgrad, make targets that bring what is missing, and no placeholder to fill in."""
    page, rules = (ROOT / FIRST_HOUR).read_text(encoding="utf-8"), (ROOT / "Makefile").read_text()
    words = [word for line in command_lines(blocks("sh", FIRST_HOUR)) for word in line]
    assert [word for word in words if re.search(r"\b(NAME|A|B)\b", word)] == []
    assert [word for word in words if word.startswith("examples/") and not (ROOT / word).exists()] == []
    targets = {target for each in re.findall(r"`make ([a-z ]+)`", page) for target in each.split()}
    assert {"torch", "sweep"} <= targets
    assert [target for target in targets if not re.search(rf"^{target}:", rules, re.M)] == []


@pytest.mark.slow
@pytest.mark.skipif("HANDGRAD_FIRST_HOUR" not in os.environ, reason="three minutes: HANDGRAD_FIRST_HOUR=1 runs it")
def test_the_first_hour_runs(blocks, here, capsys, real_data, torch):
    """Every command of the page in its order, each with less to do (see SHORTER)."""
    for name in ("mnist", "fashion_mnist"):
        real_data(name)
    (here / "examples").symlink_to(ROOT / "examples")
    lines = command_lines(blocks("sh", FIRST_HOUR))
    assert len(lines) > 25
    for words in lines:
        assert words[0] == "handgrad"
        command = shlex.join(words[1:])
        if command.startswith(LONG):
            continue
        more = next((flags for begin, flags in SHORTER.items() if command.startswith(begin)), "")
        answer = call(capsys, shlex.join([*expanded(words[1:], here), *shlex.split(more)]))
        assert answer.code == 0, (command, answer.err)


def expanded(words, folder):
    """With the files that a `*` stands for, as a shell gives them."""
    return [path for word in words for path in (sorted(map(str, folder.glob(word))) if "*" in word else [word])]


@pytest.mark.slow
def test_the_hand_in_runs(blocks, here, capsys):
    """Every command of the page, with shorter trainings, and without a PDF, which needs a browser."""
    lines = [words for words in command_lines(blocks("sh", "docs/hand-in.md")) if "hand-in.pdf" not in words]
    assert [words[1] for words in lines] == ["train", "train", "report", "check", "report"]
    for words in lines:
        answer = call(capsys, shlex.join([*expanded(words[1:], here), *["--epochs", "1"] * (words[1] == "train")]))
        assert answer.code == 0, (words, answer.err)
    assert (here / "hand-in" / "report.html").is_file()


@pytest.mark.slow
def test_the_first_lecture_runs(blocks, here, capsys):
    """Every command of the page as it stands there."""
    lines = command_lines(blocks("sh", "docs/first-lecture.md"))
    assert len(lines) > 7
    for words in lines:
        answer = call(capsys, shlex.join(words[1:]))
        assert answer.code == 0, (words, answer.err)


def test_no_command_goes_on_in_the_next_line():
    """So that a command within a sentence can be copied from the file."""
    texts = {page: (ROOT / page).read_text(encoding="utf-8") for page in (*PAGES, "CONTRIBUTING.md")}
    prose = {page: re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL) for page, text in texts.items()}
    lines = [(page, line) for page, text in prose.items() for line in text.splitlines()]
    assert [(page, line) for page, line in lines if line.count("`") % 2] == []


def test_linked_files_exist():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    assert len(pages) > 80
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:\s]+)[)#]", page.read_text("utf-8"))]
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


def test_the_readme_is_short_and_the_checkout_small():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout")
    sizes = {name: (ROOT / name).stat().st_size for name in listed.stdout.split("\0") if (ROOT / name).is_file()}
    assert {name: size for name, size in sizes.items() if size > 500_000} == {}
    assert sum(sizes.values()) < 8_000_000
