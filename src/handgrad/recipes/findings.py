"""Findings as somebody reads them: how many of each verdict, and Markdown."""

from collections import Counter
from collections.abc import Sequence

from handgrad.recipes.check import Finding
from handgrad.recipes.relations import TIE, VERDICTS

SPECIAL = "\\`*_[]<>|#"


def summary(findings: Sequence[Finding]) -> str:
    """As in "12 claims: 4 supported, 3 tie, 1 contradicted"; verdicts that nothing got are left out."""
    counts = Counter(finding.verdict for finding in findings)
    order = [*VERDICTS, *(verdict for verdict in counts if verdict not in VERDICTS)]
    parts = [f"{counts[verdict]} {_plural(verdict, counts[verdict])}" for verdict in order if counts[verdict]]
    return f"{len(findings)} claim{'s' if len(findings) != 1 else ''}: {', '.join(parts)}"


def markdown(title: str, findings: Sequence[Finding]) -> str:
    """A section with a table of verdicts, and the arithmetic of each below it."""
    rows = [f"| {_escaped(each.says)} | **{each.verdict}** |" for each in findings]
    lines = [f"# {_escaped(title)}", "", f"{summary(findings)}.", "", "| claim | verdict |", "|---|---|", *rows]
    for each in findings:
        lines += ["", f"## {_escaped(each.says)}", "", f"**{each.verdict}**", ""]
        lines += [f"- {_escaped(line)}" for line in [*each.arithmetic, *([each.note] if each.note else [])]]
    return "\n".join(lines) + "\n"


def _plural(verdict: str, count: int) -> str:
    return "ties" if verdict == TIE and count != 1 else verdict


def _escaped(text: str) -> str:
    """One line in which nothing is taken for a mark."""
    one_line = " ".join(text.split())
    return "".join("\\" + character if character in SPECIAL else character for character in one_line)
