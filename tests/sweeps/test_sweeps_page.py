"""docs/sweeps.md says what the code does."""

import re
from pathlib import Path

import pytest
from tests.commands import python

from handgrad.config.aliases import FIELDS
from handgrad.config.metrics import METRICS, metric_name
from handgrad.strict_yaml import load_mapping
from handgrad.sweeps import read_sweep
from handgrad.sweeps.space import DISTRIBUTIONS, keys_of
from handgrad.sweeps.sweep_file import KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "sweeps.md").read_text(encoding="utf-8")


def section(title):
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def table(title):
    """The code words of each cell of a section's table, row by row, without the head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_alias_of_every_parameter_is_listed():
    listed = {row[0][0]: tuple(row[1]) for row in table("Parameters")}
    assert listed == {field: others for field, others in FIELDS.items() if field not in ("name", "runs_dir")}


def test_every_metric_is_listed():
    listed = re.findall(r"`([^`]+)`", section("Metrics"))
    assert tuple(listed[: len(METRICS)]) == METRICS
    assert {metric_name(name) for name in listed} == set(METRICS)


def test_every_distribution_is_listed_with_its_keys():
    fields = {name: list(keys_of(name)) for name in DISTRIBUTIONS}
    assert {row[0][0]: row[1] for row in table("Distributions")} == fields


def test_every_key_of_the_file_is_listed():
    assert {key for row in table("The file") for key in row[0]} == set(KEYS)


def test_the_example_is_a_sound_sweep(tmp_path):
    text = PAGE.split("```yaml\n")[1].split("```")[0]
    definition = read_sweep(load_mapping(text))
    assert definition.notices == ()
    assert definition.name == "first"


@pytest.mark.slow
def test_the_python_example_runs(tmp_path):
    example = section("Run it").split("```python\n")[1].split("```")[0]
    answer = python(example, cwd=tmp_path)
    assert answer.code == 0, answer.err
    assert answer.out.count("finished") == 3
    assert "sweeps/sweep/runs/" in answer.out
