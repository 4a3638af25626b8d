"""Takes what `handgrad reproduce` made into this folder: the pages, and every number into README.md.

python docs/reports/collect.py REPRODUCTIONS, a folder with one folder for each report; those it lacks stay as they are.
"""

import re
import shutil
import sys
from pathlib import Path

from handgrad.claims import REPORTS
from handgrad.files import atomic_write

HERE = Path(__file__).parent
TABLES = re.compile(r"(?<=<!-- numbers -->\n).*(?=<!-- end of numbers -->)", re.DOTALL)
BESIDE = re.compile(r'(?:src|href)="report/([^"]+)"')  # files that a page needs
NUMBERS = re.compile(r"## (?:Summary|Reported and reproduced)\n+(.*?)\n+## ", re.DOTALL)


def take(reproductions: Path) -> list[str]:
    """Copy the page and the summary of each report that was reproduced whole; returns their names."""
    found = [report for report in REPORTS if (reproductions / report / "report.html").is_file()]
    for report in found:
        page = (reproductions / report / "report.html").read_text(encoding="utf-8")
        shutil.rmtree(HERE / report, ignore_errors=True)
        for name in sorted(set(BESIDE.findall(page))):
            (HERE / report).mkdir(exist_ok=True)
            shutil.copyfile(reproductions / report / "report" / name, HERE / report / name)
        page = page.replace('="report/', f'="{report}/').replace(" folder report beside ", f" folder {report} beside ")
        atomic_write(HERE / f"{report}.html", page)
        shutil.copyfile(reproductions / report / "README.md", HERE / f"{report}.md")
    return found


def with_numbers(page: str) -> str:
    """README.md with the tables of reported and reproduced numbers, as the summaries have them."""
    return TABLES.sub("".join(_section(report) for report in REPORTS), page)


def _section(report: str) -> str:
    summary = (HERE / f"{report}.md").read_text(encoding="utf-8")
    numbers = NUMBERS.search(summary)
    if numbers is None:
        raise SystemExit(f"{report}.md has no summary")
    return f"\n### [{summary.splitlines()[0].lstrip('# ')}]({report}.html)\n\n{numbers[1]}\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    print("taken:", ", ".join(take(Path(sys.argv[1]))) or "none")
    atomic_write(HERE / "README.md", with_numbers((HERE / "README.md").read_text(encoding="utf-8")))
