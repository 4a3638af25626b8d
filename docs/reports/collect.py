"""Takes what `handgrad reproduce` made into this folder: pages with the figures that they do not fold away, every
number into README.md, and values and verdicts into results.json.

python docs/reports/collect.py REPRODUCTIONS, a folder with one folder for each report; those it lacks stay as they are.
"""

import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handgrad.claims import REPORTS
from handgrad.files import atomic_write

HERE = Path(__file__).parent
TABLES = re.compile(r"(?<=<!-- numbers -->\n).*(?=<!-- end of numbers -->)", re.DOTALL)
FIGURE = re.compile(r"!\[.*\]\(report/(.+)\)$", re.MULTILINE)
ATTACHED = re.compile(r"^\[([^\]]+)\]\(report/[^)]+\):", re.MULTILINE)  # a table that is left out here
LEFT_OUT = "*Figures that are folded away in report.html are left out here; the captions say what they show.*"
NUMBERS = re.compile(r"## (?:Summary|Reported and reproduced)\n+(.*?)\n+## ", re.DOTALL)


def take(reproductions: Path) -> list[str]:
    """Copy the page and the summary of each report that was reproduced whole; returns their names."""
    found = [report for report in REPORTS if (reproductions / report / "report.md").is_file()]
    kept = json.loads((HERE / "results.json").read_text()) if (HERE / "results.json").is_file() else {}
    for report in found:
        kept[report] = _brief(json.loads((reproductions / report / "results.json").read_text(encoding="utf-8")))
        page = with_main_figures((reproductions / report / "report.md").read_text(encoding="utf-8"))
        shutil.rmtree(HERE / report, ignore_errors=True)
        for name in FIGURE.findall(page):
            (HERE / report).mkdir(exist_ok=True)
            shutil.copyfile(reproductions / report / "report" / name, HERE / report / name)
        page = ATTACHED.sub(r"`\1`, which the command writes:", page)
        atomic_write(HERE / f"{report}.md", page.replace("](report/", f"]({report}/"))
    atomic_write(HERE / "results.json", json.dumps(kept, separators=(",", ":")).replace('},"', '},\n"') + "\n")
    return found


def with_main_figures(page: str) -> str:
    """The page without the figures that are folded, and a line that says so."""
    lines: list[str] = []
    depth = 0
    for line in page.splitlines():
        depth += line.startswith("<details") - (line == "</details>")
        if not (depth and FIGURE.match(line)):
            lines.append(line)
    title, *rest = lines
    return "\n".join([title, "", LEFT_OUT, *rest]) + "\n"


def _brief(results: Mapping[str, Any]) -> dict[str, Any]:
    """The values of each replication, one a seed, and the verdict on each claim by them."""
    values = {name: variants["replication"]["values"] for name, variants in results["experiments"].items()}
    return {"experiments": values, "claims": {name: _verdict(claim) for name, claim in results["claims"].items()}}


def _verdict(claim: Mapping[str, Any]) -> str:
    own = (
        f"{claim['replication']['verdict']}" if claim["replication"] else f"{claim['printed']['verdict']} (as printed)"
    )
    return f"{own}; {claim['swept']['words']}" if claim["swept"] else own


def with_numbers(page: str) -> str:
    """README.md with the tables of reported and reproduced numbers, as the summaries have them."""
    return TABLES.sub("".join(_section(report) for report in REPORTS), page)


def _section(report: str) -> str:
    summary = (HERE / f"{report}.md").read_text(encoding="utf-8")
    numbers = NUMBERS.search(summary)
    if numbers is None:
        raise SystemExit(f"{report}.md has no summary")
    return f"\n### [{summary.splitlines()[0].lstrip('# ')}]({report}.md)\n\n{numbers[1]}\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    print("taken:", ", ".join(take(Path(sys.argv[1]))) or "none")
    atomic_write(HERE / "README.md", with_numbers((HERE / "README.md").read_text(encoding="utf-8")))
