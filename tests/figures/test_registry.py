"""A figure is a file and a row: nothing else names it, so that both can be deleted."""

import ast
import os
import random
import sys
from pathlib import Path

import pytest
from tests.commands import TINY, finished
from tests.test_deletion import SCRIPT

from handgrad.figures import RunData
from handgrad.reports import run_report
from handgrad.reports.run_report import Gallery
from handgrad.reports.sweep_parameters import FIGURES as SWEEP_FIGURES
from handgrad.reports.sweep_parameters import pictures
from handgrad.runs import Run

SOURCE = Path(__file__).parents[2] / "src" / "handgrad"
SHARED = {"__init__", "base", "gallery", "run_data", "sheets", "style", "svg"}
FILES = sorted(path for path in (SOURCE / "figures").glob("*.py") if path.stem not in SHARED)
SWEEP_FILES = [SOURCE / "reports" / f"{name}.py" for name in ("forest", "parallel", "slices", "timeline")]
DELETED = SCRIPT.partition("import handgrad\n")[0]
REGISTRIES = {"figures": SOURCE / "figures" / "__init__.py", "reports": SOURCE / "reports" / "sweep_parameters.py"}
ALL = [*FILES, *SWEEP_FILES]
TRIALS = int(os.environ.get("HANDGRAD_TRIALS", "2"))  # files that are deleted
CHOSEN = ALL if len(ALL) <= TRIALS else random.Random(5).sample(ALL, TRIALS)


def module_of(path):
    return ".".join(["handgrad", *path.relative_to(SOURCE).with_suffix("").parts])


def imported(tree):
    """Every module and name that a file imports, dotted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_only_the_registry_names_a_figures_file():
    figures = {module_of(path): REGISTRIES[path.parent.name] for path in [*FILES, *SWEEP_FILES]}
    found = []
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "figures" not in text:  # to parse all of them takes long
            continue
        for name in set(imported(ast.parse(text))) & figures.keys():
            if path != figures[name]:
                found.append(f"{path} imports {name}")
    assert found == []


def without(registry, module):
    """The registry's text without the import of a module and the rows that use its names."""
    text = registry.read_text(encoding="utf-8")
    lines, tree = text.splitlines(keepends=True), ast.parse(text)
    (taken,) = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == module]
    names, gone = {alias.name for alias in taken.names}, [taken]
    for table in [node.value for node in tree.body if isinstance(node, ast.AnnAssign)]:
        for value in table.values:
            if names & {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}:
                gone.append(value)
    assert len(gone) > 1
    for node in gone:
        for line in range(node.lineno - 1, node.end_lineno):
            lines[line] = ""
    return "".join(lines)


RUNS = f"""
from handgrad.cli.main import main
from handgrad.figures import COMPARISONS, FIGURES, DoesNotApplyError

def none(data):
    raise DoesNotApplyError("left out, for time")

for figures in (FIGURES, COMPARISONS):
    for name, spec in figures.items():
        figures[name] = spec._replace(compute=none)
assert main("{TINY} --name run --dry_run".split()) == 0
assert main("report run -o report.md".split()) == 0
"""


@pytest.mark.slow
@pytest.mark.parametrize("path", CHOSEN, ids=lambda path: path.stem)
def test_a_figure_can_be_deleted(path, run):
    registry = REGISTRIES[path.parent.name]
    Path("rest.py").write_text(without(registry, module_of(path)), encoding="utf-8")
    arguments = [module_of(path), module_of(registry).removesuffix(".__init__"), "rest.py"]
    answer = finished([sys.executable, "-c", DELETED + RUNS, *arguments])
    assert (answer.code, answer.err.count("Traceback")) == (0, 0), answer.err
    assert "accuracy" in Path("report.md").read_text(encoding="utf-8")


def test_a_report_copes_with_a_figure_that_is_gone(finished_run, monkeypatch):
    gallery = Gallery([RunData(Run(finished_run))])
    monkeypatch.delitem(run_report.REGISTRY, "loss")
    assert [picture.name for picture in gallery.pictures("loss", "learning_rate")] == ["learning_rate"]
    assert gallery.left_out == ["loss: there is no such figure"]


def test_a_sweeps_report_copes_with_a_figure_that_is_gone(monkeypatch):
    monkeypatch.delitem(SWEEP_FIGURES, "timeline")
    assert pictures("timeline", None) == []
