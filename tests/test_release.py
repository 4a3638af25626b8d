"""`make release` stops at the first doubt, in a copy of what git holds here; what it would build is left out."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import handgrad

ROOT = Path(__file__).parents[1]
VERSION = handgrad.__version__
NEEDED = (
    "Makefile",
    "CHANGELOG.md",
    "CITATION.cff",
    "src/handgrad/__init__.py",
    f"tests/runs/golden/{VERSION}/run.json",
)
pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


def said(folder, *words):
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def checkout(tmp_path):
    """The files that a release reads, committed, with a heading of this version on top of the changelog."""
    for name in NEEDED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    changelog = (tmp_path / "CHANGELOG.md").read_text().partition("\n## ")[0]
    (tmp_path / "CHANGELOG.md").write_text(f"{changelog}\n## {VERSION} - 2030-01-02\n\n- A line.\n")
    said(tmp_path, "git", "init")
    commit(tmp_path)
    return tmp_path


def commit(folder):
    said(folder, "git", "add", "--all")
    code, text = said(folder, "git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--message", "x")
    assert code == 0, text


def release(folder):
    """With all that it makes taken for good."""
    return said(folder, "make", "release", "MAKE=true")


def test_without_a_doubt_it_says_what_is_next(checkout):
    code, text = release(checkout)
    assert code == 0, text
    assert f"git tag -a v{VERSION}" in text


def test_a_file_that_is_not_committed(checkout):
    (checkout / "new.py").touch()
    assert "not committed" in release(checkout)[1]


DOUBTS = {
    "no heading": ("CHANGELOG.md", rf"^## {VERSION} .*$", "## Unreleased", "The first heading of CHANGELOG.md is not"),
    "lines above it": ("CHANGELOG.md", "^## ", "## Unreleased\n\n- More.\n\n## ", "The first heading of CHANGELOG.md"),
    "version": ("CITATION.cff", "^version: .*$", "version: 9.9", f"CITATION.cff has another version than {VERSION}"),
}


@pytest.mark.parametrize(("file", "line", "other", "words"), DOUBTS.values(), ids=DOUBTS.keys())
def test_a_file_that_disagrees(checkout, file, line, other, words):
    path = checkout / file
    path.write_text(re.sub(line, other, path.read_text(), count=1, flags=re.MULTILINE))
    commit(checkout)
    code, text = release(checkout)
    assert code != 0
    assert words in text


def test_no_run_of_this_version_and_a_tag_of_it(checkout):
    said(checkout, "git", "-c", "tag.gpgsign=false", "tag", f"v{VERSION}")
    assert f"There is a tag v{VERSION} already" in release(checkout)[1]
    (checkout / NEEDED[-1]).unlink()
    commit(checkout)
    assert f"tests/runs/golden/{VERSION} is missing" in release(checkout)[1]
