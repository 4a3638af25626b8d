"""One sign flipped in a backward pass, an update or a schedule: within ten seconds of CPU a test names what is wrong.

HANDGRAD_TRIALS says how many of the table's flips are tried, evenly spread over it; -s prints what each test says.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.flipped_signs import FLIPS

ROOT = Path(__file__).parents[1]
TRIALS = min(int(os.environ.get("HANDGRAD_TRIALS", "4")), len(FLIPS))
CHOSEN = [FLIPS[trial * len(FLIPS) // TRIALS] for trial in range(TRIALS)]
SECONDS = 10


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the package, whose kernels are compiled: whoever flips a sign has compiled the others before."""
    folder = tmp_path_factory.mktemp("flipped") / "src"
    shutil.copytree(ROOT / "src", folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for as_python in (False, True):
        tests = {flip.test for flip in CHOSEN if flip.as_python == as_python}
        if tests:
            done = run(folder, *tests, as_python=as_python)
            assert done.returncode == 0, done.stdout
    return folder


def run(source, *tests, as_python):
    """pytest of some tests with the package in `source`."""
    variables = {
        "PYTHONPATH": str(source),
        "HANDGRAD_CACHE_DIR": str(source.parent),
        "NUMBA_DISABLE_JIT": f"{as_python:d}",
    }
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    return subprocess.run(
        words, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, timeout=600, check=False
    )


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def replace(file, content):
    """Python takes a compiled module for the source's when their seconds and sizes agree."""
    file.write_text(content)
    for compiled in file.parent.glob(f"__pycache__/{file.stem}.*.pyc"):
        compiled.unlink()


def test_every_line_stands_once_in_its_file():
    """The quick half: whoever rewrites a line of the table brings the table along."""
    for flip in FLIPS:
        times = (ROOT / "src/handgrad" / flip.file).read_text().count(flip.line)
        assert times == 1, f"src/handgrad/{flip.file} has {flip.line!r} {times} times: mend tests/flipped_signs.py"


@pytest.mark.slow
@pytest.mark.parametrize("flip", CHOSEN, ids=lambda flip: f"{Path(flip.file).stem}: {flip.flipped.strip()}")
def test_is_named(flip, source):
    file = source / "handgrad" / flip.file
    content = file.read_text()
    replace(file, content.replace(flip.line, flip.flipped))
    try:
        before = cpu_seconds()
        done = run(source, flip.test, as_python=flip.as_python)
        seconds = cpu_seconds() - before
    finally:
        replace(file, content)
    said = re.search(r"^E +AssertionError: (.*)", done.stdout, re.MULTILINE)
    assert done.returncode == 1, f"nothing noticed: {done.stdout}{done.stderr}"
    assert said, done.stdout
    print(f"\n{seconds:.1f} s  {flip.file}  {flip.flipped.strip()}\n       {said[1]}")
    assert re.search(rf"{re.escape(flip.says)}(\[| is | of )", said[1]), f"{said[1]!r} does not name {flip.says}"
    assert seconds <= SECONDS
