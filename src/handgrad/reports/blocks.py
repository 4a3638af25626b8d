"""What a report is made of, before anybody decides whether it becomes HTML or Markdown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

LARGE = 250_000  # letters of a file that does not become part of a page


@dataclass(frozen=True)
class Block:
    """A piece of a report."""

    @property
    def template(self) -> str:
        """The name of the template that draws it."""
        return type(self).__name__.lower()


@dataclass(frozen=True)
class Text(Block):
    """A paragraph of plain words; what stands between backticks is code, as in Markdown."""

    words: str


@dataclass(frozen=True)
class Note(Block):
    """A paragraph that a reader must not miss: what is undefined, confounded, or left out."""

    words: str


@dataclass(frozen=True)
class Points(Block):
    """A list of short sentences."""

    items: Sequence[str]


@dataclass(frozen=True)
class Code(Block):
    """Something to be typed, or printed as it stands."""

    text: str


@dataclass(frozen=True)
class Headline(Block):
    """The result in one big number, and the sentence that says what it is."""

    number: str
    words: str


@dataclass(frozen=True)
class Table(Block):
    """Rows of cells under a header; columns whose name is in `words` are text, the others numbers.

    Rows whose number is in `marked` stand out. A `compact` one has many columns, and smaller letters. The cells of
    columns in `badges` are verdicts, each in a colour of its own.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    words: Sequence[str] = ()
    marked: frozenset[int] = frozenset()
    compact: bool = False
    badges: Sequence[str] = ()


@dataclass(frozen=True)
class Picture(Block):
    """A figure as SVG with its title in it, a caption, and what it is for those who cannot see it.

    `csv` are the numbers behind it, for a file beside it where the report is not a single one; `pdf` is for LaTeX.
    """

    name: str
    svg: str
    caption: str
    alt: str
    csv: str = ""
    pdf: Callable[[], bytes] | None = None


@dataclass(frozen=True)
class Interactive(Picture):
    """A figure that a browser with JavaScript shows as Plotly's: `view` is its JSON, `hint` what a reader can do."""

    view: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Attachment(Block):
    """A file that goes with the report: within an HTML page unless it is large, or beside it; `words` say what."""

    name: str
    content: str
    words: str

    @property
    def large(self) -> bool:
        """Whether it would make a page slow."""
        return len(self.content) > LARGE


@dataclass(frozen=True)
class Equations(Block):
    """A derivation, which its own renderers have written in every form."""

    html: str
    markdown: str
    latex: str = ""


@dataclass(frozen=True)
class Words(Equations):
    """What an author wrote; `images` are the content of those that it shows, by their addresses."""

    images: Sequence[tuple[str, bytes]] = ()


@dataclass(frozen=True)
class Details(Block):
    """Blocks folded under a line that says what they are; open on paper."""

    summary: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it; `anchor` is its name in links."""

    anchor: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Report:
    """A whole report; `facts` stand under its title in one line each."""

    title: str
    subtitle: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]

    def pictures(self) -> list[Picture]:
        return [block for block in self.blocks() if isinstance(block, Picture)]

    def attachments(self) -> list[Attachment]:
        """Every file that goes with it, in order."""
        return [block for block in self.blocks() if isinstance(block, Attachment)]

    @property
    def interactive(self) -> bool:
        """Whether a browser is to run something."""
        return any(isinstance(block, Interactive) for block in self.blocks())

    def blocks(self) -> list[Block]:
        """Every block in it, in order, also those that are folded."""
        return _flat([block for section in self.sections for block in section.blocks])


def _flat(blocks: Sequence[Block]) -> list[Block]:
    """With those that are folded, in order."""
    each = ([block, *_flat(block.blocks)] if isinstance(block, Details) else [block] for block in blocks)
    return [block for found in each for block in found]


def percent(share: float | None, digits: int = 2) -> str:
    """A share of 1 as per cent; a dash for what was not measured."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def number(value: Any, digits: int = 4) -> str:
    """A number, or a dash for what was not measured."""
    return "–" if value is None else f"{value:.{digits}f}"


def spelled(value: Any, digits: int = 4) -> str:
    """The value of a setting as a person would write it, a number with so many significant digits."""
    if value is None or isinstance(value, bool):
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}={number}" for name, number in value.items())
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def chance(p: float) -> str:
    """A p-value with the digits that matter."""
    return f"{p:.2g}" if p >= 0.001 else "< 0.001"
