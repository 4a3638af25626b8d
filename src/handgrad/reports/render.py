"""A report as one HTML file that needs nothing else, or as Markdown with its figures beside it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from handgrad.errors import UsageError
from handgrad.files import atomic_write
from handgrad.reports.blocks import Report
from handgrad.reports.derivation.html import STYLE


def write_html(report: Report, path: Path) -> list[Path]:
    """Everything in one file: figures are SVG within it, equations MathML, and there is no script.

    Raises  OSError when the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, _environment().get_template("report.html.j2").render(report=report, equations=STYLE))
    return [path]


def write_markdown(report: Report, path: Path) -> list[Path]:
    """The text, and a folder of the same name with its figures.

    Raises  OSError when something cannot be written.
    """
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    written = [path]
    for picture in report.pictures():
        written.append(folder / f"{picture.name}.svg")
        atomic_write(written[-1], picture.svg)
    atomic_write(path, markdown_text(report, folder.name))
    return written


def markdown_text(report: Report, folder: str) -> str:
    """The report in Markdown, which takes its figures from `folder` beside it."""
    return _environment().get_template("report.md.j2").render(report=report, folder=folder)


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
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["cell"] = _cell
    return made


def _cell(text: Any) -> str:
    """Text within a Markdown table."""
    return str(text).replace("|", "\\|").replace("\n", " ")
