"""An optimizer, a layer, an activation, a schedule deleted, file and row: everything else goes on without it.

One of them here; HANDGRAD_TRIALS=99 deletes each.
"""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from handgrad.nn import ACTIVATIONS, LAYERS
from handgrad.optim import OPTIMIZERS, SCHEDULES

pytestmark = pytest.mark.slow
SOURCE = Path(__file__).parents[1] / "src"
TRIALS = int(os.environ.get("HANDGRAD_TRIALS", "1"))
REGISTRIES = {
    "optimizer": ("optim", OPTIMIZERS),
    "schedule": ("optim", SCHEDULES),
    "layer": ("nn", LAYERS),
    "activation": ("nn", ACTIVATIONS),
}
GRAPH = ("split", "branch", "add", "concat")  # what networks with several paths are written in: none without the others
ROWS = [(kind, name) for kind, (_, registry) in REGISTRIES.items() for name in registry if name not in GRAPH]
CHOSEN = ROWS if len(ROWS) <= TRIALS else random.Random(5).sample(ROWS, TRIALS)

NETWORK = "-nhl 1 -sz 8"
# The network of a training that does without one of the layers that it usually has.
INSTEAD = {
    "batch_norm": f"{NETWORK} --no_batch_norm",
    "dropout": f"{NETWORK} --dropout 0",
    "flatten": "--layers dense:8 relu",
}
# The package with one file and its two lines in a registry gone; not a copy, whose kernels would be compiled anew.
SCRIPT = """
import sys
from importlib.machinery import SourceFileLoader

deleted, registry, rest = sys.argv[1], sys.argv[2], open(sys.argv[3]).read()
whole = SourceFileLoader.get_code

def get_code(self, name):
    if name == deleted:
        raise ModuleNotFoundError(f"{name} is deleted")
    return compile(rest, self.path, "exec") if name == registry else whole(self, name)

SourceFileLoader.get_code = get_code
import handgrad
from handgrad.cli.main import main
if sys.argv[4] == "pytest":
    import pytest
    sys.exit(pytest.main(sys.argv[5:]))
for words in sys.argv[4:]:
    print(f"<{words}> {main(words.split())}", file=sys.stderr)
"""


def without_row(package, name, cls):
    """The source of a registry without what it says of a class: one import and one row."""
    rest = (SOURCE / "handgrad" / package / "__init__.py").read_text()
    for line in (rf"^from {re.escape(cls.__module__)} import {cls.__name__}\n", rf'^    "{name}": {cls.__name__},\n'):
        rest, count = re.subn(line, "", rest, flags=re.MULTILINE)
        assert count == 1, f"the registry of {package} has no single line {line!r}"
    return rest


def without(kind, name, folder, *words, cwd):
    """A process of the package without one row: commands of handgrad, each one word, or pytest and its words."""
    package, registry = REGISTRIES[kind]
    rest = folder / "rest.py"
    rest.write_text(without_row(package, name, registry[name]))
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, registry[name].__module__, f"handgrad.{package}", str(rest), *words],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(("kind", "name"), CHOSEN)
def test_the_rest_goes_on(kind, name, tmp_path):
    train = f"train -d digits --dry_run {INSTEAD.get(name, NETWORK)}"
    plain = f"train -d digits --dry_run {NETWORK}"
    commands = [*dict.fromkeys(["--help", "info", "train --help all", train, plain])]
    done = without(kind, name, tmp_path, *commands, cwd=tmp_path)
    codes = dict(re.findall(r"<(.*)> (\d+)", done.stderr))
    assert [*codes] == commands, done.stderr
    if name == "dense":  # every network ends in one
        assert "error: layers: dense is not installed here" in done.stderr
    allowed = {plain} if name in {"dense", *INSTEAD} else set()  # which says what is not there
    assert {command for command, code in codes.items() if code != "0"} <= allowed
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("kind", "name"), CHOSEN)
def test_all_tests_but_its_own_are_collected(kind, name, tmp_path):
    words = ["pytest", "tests", "--collect-only", "-q", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    done = without(kind, name, tmp_path, *words, cwd=SOURCE.parent)
    failed = re.findall(r"^ERROR (\S+)", done.stdout, re.MULTILINE)
    assert re.search(r"\d{4} tests collected", done.stdout), done.stdout[-2000:]
    assert not [path for path in failed if name not in path], done.stdout[-2000:]
