"""A report as one HTML file that needs nothing else, as Markdown or LaTeX with its figures beside it, or as PDF."""

import base64
import gzip
import io
import logging
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from PIL import Image, UnidentifiedImageError

from handgrad.derivation.document import style
from handgrad.errors import FileSystemError, UsageError
from handgrad.files import atomic_write
from handgrad.reports.blocks import Equations, Report, Table, Words
from handgrad.text import latex_text, markdown_cell, markdown_line, visible

log = logging.getLogger("handgrad")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MOST_SECONDS = 300

LINE = 92  # letters of a table's row that fit on the page in small print
LONG = 18  # letters from which on a column of words is broken into lines
SIZES = ((1.0, "small"), (1.25, "footnotesize"), (1.55, "scriptsize"))  # up to so many times a line

LARGEST = 1_000_000  # bytes of a page with its figures in it
CAPTION = 150  # letters of a caption that are read below a figure
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
    made.filters |= {"base64": _base64, "in_script": _in_script, "code_spans": _code_spans, "brief": _brief}
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


def _brief(caption: str) -> str:
    """The sentences of a long caption that are read below a figure; all of it is read out in the figure's place."""
    if len(caption) <= CAPTION:
        return caption
    sentences = caption[:CAPTION].rpartition(". ")[0]
    return f"{sentences}." if sentences else caption[:CAPTION].rpartition(" ")[0] + " …"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _in_script(json: str) -> str:
    """JSON in which nothing can end the script that holds it."""
    return json.replace("<", "\\u003c")


def tex(text: Any) -> Any:
    """Text as it is to be printed; what is no text, and LaTeX already, as it is."""
    return latex_text(text) if isinstance(text, str) and not isinstance(text, Markup) else text


def code(text: str) -> Markup:
    """A line in the letters of a typewriter, which may be broken behind its marks."""
    breakable = re.sub(r"(?<=[/_.,=-])(?=\w)", r"\\allowbreak{}", tex(text))
    return Markup(f"\\texttt{{{breakable}}}")


def code_lines(text: str) -> Markup:
    """Lines of code, each on a line of its own."""
    lines = (str(code(line)).replace(" ", "\\ ") for line in text.rstrip("\n").split("\n"))
    return Markup("\\\\\n".join(f"\\mbox{{}}{line}" for line in lines))


def _latex_spans(text: str) -> Markup:
    """Text in which what stands between backticks is code."""
    parts = re.split("`([^`]+)`", text)
    return Markup("".join(code(part) if place % 2 else tex(part) for place, part in enumerate(parts)))


def _columns(table: Table) -> Markup:
    """The size of the letters, and a column each: numbers to the right, long words in lines of their own width."""
    lengths = [max(map(len, column)) for column in zip(table.header, *table.rows, strict=True)]
    long = {k for k, name in enumerate(table.header) if name in table.words and lengths[k] > LONG}
    room, wide = LINE - 3 * len(lengths), sum(lengths)
    size = next((name for most, name in SIZES if wide <= most * room), "scriptsize") if not long else "footnotesize"
    left = max(1.2 * room - sum(length for k, length in enumerate(lengths) if k not in long), LONG * len(long))
    share = {k: left * lengths[k] / sum(lengths[k] for k in long) / (1.2 * LINE) for k in long}
    broken = wide > room
    specs = [
        rf">{{\raggedright\arraybackslash}}p{{{share[k]:.3f}\linewidth}}"
        if broken and k in long
        else "l"
        if name in table.words
        else "r"
        for k, name in enumerate(table.header)
    ]
    return Markup(rf"\{size if broken else 'small'}\begin{{longtable}}{{@{{}}{''.join(specs)}@{{}}}}")


@cache
def _latex_environment() -> Environment:
    """Marks of its own, as LaTeX is full of braces; whatever is put in is escaped."""
    made = Environment(
        loader=PackageLoader("handgrad.reports", "templates/tex"),
        undefined=StrictUndefined,
        finalize=tex,
        trim_blocks=True,
        lstrip_blocks=True,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
    )
    made.filters |= {"columns": _columns, "code_lines": code_lines, "code_spans": _latex_spans, "raw": Markup}
    return made


def write_latex(report: Report, path: Path) -> list[Path]:
    """A file to compile with pdflatex, twice, and its figures as PDF in a folder `figures` beside it.

    Raises  UsageError for an author's image that LaTeX does not show; FileSystemError when a file cannot be written.
    """
    figures = {f"{picture.name}.pdf": picture.pdf() for picture in report.pictures() if picture.pdf}
    for block in report.blocks():
        images = block.images if isinstance(block, Words) else ()
        figures |= {image_name(source): image_for_latex(source, content) for source, content in images}
    (path.parent / "figures").mkdir(parents=True, exist_ok=True)
    for name, content in figures.items():
        atomic_write(path.parent / "figures" / name, content)
    page = _latex_environment().get_template("report.tex.j2")
    atomic_write(path, page.render(report=report, path_name=path.name))
    return [path, *(path.parent / "figures" / name for name in figures)]


def image_name(source: str) -> str:
    """What an image of the author is called among the figures of a LaTeX project, as PNG or JPEG."""
    stem, _, suffix = source.replace("\\", "/").rpartition("/")[2].rpartition(".")
    plain = re.sub(r"[^A-Za-z0-9-]+", "-", stem)
    return f"author-{plain}.{'jpg' if suffix.lower() in ('jpg', 'jpeg') else 'png'}"


def image_for_latex(source: str, content: bytes) -> bytes:
    """An image in a form that pdflatex reads.  Raises  UsageError for one that is none, or made of lines."""
    if source.lower().endswith((".png", ".jpg", ".jpeg")):
        return content
    try:
        buffer = io.BytesIO()
        Image.open(io.BytesIO(content)).convert("RGBA").save(buffer, "png")
    except (UnidentifiedImageError, OSError) as error:
        raise UsageError(f"image {source}: LaTeX needs it as PNG or JPEG") from error
    return buffer.getvalue()


def pdf_program(equations: bool) -> tuple[str, list[str]]:
    """The name and the command of what prints a page; a browser where it has equations, which WeasyPrint leaves out.

    Raises  UsageError when there is none.
    """
    browser = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if find_spec("weasyprint") and not (browser and equations):
        return "WeasyPrint", [sys.executable, "-m", "weasyprint", "{page}", "{pdf}"]
    if browser is None:
        raise UsageError(
            "a PDF needs WeasyPrint (pip install weasyprint) or Chromium (Debian: apt install chromium): install one "
            "of them, or write .html and print it from your browser"
        )
    # --no-sandbox: it refuses to start for root otherwise, and the page is our own, without scripts from elsewhere.
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", "--print-to-pdf={pdf}"]
    return Path(browser).name, [browser, *flags, "--user-data-dir={home}", "file://{page}"]


def write_pdf(report: Report, path: Path) -> list[Path]:
    """The HTML page, printed.

    Raises  UsageError without a program for it; FileSystemError when it fails.
    """
    math = any("<math" in block.html for block in report.blocks() if isinstance(block, Equations))
    name, command = pdf_program(math)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        write_html(report, page)
        places = {"page": page, "pdf": path.resolve(), "home": Path(folder) / "home"}
        try:
            done = subprocess.run(
                [word.format(**places) for word in command], capture_output=True, timeout=MOST_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise FileSystemError(f"cannot write {path}: {name} did not print the page: {error}") from error
    if done.returncode or not path.exists():
        why = (done.stderr.decode(errors="replace").strip().splitlines() or ["it gave no reason"])[-1]
        raise FileSystemError(f"cannot write {path}: {name} failed: {why}")
    log.info("%s printed the PDF", name)
    return [path]


WRITERS: dict[str, Callable[[Report, Path], list[Path]]] = {
    "html": write_html,
    "md": write_markdown,
    "pdf": write_pdf,
    "tex": write_latex,
}


def writer_of(path: Path) -> Callable[[Report, Path], list[Path]]:
    """The writer for a file's suffix.  Raises  UsageError when there is none."""
    try:
        return WRITERS[path.suffix.lstrip(".").lower()]
    except KeyError:
        raise UsageError(f"a report is written as .{', .'.join(WRITERS)}, got {path.name} (--output)") from None
