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
EXAMPLES = """  handgrad check ee5179                   what that report's own numbers say
  handgrad check claims.yaml              your own numbers and statements
  handgrad check claims.yaml --json findings.json
  handgrad check dl-2022 --format md > findings.md

Each claim is found to be
  supported      the numbers bear it out beyond chance
  tie            the numbers cannot be told apart
  contradicted   the numbers say the opposite
  confounded     something else differed too
  no experiment  the numbers that would tell are not there

docs/claims.md says how to write such a file."""


def run(tokens: list[str]) -> int:
    """Print the verdict on every claim, with its arithmetic."""
    parser = Parser("check", "What numbers say of the claims that are made of them.", EXAMPLES)
    parser.add_argument("document", metavar="FILE|REPORT", help=f"a YAML file, or {', '.join(REPORTS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings to a JSON file as well")
    parser.add_argument("--format", choices=FORMATS, default="text", help="of what is printed (default: text)")
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
