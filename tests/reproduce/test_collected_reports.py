"""The pages in docs/reports are small enough to keep, and README.md has the numbers that their summaries have."""

import json
import re
from pathlib import Path

import pytest
from tests.reproduce.scripts import FOLDER, script

from handgrad.claims import REPORTS

LARGEST_BYTES = 500_000


@pytest.fixture(scope="module")
def collect():
    return script("collect")


@pytest.mark.parametrize("report", REPORTS)
def test_every_whole_report_is_kept(report):
    page = (FOLDER / f"{report}.md").read_text(encoding="utf-8")
    figures = re.findall(r"!\[.*\]\((.+)\)", page)
    assert len(figures) >= 3
    assert [name for name in figures if not 0 < (FOLDER / name).stat().st_size <= LARGEST_BYTES] == []
    assert sorted(path.name for path in (FOLDER / report).iterdir()) == sorted(Path(name).name for name in figures)


def test_the_numbers_are_those_of_the_summaries(collect):
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert page.count("| test accuracy |") > 30
    assert collect.with_numbers(page) == page


def test_what_was_made_is_taken_and_the_rest_left(collect, tmp_path, monkeypatch):
    made = tmp_path / "reproductions" / "ee5179"
    made.mkdir(parents=True)
    (made / "report").mkdir()
    for name in ("loss.svg", "folded.svg"):
        (made / "report" / name).write_text("<svg/>", encoding="utf-8")
    folded = "<details>\n\n<details>\n![b](report/folded.svg)\n\n</details>\n![b](report/folded.svg)\n\n</details>"
    table = "[search.csv](report/search.csv): all trials"
    report = f"# Title\n\n## Summary\n\n| a |\n\n## Claims\n\n![a](report/loss.svg)\n\n{folded}\n\n{table}\n"
    (made / "report.md").write_text(report, encoding="utf-8")
    holds, tie = {"verdict": "holds"}, {"verdict": "tie"}
    claims = {
        "swept": {"printed": tie, "replication": holds, "swept": {"words": "holds for 3 of 5 learning rates"}},
        "printed": {"printed": tie, "replication": None, "swept": None},
    }
    values = {"test_accuracy": [88.0, 89.0]}
    results = {"experiments": {"relu": {"replication": {"values": values}}}, "claims": claims}
    (made / "results.json").write_text(json.dumps(results), encoding="utf-8")
    (tmp_path / "dl-2022.md").write_text(
        "# Other\n\n## Reported and reproduced\n\n| b |\n\n## Claims\n", encoding="utf-8"
    )
    monkeypatch.setattr(collect, "HERE", tmp_path)
    monkeypatch.setattr(collect, "REPORTS", ["ee5179", "dl-2022"])
    assert collect.take(tmp_path / "reproductions") == ["ee5179"]
    page = (tmp_path / "ee5179.md").read_text()
    assert page.startswith(f"# Title\n\n{collect.LEFT_OUT}\n")
    assert "\n![a](ee5179/loss.svg)\n\n<details>\n\n<details>\n\n</details>\n\n</details>\n" in page
    assert page.endswith("\n`search.csv`, which the command writes: all trials\n")
    assert [path.name for path in (tmp_path / "ee5179").iterdir()] == ["loss.svg"]
    assert json.loads((tmp_path / "results.json").read_text()) == {
        "ee5179": {
            "experiments": {"relu": values},
            "claims": {"swept": "holds; holds for 3 of 5 learning rates", "printed": "tie (as printed)"},
        }
    }
    page = collect.with_numbers("before\n<!-- numbers -->\nold\n<!-- end of numbers -->\nafter\n")
    tables = "### [Title](ee5179.md)\n\n| a |\n\n### [Other](dl-2022.md)\n\n| b |\n"
    assert page == f"before\n<!-- numbers -->\n\n{tables}<!-- end of numbers -->\nafter\n"
