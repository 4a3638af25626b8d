"""Words that somebody else wrote: made harmless for a terminal, a log, a page, LaTeX, a table of Markdown or CSV; and
the name that a misspelled one is likely to mean.

Likely means: the words begin alike, and differ by a slip of the fingers that is small beside their length. A word that
has a meaning in other libraries, such as the data set kmnist or the optimizer adamax, is no slip of the fingers.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from itertools import count
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
# Signs that the fonts of LaTeX do not have in a text, and the names that they have in a formula.
SIGNS = "×÷±≤≥≠≈≡∼∝·⋅→←↔⇒⇐∞∑∏√∂∇∈∉∀∃⊙⊕∘∗∥‖∫⟨⟩…✓✗•∧∨∪∩⊂"
NAMES = (
    "times div pm leq geq neq approx equiv sim propto cdot cdot to leftarrow leftrightarrow Rightarrow Leftarrow infty "
    "sum prod surd partial nabla in notin forall exists odot oplus circ ast parallel parallel int langle rangle ldots "
    "surd times bullet wedge vee cup cap subset"
)
COMMANDS = dict(zip(SIGNS, NAMES.split(), strict=True))
# Signs that LaTeX reads otherwise, and how they are printed. U+E002 keeps two hyphens from being made one dash.
READ_OTHERWISE = '&%$#_{}~^\\`<>|[]"−–—“”‘’\u00a0\u202f\ue002'
WRITTEN = (
    r"\& \% \$ \# \_ \{ \} \textasciitilde{} \textasciicircum{} \textbackslash{} \`{} \textless{} \textgreater{} "
    r"\textbar{} {[} {]} {''} $-$ -- --- `` '' ` ' ~ ~ {}"
)
LATEX = {sign: f"$\\{name}$" for sign, name in COMMANDS.items()} | dict(
    zip(READ_OTHERWISE, WRITTEN.split(), strict=True)
)
WITHOUT_A_FORM = "ĦħĸĿŀŉŦŧſ¹²³"  # in its fonts, of the Latin letters
AS_LATIN = "Omicron Alpha Beta Epsilon Zeta Eta Iota Kappa Mu Nu Rho Tau Chi"  # letters that look alike
GREEK = dict(zip(AS_LATIN.split(), "OABEZHIKMNPTX", strict=True)) | {"omicron": "o"}
SLIPS = ((3, 1), (7, 2), (12, 3))  # from so many letters on, so many slips
SHORT = 3  # letters, of which none may be another one
ABBREVIATION = 5  # letters with which a name must begin, and no other one
LONG_ENOUGH = 6  # for a word that lacks its first letter


def visible(text: str, kept: str = KEPT) -> str:
    """Characters that steer a terminal, reverse a line or cannot be seen, as `\\x1b`; line ends and tabs are `kept`."""
    return STEERING.sub(lambda found: found[0] if found[0] in kept else _escaped(found[0]), text)


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


def latex_text(text: str) -> str:
    """The same in LaTeX, where every sign is printed as it stands; one that pdfLaTeX has no form of, as its number."""
    plain = unicodedata.normalize("NFC", visible(text))
    return "".join(map(_latex_sign, re.sub("-(?=-)", "-\ue002", plain)))


@cache
def _latex_sign(sign: str) -> str:
    """Latin letters as they are, Greek ones, and raised or lowered ones, as formulas."""
    if sign in LATEX or sign.isascii() or ("\xa1" <= sign <= "\u017f" and sign not in WITHOUT_A_FORM):
        return LATEX.get(sign, sign)
    words, _, letter = unicodedata.name(sign, "").partition(" LETTER ")
    if words in ("GREEK SMALL", "GREEK CAPITAL") and letter.isalpha():
        name = letter.replace("LAMDA", "LAMBDA")
        name = name.lower() if words == "GREEK SMALL" else name.capitalize()
        return GREEK.get(name, f"$\\{name}$")
    form, _, codes = unicodedata.decomposition(sign).rpartition("> ")
    base = "".join(chr(int(code, 16)) for code in codes.split())
    if form in ("<super", "<sub"):
        return f"${'^' if form == '<super' else '_'}{{{latex_text(base)}}}$"
    return latex_text(base) if form and base.isascii() else f"{{[}}U+{ord(sign):04X}{{]}}"


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


def _escaped(sign: str) -> str:
    code = ord(sign)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _without_html(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("`", "\\`")
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@lru_cache(maxsize=4096)
def squashed(name: str) -> str:
    """What two ways to write one name share: letters and digits in lower case."""
    return "".join(character for character in name.lower() if character.isalnum())


def nearest(word: str, names: Iterable[str], foreign: Iterable[str] = ()) -> str | None:
    """The one of `names` that was likely meant, or None; None too for one of `foreign`, which other libraries have."""
    written, names = squashed(word), list(names)
    allowed = max((slips for letters, slips in SLIPS if len(written) >= letters), default=0)
    if not allowed or written in map(squashed, foreign):
        return None
    begun = [name for name in names if squashed(name).startswith(written)]
    if len(begun) == 1 and len(written) >= ABBREVIATION:
        return begun[0]
    near = [(squashed(name), place, name) for place, name in enumerate(names)]
    near = [each for each in near if abs(len(each[0]) - len(written)) <= allowed and _alike(written, each[0])]
    close = [(slips(written, other), place, name) for other, place, name in near]
    least = min(close, default=(allowed + 1, 0, ""))
    return least[2] if least[0] <= allowed else None


def counted(count: int, what: str) -> str:
    """ "1 trial", "1,200 trials"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def counting_order(name: str) -> list[int | str]:
    """A key that sorts names as a person counts: 2.png before 10.png."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def numbered(name: str) -> Iterator[str]:
    """The name, then with "-2", "-3" … behind it, for whoever needs one that is not taken."""
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def duration(seconds: float) -> str:
    """As one says it: "0.3 s", "40 s", "12 min", "3 h 20 min"."""
    if seconds < 99.5:
        return f"{seconds:.0f} s" if seconds >= 9.95 else f"{max(seconds, 0.1):.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def suggestion(word: str, names: Iterable[str], foreign: Iterable[str] = ()) -> str:
    """ ": did you mean X?" for the one of `names` that was likely meant, or a full stop when there is none."""
    near = nearest(word, names, foreign)
    return f": did you mean {near}?" if near else "."


def slips(a: str, b: str) -> int:
    """How many letters must be added, left out, replaced or swapped with their neighbour to make `b` of `a`."""
    before, last = [0] * (len(b) + 1), list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        row = [i]
        for j, other in enumerate(b, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def _alike(written: str, name: str) -> bool:
    swapped = written[:2] == name[1::-1]
    if len(written) == len(name) == SHORT and sorted(written) != sorted(name):
        return False
    return written[:1] == name[:1] or swapped or (written == name[1:] and len(written) >= LONG_ENOUGH)
