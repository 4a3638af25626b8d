"""A report as one HTML file that needs nothing else, or as Markdown with its figures beside it."""

import base64
import gzip
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from handgrad.derivation.document import style
from handgrad.errors import UsageError
from handgrad.files import atomic_write
from handgrad.reports.blocks import Report
from handgrad.text import markdown_cell, markdown_line, visible

LARGEST = 1_000_000  # bytes of a page with its figures in it
BEST = 9  # of gzip's levels: a page of 2 MB in place of 5


def has_plotly() -> bool:
    """Whether the library is there to be put into a page."""
    return find_spec("plotly") is not None


@cache
def packed_library() -> str:
    """plotly.js as base64 of gzip, which every browser of today can unpack; the same text each time."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), BEST, mtime=0)).decode()


def write_html(report: Report, path: Path, folder: Path | None = None) -> list[Path]:
    """Everything in one file: figures are SVG within it, equations MathML; a script only where one is interactive.

    Large attachments stand in a folder beside it, of the same name where it is not given; so do the figures of a page
    without a script that would be larger than LARGEST.

    Raises  OSError when the file cannot be written.
    """
    folder = folder or path.with_suffix("")
    plotly = packed_library() if report.interactive else ""
    template = _environment().get_template("report.html.j2")
    facts = {"report": report, "equations": style(), "plotly": plotly, "folder": folder.name}
    page = template.render(facts, beside=False)
    files = {file.name: file.content for file in report.attachments() if file.large}
    if len(page.encode()) > LARGEST and not plotly:
        page = template.render(facts, beside=True)
        files |= {f"{picture.name}.svg": picture.svg for picture in report.pictures()}
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, page)
    return [path, *_write_beside(folder, files)]


def write_markdown(report: Report, path: Path, folder: Path | None = None) -> list[Path]:
    """The text, and a folder with its figures and attachments: of the same name, or another one beside it.

    Raises  OSError when something cannot be written.
    """
    folder = folder or path.with_suffix("")
    path.parent.mkdir(parents=True, exist_ok=True)
    contents = {f"{picture.name}.svg": picture.svg for picture in report.pictures()}
    contents |= {f"{picture.name}.csv": picture.csv for picture in report.pictures() if picture.csv}
    contents |= {file.name: file.content for file in report.attachments()}
    beside = _write_beside(folder, contents)
    atomic_write(path, markdown_text(report, folder.name))
    return [path, *beside]


def markdown_text(report: Report, folder: str) -> str:
    """The report in Markdown, which takes its figures from `folder` beside it."""
    return _environment().get_template("report.md.j2").render(report=report, folder=folder)


def _write_beside(folder: Path, contents: Mapping[str, str]) -> list[Path]:
    if contents:
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        atomic_write(folder / name, content)
    return [folder / name for name in contents]


WRITERS: dict[str, Callable[[Report, Path], list[Path]]] = {"html": write_html, "md": write_markdown}


def writer_of(path: Path) -> Callable[[Report, Path], list[Path]]:
    """The writer for a file's suffix.  Raises  UsageError when there is none."""
    try:
        return WRITERS[path.suffix.lstrip(".").lower()]
    except KeyError:
        raise UsageError(f"a report is written as .html or .md, got {path.name} (--output)") from None


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("handgrad.reports"),
        autoescape=select_autoescape(("html.j2",)),
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"cell": markdown_cell, "line": markdown_line, "fence": _fence, "url": quote}
    made.filters |= {"base64": _base64, "in_script": _in_script, "code_spans": _code_spans}
    return made


def _fence(text: str) -> str:
    """A line of backticks that does not stand in the text."""
    return "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))


def _finalized(value: Any) -> Any:
    """Every text of a page without what steers a terminal or reverses a line."""
    return Markup(visible(value)) if isinstance(value, Markup) else visible(value) if isinstance(value, str) else value


def _code_spans(text: str) -> Markup:
    """Text as HTML, with <code> where Markdown has it, between backticks."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _in_script(json: str) -> str:
    """JSON in which nothing can end the script that holds it."""
    return json.replace("<", "\\u003c")
