"""The first change of CONTRIBUTING.md, followed to the letter in a copy of the sources and their tests."""

import configparser
import hashlib
import re
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.commands import arguments, finished
from tests.test_plugins import FILES

from handgrad.data import load

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
GUIDE = CONTRIBUTING.partition("## Your first change\n")[2].partition("\n## ")[0]
COPIED = ("src", "tests", "benchmarks", "docs", "pyproject.toml")
# The contract tests of the new rows that are quickest, and those of the whole tree.
CHECKED = {
    "signum and not float32": (
        "tests/optim/test_optimizer_rules.py",
        "tests/optim/test_differences.py",
        "tests/derivation",
    ),
    "knn-weight_norms or names": ("tests/figures/test_every_figure.py", "tests/figures/test_registry.py"),
    "house or budget": ("tests/test_sizes.py", "tests/test_architecture.py"),
}


@pytest.fixture(scope="module")
def change(tmp_path_factory):
    """A copy with all that the guide has one write, and a function that runs a command in it."""
    tree = tmp_path_factory.mktemp("first") / "handgrad"
    for name in COPIED:
        if (ROOT / name).is_dir():
            being_written = shutil.ignore_patterns("*.pyc.*")
            shutil.copytree(ROOT / name, tree / name, ignore=being_written)
        else:
            shutil.copy2(ROOT / name, tree / name)

    def run(*words, code=0):
        done = finished(words, cwd=tree, PYTHONPATH=str(tree / "src"), HANDGRAD_DATA_DIR=str(tree / "mine"))
        assert done.code == code, done.out[-3000:] + done.err
        return done.out

    saved = re.findall(r"Save\s`(\w+\.py)` of\s\[docs/your-own.md\]\(docs/your-own.md\)\sas\s`(src/[\w/]+\.py)`", GUIDE)
    assert [name for name, _ in saved] == ["signum.py", "weight_norms.py"]
    for name, place in saved:
        (tree / place).write_text(FILES[name], encoding="utf-8")
    for diff in re.findall(r"^```diff\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL):
        (tree / "change.diff").write_text(diff, encoding="utf-8")
        run("git", "apply", "change.diff")
    (page,) = re.findall(r"`.venv/bin/python (\S+)` writes its page, `(\S+)`", GUIDE)
    run(sys.executable, page[0])
    headings = r"(## (?:In words|What is kept between steps)\n)"
    (tree / page[1]).write_text(re.sub(headings, r"\1\nThe sign of m.\n", (tree / page[1]).read_text()))
    add_data_set(tree)
    files = [*(tree / "src" / "handgrad").rglob("*.py")]
    budget = f"TREE_FILES, TREE_LINES = {len(files)}, {sum(len(file.read_text().splitlines()) for file in files)}"
    sizes = tree / "tests" / "test_sizes.py"
    sizes.write_text(re.sub(r"^TREE_FILES.*", budget, sizes.read_text(), flags=re.MULTILINE))
    return tree, run


def add_data_set(tree):
    """The digits as four files, and their section, made of the one of MNIST with each of its keys changed."""
    digits = load("digits")
    (tree / "mine").mkdir()
    digests = []
    for name, array in {
        "train-images-idx3-ubyte": digits.x_train,
        "train-labels-idx1-ubyte": digits.y_train,
        "t10k-images-idx3-ubyte": digits.x_test,
        "t10k-labels-idx1-ubyte": digits.y_test,
    }.items():
        content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
        (tree / "mine" / name).write_bytes(content)
        digests.append(hashlib.sha256(content).hexdigest())
    sources = tree / "src" / "handgrad" / "data" / "sources.ini"
    text = sources.read_text(encoding="utf-8")
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.read_string(text)
    section = dict(parser["mnist"])
    assert set(section) == set(re.findall(r"`(title|images|classes|mirrors|sha256)`", GUIDE))
    section |= {"title": "digits of mine", "images": "1797", "sha256": "\n  ".join(digests)}
    lines = "".join(f"{key} = {value}\n" for key, value in section.items())
    sources.write_text(f"{text}\n[my_digits]\n{lines}", encoding="utf-8")


@pytest.mark.parametrize("which", CHECKED)
def test_the_contract_tests_pass(which, change):
    _, run = change
    words = ["-n", "0", "-p", "no:cacheprovider", "-q", "-k", which, *CHECKED[which]]
    assert re.search(r"\d passed", run(sys.executable, "-m", "pytest", "-m", "not slow", *words))


def test_what_was_added_is_used_by_name(change):
    tree, run = change
    assert run(*arguments("data verify my_digits")).count(": ok ") == 4
    run(*arguments("train -d my_digits --layers dense:8 -e 1 -o signum --no_report --name it"))
    run(*arguments("figures runs/it --only weight_norms"))
    assert [path.suffix for path in (tree / "runs" / "it" / "figures").glob("*weight_norms*")]
    assert "Bernstein" in run(*arguments("info --optimizer signum"))


def test_style(change):
    _, run = change
    run(sys.executable, "-m", "ruff", "format", "--check", ".")
    run(sys.executable, "-m", "ruff", "check", ".")
