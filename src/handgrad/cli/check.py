"""`handgrad check FILE | REPORT`."""

import json
from pathlib import Path

from rich.padding import Padding
from rich.text import Text

from handgrad.claims import REPORTS, Finding, check, find_document, markdown, read_document, summary
from handgrad.cli.console import Screen, working
from handgrad.cli.parser import Parser
from handgrad.files import atomic_write

COLOURS = {"supported": "green", "tie": "yellow", "contradicted": "red", "confounded": "magenta"}
FORMATS = ("text", "md")
INDENT = 4
EXAMPLES = """  handgrad check ee5179                   a bundled course report
  handgrad check claims.yaml              your own numbers and statements
  handgrad check claims.yaml --json findings.json
  handgrad check dl-2022 --format md > findings.md

The verdict on each claim is one of
  supported      the difference is there, and significant
  tie            the difference is not significant
  contradicted   the numbers show the opposite, and significantly
  confounded     the runs differ in something besides the claimed cause
  no experiment  the numbers that the claim needs are missing

docs/claims.md explains how to write such a file."""


def run(tokens: list[str]) -> int:
    """Print the verdict on every claim, with its arithmetic."""
    parser = Parser("check", "Test the claims of a report against its numbers.", EXAMPLES)
    parser.add_argument("document", metavar="FILE|REPORT", help=f"a YAML file, or {', '.join(REPORTS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the findings to a JSON file")
    parser.add_argument("--format", choices=FORMATS, default="text", help="format of the output (default: text)")
    arguments = parser.arguments(tokens)
    path = find_document(arguments.document)
    document = read_document(path)
    with working("reading the numbers"):
        findings = check(document, path.parent)
    if arguments.json is not None:
        content = {"title": document.title, "findings": [finding.to_mapping() for finding in findings]}
        atomic_write(arguments.json, json.dumps(content, indent=2, allow_nan=False) + "\n")
    if arguments.format == "md":
        print(markdown(document.title, findings), end="")
    else:
        _print(document.title, findings)
    return 0


def _print(title: str, findings: list[Finding]) -> None:
    screen = Screen(highlight=False)
    screen.print(Text(title, style="bold"))
    for finding in findings:
        heading = Text(finding.verdict.upper(), style=COLOURS.get(finding.verdict, "cyan"))
        screen.print()
        screen.print(heading.append(f"  {finding.says}", style="default"))
        for line in [*finding.arithmetic, *([finding.note] if finding.note else [])]:
            screen.print(Padding(Text(line), (0, 0, 0, INDENT), expand=False))
    screen.print()
    screen.print(Text(summary(findings)))
