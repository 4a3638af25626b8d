"""A derivation as a LaTeX document, and as Markdown with LaTeX in it."""

from collections.abc import Iterator

from handgrad.derivation.document import Derivation, Section, Value
from handgrad.equations import Equation, Latex
from handgrad.text import markdown_line

LATEX = Latex()
MARKS = {True: "passed", False: "WRONG", None: "open"}
PREAMBLE = r"""\documentclass[a4paper,10pt]{article}
\usepackage[T1]{fontenc}
\usepackage[margin=22mm]{geometry}
\usepackage{amsmath}
\allowdisplaybreaks
\setlength{\parindent}{0pt}
\begin{document}
"""
SPECIAL = {**{sign: f"\\{sign}" for sign in "#$%&_{}"}, "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
SPECIAL["\\"] = r"\textbackslash{}"
SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾"
IN_WORDS = {
    "⊙": r"$\odot$",
    "×": r"$\times$",
    "→": r"$\to$",
    "∂": r"$\partial$",
    "∇": r"$\nabla$",
    "−": r"$-$",
    "δ": r"$\delta$",
    "μ": r"$\mu$",
    "γ": r"$\gamma$",
    "β": r"$\beta$",
    "[": "{[}",
    "]": "{]}",
    **{sign: f"$^{{{plain}}}$" for sign, plain in zip(SUPERSCRIPTS, "0123456789()", strict=True)},
}


def to_latex(derivation: Derivation) -> str:
    """A whole document, to be compiled with any LaTeX; amsmath is all that it needs."""
    return PREAMBLE + "\n".join(_document(derivation)) + "\n\\end{document}\n"


def to_markdown(derivation: Derivation) -> str:
    """Markdown whose formulas stand between $ signs, as GitHub, Jupyter and pandoc take them."""
    return f"# {markdown_line(derivation.title)}\n\n{markdown_chapters(derivation, 2)}"


def markdown_chapters(derivation: Derivation, level: int) -> str:
    """`to_markdown` without its title, the headings from `level` on, to stand in another document."""
    return "\n".join(_markdown(derivation, level)) + "\n"


def words(text: str) -> str:
    """Text for a document: what LaTeX reads otherwise is written out."""
    return "".join(SPECIAL.get(sign) or IN_WORDS.get(sign, sign) for sign in text)


def _document(derivation: Derivation) -> Iterator[str]:
    yield f"\\section*{{{words(derivation.title)}}}"
    yield from (words(fact) + "\n" for fact in derivation.facts)
    yield (
        "\\begin{itemize}\n"
        + "\n".join(f"\\item {words(each)}" for each in derivation.conventions)
        + "\n\\end{itemize}"
    )
    yield "\\subsection*{Symbols}"
    for each in derivation.meanings:
        yield f"\\makebox[16mm][l]{{${LATEX.write(each.symbol)}$}}\\makebox[36mm][l]{{{_shape(each.shape)}}}" + (
            words(each.meaning) + (f" (\\texttt{{{words(each.name)}}})" if each.name else "") + "\\par"
        )
    for chapter in derivation.chapters:
        yield f"\\subsection*{{{words(chapter.title)}}}\n{words(chapter.introduction)}"
        for section in chapter.sections:
            yield f"\\subsubsection*{{{words(section.title)}}}"
            yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    for equation in section.equations:
        yield f"\\begin{{align*}}\n{_aligned(equation)}\n\\end{{align*}}"
        if equation.reason:
            yield f"({words(equation.reason)})"
    if section.values:
        yield "with " + ", ".join(_value(each) for each in section.values) + "\n"
    yield from (words(remark) + "\n" for remark in section.remarks)
    for check in section.checks:
        yield f"\\par\\textsl{{{MARKS[check.passed]}: {words(check.text)}}}\n"


def _aligned(equation: Equation) -> str:
    target, sign, steps = LATEX.line(equation)
    return f"{target} &{sign} " + f" \\\\\n&{sign} ".join(steps)


def _value(each: Value) -> str:
    symbol = LATEX.write(each.symbol)
    name = "" if each.name in symbol else f" ({words(each.name)})"
    return f"${symbol} = {LATEX.number(each.value)}${name}"


def _shape(shape: tuple[int | str, ...]) -> str:
    sizes = r" \times ".join(map(str, shape))
    return f"${sizes}$" if shape else ""


def _markdown(derivation: Derivation, level: int) -> Iterator[str]:
    yield from (
        f"`{fact}`\n" if fact.startswith("handgrad ") else f"{markdown_line(fact)}\n" for fact in derivation.facts
    )
    yield from (f"- {each.replace('[', chr(92) + '[')}" for each in derivation.conventions)
    yield f"\n{'#' * level} Symbols\n\n| symbol | shape | meaning | in files |\n|---|---|---|---|"
    for each in derivation.meanings:
        name = f"`{each.name}`" if each.name else ""
        yield f"| ${LATEX.write(each.symbol)}$ | {_shape(each.shape)} | {each.meaning} | {name} |"
    for chapter in derivation.chapters:
        yield f"\n{'#' * level} {chapter.title}\n\n{chapter.introduction}"
        for section in chapter.sections:
            yield f"\n{'#' * (level + 1)} {section.title}\n" if section.title else ""
            yield from _markdown_section(section)


def _markdown_section(section: Section) -> Iterator[str]:
    for equation in section.equations:
        yield f"$$\n\\begin{{aligned}}\n{_aligned(equation)}\n\\end{{aligned}}\n$$\n"
        if equation.reason:
            yield f"({equation.reason})\n"
    if section.values:
        yield "with " + ", ".join(_value(each).replace("\\_", "_") for each in section.values) + "\n"
    yield from (f"{remark}\n" for remark in section.remarks)
    yield from (f"- {MARKS[check.passed]}: {check.text}" for check in section.checks)
