"""Names and texts that somebody else chose, made harmless for a terminal, a log, a page, a table of Markdown or CSV."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

KEPT = "\n\t"
# Control characters, marks that turn or hide text (but for the joiners of Persian, Hindi and emoji), other separators
# of lines, and the surrogates of file names that are no text.
STEERING = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")  # a span of code, as CommonMark finds it
FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet may take for one


def visible(text: str, kept: str = KEPT) -> str:
    """Characters that steer a terminal, reverse a line or cannot be seen, as `\\x1b`; line ends and tabs are `kept`."""
    return STEERING.sub(lambda found: found[0] if found[0] in kept else _shown(found[0]), text)


def visible_name(text: str) -> str:
    """The same of what stands in a single line."""
    return visible(text, "")


def markdown_line(text: Any) -> str:
    """Words as one line of Markdown, in which no HTML is left; code between backticks stays code."""
    line = " ".join(visible(str(text)).split())
    parts, end = [], 0
    for code in CODE.finditer(line):
        parts += [_without_html(line[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, _without_html(line[end:])])


def markdown_cell(text: Any) -> str:
    """The same within a table."""
    return markdown_line(text).replace("|", "\\|")


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """RFC 4180, lines ended by a newline alone; a text that a spreadsheet would compute has an apostrophe before it.

    Numbers, also those that are written as text, stay numbers.
    """
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([_csv_cell(cell) for cell in row] for row in rows)
    return buffer.getvalue()


def _csv_cell(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    return f"'{visible(cell)}" if cell.startswith(FORMULAS) and not _is_number(cell) else visible(cell)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(inf|nan)", text) is not None


def _shown(sign: str) -> str:
    code = ord(sign)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _without_html(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("`", "\\`")
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
