"""A derivation as HTML with MathML: nothing is fetched, nothing is run."""

from collections.abc import Iterator
from html import escape

from handgrad.derivation.document import Chapter, Derivation, Meaning, Section, Value
from handgrad.equations import Equation, MathML

MATH = MathML()
MARKS = {True: ("passed", "✓"), False: ("failed", "✗ wrong:"), None: ("open", "–")}
STYLE = """
.derivation { line-height: 1.45; }
.derivation math { font-size: 1.08em; }
.derivation .equation { margin: .35em 0 .35em 1.5em; overflow-x: auto; overflow-y: hidden; padding: .15em 0; }
.derivation .equation math { width: max-content; text-align: left; }
.derivation mtable.steps mtd { text-align: left; padding: .18em .2em; }
.derivation mtable.steps mtd:first-child { text-align: right; }
.derivation mtable.cases mtd { text-align: left; padding: .1em .5em .1em 0; }
.derivation mo.sum { font-size: 1.3em; padding-bottom: .12em; }
.derivation .why { color: #555; margin: -.1em 0 .5em 3em; font-size: .92em; }
.derivation .with, .derivation .remark { color: #333; margin: .2em 0 .4em 1.5em; font-size: .95em; }
.derivation .check { margin: .1em 0 .1em 1.5em; font-size: .9em; color: #444; }
.derivation .check b { display: inline-block; min-width: 1.2em; font-weight: 600; }
.derivation .passed b { color: #1a7f37; }
.derivation .failed, .derivation .failed b { color: #b42318; }
.derivation section { break-inside: avoid-page; margin: 0 0 1.1em; }
.derivation h3 { font-size: 1.02em; margin: 1.1em 0 .3em; break-after: avoid; }
.derivation h2 { break-after: avoid; }
.derivation table.symbols { border-collapse: collapse; font-size: .95em; }
.derivation table.symbols td, .derivation table.symbols th
  { text-align: left; padding: .15em 1em .15em 0; border-bottom: 1px solid #ddd; }
.derivation code { font-size: .88em; white-space: pre-wrap; overflow-wrap: anywhere; }
"""
PAGE_STYLE = """
body { font: 16px/1.45 system-ui, sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em; color: #111; }
h1 { font-size: 1.5em; }
h2 { font-size: 1.2em; border-bottom: 2px solid #ccc; padding-bottom: .15em; margin-top: 1.8em; }
@media print { body { font-size: 10pt; max-width: none; margin: 0; } .derivation .equation { overflow: visible; } }
@page { margin: 18mm; }
"""


def to_html(derivation: Derivation, level: int = 2) -> str:
    """A fragment to stand in a page, headings from `level` on; `STYLE` is what makes it look as it should."""
    return "\n".join(_fragment(derivation, level)) + "\n"


def to_html_page(derivation: Derivation) -> str:
    """A page of its own."""
    title = escape(derivation.title)
    head = f'<meta charset="utf-8">\n<title>{title}</title>\n<style>{PAGE_STYLE}{STYLE}</style>'
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n'
        f"<h1>{title}</h1>\n{to_html(derivation)}</body>\n</html>\n"
    )


def _fragment(derivation: Derivation, level: int) -> Iterator[str]:
    yield '<div class="derivation">'
    yield from (f"<p>{_code(fact)}</p>" for fact in derivation.facts)
    yield f"<ul>{''.join(f'<li>{escape(each)}</li>' for each in derivation.conventions)}</ul>"
    yield f'<h{level}>Symbols</h{level}>\n<table class="symbols">'
    yield "<tr><th>symbol</th><th>shape</th><th>meaning</th><th>in files</th></tr>"
    yield from map(_meaning, derivation.meanings)
    yield "</table>"
    for chapter in derivation.chapters:
        yield from _chapter(chapter, level)
    yield "</div>"


def _code(fact: str) -> str:
    return f"<code>{escape(fact)}</code>" if fact.startswith("handgrad ") else escape(fact)


def _meaning(each: Meaning) -> str:
    shape = " × ".join(f"<i>{size}</i>" if size == "N" else str(size) for size in each.shape)
    name = f"<code>{escape(each.name)}</code>" if each.name else ""
    symbol = f"<math>{MATH.write(each.symbol)}</math>"
    return f"<tr><td>{symbol}</td><td>{shape}</td><td>{escape(each.meaning)}</td><td>{name}</td></tr>"


def _chapter(chapter: Chapter, level: int) -> Iterator[str]:
    yield f"<h{level}>{escape(chapter.title)}</h{level}>"
    yield f"<p>{escape(chapter.introduction)}</p>"
    for section in chapter.sections:
        yield "<section>"
        yield from _section(section, level + 1)
        yield "</section>"


def _section(section: Section, level: int) -> Iterator[str]:
    if section.title:
        yield f"<h{level}>{escape(section.title)}</h{level}>"
    for equation in section.equations:
        yield _equation(equation)
    if section.values:
        yield f'<p class="with">with {", ".join(_value(each) for each in section.values)}</p>'
    yield from (f'<p class="remark">{escape(remark)}</p>' for remark in section.remarks)
    for check in section.checks:
        kind, mark = MARKS[check.passed]
        yield f'<p class="check {kind}"><b>{mark}</b> {escape(check.text)}</p>'


def _equation(equation: Equation) -> str:
    target, sign, steps = MATH.line(equation)
    first = [target, *[""] * (len(steps) - 1)]
    rows = "".join(
        f"<mtr><mtd>{left}</mtd><mtd>{sign}</mtd><mtd>{step}</mtd></mtr>"
        for left, step in zip(first, steps, strict=True)
    )
    math = f'<math display="block"><mtable class="steps" displaystyle="true">{rows}</mtable></math>'
    why = f'\n<p class="why">{escape(equation.reason)}</p>' if equation.reason else ""
    return f'<div class="equation">{math}</div>{why}'


def _value(each: Value) -> str:
    math = f"<math>{MATH.row(MATH.write(each.symbol), MATH.signs['='], MATH.number(each.value))}</math>"
    return math + (f" ({escape(each.name)})" if MATH.write(each.symbol) != f"<mi>{each.name}</mi>" else "")
