"""An author's Markdown: its sections, placeholders with their lines, and the words as HTML, Markdown and LaTeX."""

import base64
import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from handgrad.errors import HandgradError, UsageError
from handgrad.files import read_file
from handgrad.reports.blocks import Words
from handgrad.reports.render import code, code_lines, image_name
from handgrad.text import COMMANDS, latex_text, visible

LARGEST_BYTES, LARGEST_IMAGE = 1_000_000, 20_000_000
IMAGES = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "gif": "gif", "webp": "webp", "svg": "svg+xml"}
OPEN, CLOSE = "\ue000", "\ue001"  # around the number of a placeholder, within the words
FILLED = re.compile(f"{OPEN}(\\d+){CLOSE}")
FORMULA = r"\$\$.+?\$\$|\$(?=[^\s$])(?:[^$\\]|\\.)*?(?<=\S)\$(?!\d)"  # as pandoc reads it: "$5 and $6" is none
# What is left as it is, and what is not: comments, HTML, and placeholders, closed or not.
SCAN = re.compile(
    rf"\\.|(?<!`)(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)|{FORMULA}|<(?:https?://|mailto:)[^\s<>]*>|\]\([^\s)]*"
    r"|(?P<comment><!--.*?-->)|(?P<html><(?=[A-Za-z/!?]))|\{\{(?P<body>[^{}]*)\}\}|(?P<open>\{\{)",
    re.DOTALL,
)
SCANNED = {"paragraph_open", "heading_open", "tr_open", "html_block"}
PART = re.compile(r"(?P<kind>figures?|table|question|equations|omit)\s*:\s*(?P<what>.*)", re.DOTALL)  # on its own
SIGNS = {command: sign for sign, command in COMMANDS.items()}
LATEX = {
    "paragraph_close": "\n\n",
    "bullet_list_open": "\\begin{itemize}\n",
    "bullet_list_close": "\\end{itemize}\n",
    "ordered_list_open": "\\begin{enumerate}\n",
    "ordered_list_close": "\\end{enumerate}\n",
    "list_item_open": "\\item ",
    "blockquote_open": "\\begin{quote}\n",
    "blockquote_close": "\\end{quote}\n",
    "heading_close": "}\n\n",
    "em_open": "\\emph{",
    "strong_open": "\\textbf{",
    **dict.fromkeys(("em_close", "strong_close", "link_close"), "}"),
    "hr": "\\par\\noindent\\hrulefill\\par\n",
    "softbreak": "\n",
    "hardbreak": "\\newline\n",
    "table_close": "\\bottomrule\n\\end{longtable}\n\n",
    "thead_close": "\\midrule\n",
    "tr_close": " \\\\\n",
}


class Placeholder(NamedTuple):
    """What stands between two pairs of braces, and in which line; `closed` unless the second pair is missing."""

    body: str
    line: int
    closed: bool


class Inline(NamedTuple):
    """What is printed in place of a placeholder; `holds` unless a reader is to see that it does not."""

    words: str
    holds: bool = True


Fill = Callable[[int], Inline]


class Paragraphs(NamedTuple):
    """Some of an author's words: what Markdown makes of them, and their first and last line as they stand."""

    tokens: list[Token]
    lines: tuple[int, int]


class Chapter(NamedTuple):
    """A heading of the first level, its line, and what stands below it: words, or a placeholder on its own."""

    title: str
    line: int
    parts: list[Paragraphs | int]

    @property
    def written(self) -> bool:
        """Whether anything stands below the heading but other headings."""
        tokens = [token for part in self.parts if isinstance(part, Paragraphs) for token in part.tokens]
        words = any(token.level == 0 and not token.type.startswith("heading") for token in tokens)
        return words or any(isinstance(part, int) for part in self.parts)


class Authored:
    """A Markdown file of an author, read once.

    Raises  UsageError for one that is no text, or too large; FileSystemError.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.placeholders = path, list[Placeholder]()
        if path.is_file() and path.stat().st_size > LARGEST_BYTES:
            raise UsageError(
                f"{path} has {path.stat().st_size:,} bytes, expected at most {LARGEST_BYTES:,} of Markdown"
            )
        try:
            lines = re.split("\r\n|\r|\n", re.sub(f"[{OPEN}{CLOSE}]", "\ufffd", read_file(path).decode("utf-8-sig")))
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is not a text in UTF-8: {error}") from None
        self._lines: list[str] = []
        self._origins: list[int] = []  # of each line, the one that it was
        tokens = _parser(html=True).parse("\n".join(lines))
        ends = {token.map[0]: token.map[1] for token in tokens if token.map and token.type in SCANNED}
        place = 0
        while place < len(lines):
            end = ends.get(place, place + 1)
            found = self._scanned("\n".join(lines[place:end]), place) if place in ends else lines[place]
            self._lines += found.split("\n")
            self._origins += range(place + 1, place + 2 + found.count("\n"))
            place = end
        self.chapters = self._chapters(_parser().parse("\n".join(self._lines)))

    def _scanned(self, text: str, line: int) -> str:
        """With numbers in place of the placeholders, and without HTML."""

        def replace(match: re.Match[str]) -> str:
            if match["html"] or match["comment"]:
                return "&lt;" if match["html"] else ""
            if match["body"] is None and not match["open"]:
                return match[0]
            at = line + 1 + text.count("\n", 0, match.start())
            self.placeholders.append(Placeholder(" ".join((match["body"] or "").split()), at, match["open"] is None))
            return f"{OPEN}{len(self.placeholders) - 1}{CLOSE}"

        return SCAN.sub(replace, text)

    def _chapters(self, tokens: list[Token]) -> list[Chapter]:
        chapters, begun, first = [Chapter("", 1, [])], list[Token](), 0
        tokens = [*tokens, Token("heading_open", "h1", 1, map=[len(self._lines)] * 2), Token("inline", "", 0)]
        for place, token in enumerate(tokens):
            content = tokens[place + 1].content if token.nesting == 1 and token.level == 0 else ""
            numbers = [int(number) for number in FILLED.findall(content)]
            alone = numbers and not FILLED.sub("", content).strip() and token.type == "paragraph_open"
            heading = token.type == "heading_open" and token.tag == "h1" and token.level == 0
            if heading or (alone and all(PART.match(self.placeholders[number].body) for number in numbers)):
                start, end = token.map or (0, 0)
                words = [each for each in begun if each.type != "skipped"]
                chapters[-1].parts.extend([Paragraphs(words, (first, start))] if words else [])
                begun, first = [], end
                if heading:
                    chapters.append(Chapter(content, self._origins[min(start, len(self._origins) - 1)], []))
                else:
                    chapters[-1].parts.extend(numbers)
                for each in tokens[place : place + 3]:
                    each.type = "skipped"
            begun.append(token)
        return [chapter for chapter in chapters[:-1] if chapter.title or chapter.parts]

    def words(self, part: Paragraphs, fill: Fill, home: Path) -> Words:
        """Some words in every form; images of the Markdown are seen from the folder `home`.

        Raises  UsageError for an image that cannot be shown.
        """
        sources = [
            str(each.attrs["src"]) for token in part.tokens for each in token.children or () if each.type == "image"
        ]
        images = {source: self._image(source) for source in sources}
        latex = _latex(part.tokens, lambda text: _filled(text, fill, latex_text, _in_latex)).strip()
        return Words(
            _html(part.tokens, fill, images), self._markdown(part, fill, home, sources), latex, list(images.items())
        )

    def _image(self, source: str) -> bytes:
        line = next((self._origins[place] for place, line in enumerate(self._lines) if source in line), 1)
        try:
            if re.match(r"[a-z]+:|//", source, re.IGNORECASE):
                raise UsageError(f"a report needs no network, so save the image beside {self.path.name}")
            if source.rpartition(".")[2].lower() not in IMAGES:
                raise UsageError(f"an image must be one of {', '.join(IMAGES)}")
            return read_file(self.path.parent / source, LARGEST_IMAGE)
        except HandgradError as error:
            raise UsageError(f"{self.path}:{line}: image {source}: {error}") from error

    def _markdown(self, part: Paragraphs, fill: Fill, home: Path, images: Sequence[str]) -> str:
        """The author's lines, headings one level lower."""
        lines = self._lines[slice(*part.lines)]
        for token, inline in zip(part.tokens, part.tokens[1:], strict=False):
            if token.type == "heading_open" and token.level == 0 and token.map:
                start, end = (line - part.lines[0] for line in token.map)
                lines[start:end] = [f"#{'#' * int(token.tag[1])} {inline.content}", *[""] * (end - start - 1)]
        text = "\n".join(lines).strip()
        for source in images:
            text = text.replace(f"]({source}", f"]({os.path.relpath(self.path.parent / source, home)}")
        return _filled(text, fill, str, _in_markdown)


def plain(text: str, fill: Fill) -> str:
    """Words with those that stand in place of placeholders."""
    return _filled(text, fill, str, lambda inline: inline.words)


def _filled(text: str, fill: Fill, around: Callable[[str], str], form: Callable[[Inline], str]) -> str:
    parts = FILLED.split(text)
    return "".join(form(fill(int(part))) if place % 2 else around(part) for place, part in enumerate(parts))


def _in_markdown(inline: Inline) -> str:
    words = re.sub(r"([\\`*_\[\]<|])", r"\\\1", inline.words)
    return words if inline.holds else f"**⚠ {words}**"


def _in_html(inline: Inline) -> str:
    words = escape(visible(inline.words))
    return words if inline.holds else f"<mark>⚠ {words}</mark>"


def _in_latex(inline: Inline) -> str:
    return latex_text(inline.words) if inline.holds else f"\\handgradfails{{{latex_text(inline.words)}}}"


def _parser(html: bool = False) -> MarkdownIt:
    """CommonMark with tables and formulas."""
    made = MarkdownIt("commonmark", {"html": html}).enable("table")
    made.inline.ruler.before("escape", "formula", _formula)
    return made


def _formula(state: Any, silent: bool) -> bool:
    """A rule of markdown-it: what stands between dollars is one token."""
    match = re.compile(FORMULA, re.DOTALL).match(state.src, state.pos) if state.src[state.pos] == "$" else None
    if match is not None:
        if not silent:
            state.push("formula", "", 0).content = match[0]
        state.pos = match.end()
    return match is not None


def _html(tokens: Sequence[Token], fill: Fill, images: dict[str, bytes]) -> str:
    """Nothing but what Markdown makes; headings are lower than those of the report, images in the page itself."""

    def image(token: Token) -> str:
        source, words = str(token.attrs["src"]), escape(plain(token.content, fill))
        data = base64.b64encode(images[source]).decode()
        return f'<img src="data:image/{IMAGES[source.rpartition(".")[2].lower()]};base64,{data}" alt="{words}">'

    rules: dict[str, Callable[[Token], str]] = {
        "text": lambda token: _filled(token.content, fill, lambda text: escape(visible(text)), _in_html),
        "formula": lambda token: f"<em>{formula_words(token.content)}</em>",
        "image": image,
        "heading_open": lambda token: f"<h{min(6, int(token.tag[1]) + 1)}>",
        "heading_close": lambda token: f"</h{min(6, int(token.tag[1]) + 1)}>",
        "table_open": lambda token: '<div class="scroll"><table class="author">',
        "table_close": lambda token: "</table></div>",
    }
    made: Any = _parser()
    made.renderer.rules |= {name: lambda all, place, *_, rule=rule: rule(all[place]) for name, rule in rules.items()}
    return str(made.renderer.render(tokens, made.options, {}))


def formula_words(formula: str) -> str:
    r"""The symbols of LaTeX that a line of text can show, as HTML: "$\lambda_2 \leq 0.1$" is λ₂ ≤ 0.1."""
    text = re.sub(r"\\frac\{(\w+)\}\{(\w+)\}", r"\1/\2", escape(formula.strip("$").strip()))
    text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"(\1)/(\2)", text)
    text = re.sub(r"\\(?:text|mathrm|mathbf|operatorname)\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"\\([A-Za-z]+)\s?", lambda match: SIGNS.get(match[1]) or _greek(match[1]), text)
    for mark, tag in (("_", "sub"), ("^", "sup")):
        text = re.sub(rf"\{mark}(?:\{{([^{{}}]*)\}}|(&\w+;|\w))", rf"<{tag}>\1\2</{tag}>", text)
    return re.sub(r"\\[,;! ]?|[{}]", "", text)


def _greek(command: str) -> str:
    name = f"GREEK {'SMALL' if command.islower() else 'CAPITAL'} LETTER {command.upper().replace('LAMBDA', 'LAMDA')}"
    try:
        return unicodedata.lookup(name)
    except KeyError:
        return command


def _latex(tokens: Sequence[Token], text: Callable[[str], str]) -> str:
    return "".join(LATEX.get(token.type) or _token(tokens, place, text) for place, token in enumerate(tokens))


def _token(tokens: Sequence[Token], place: int, text: Callable[[str], str]) -> str:
    token = tokens[place]
    match token.type:
        case "inline":
            return _latex(token.children or (), text)
        case "text":
            return text(token.content)
        case "formula":
            return f"\\[{token.content[2:-2]}\\]" if token.content.startswith("$$") else token.content
        case "code_inline":
            return str(code(token.content))
        case "fence" | "code_block":
            return f"{{\\small\\raggedright {code_lines(token.content)}\\par}}\n\n"
        case "image":
            return f"\\handgradfigure{{figures/{image_name(str(token.attrs['src']))}}}{{{text(token.content)}}}"
        case "heading_open":
            return "\\paragraph*{" if token.tag > "h3" else f"\\{'sub' * (int(token.tag[1]) - 1)}section*{{"
        case "link_open":
            return f"\\href{{{latex_text(str(token.attrs['href']))}}}{{"
        case "table_open":
            end = next(at for at in range(place, len(tokens)) if tokens[at].type == "thead_close")
            columns = sum(each.type == "th_open" for each in tokens[place:end])
            column = f"p{{{0.94 / columns:.3f}\\linewidth}}"
            return f"\\begin{{longtable}}{{@{{}}{column * columns}@{{}}}}\n\\toprule\n"
        case "td_open" | "th_open":
            return " & " if tokens[place - 1].type != "tr_open" else ""
    return ""
