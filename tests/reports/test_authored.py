"""An author's Markdown: which braces are placeholders, in which line, and what becomes of the words in each form."""

import time

import pytest

from handgrad.errors import UsageError
from handgrad.reports.authored import Authored, Inline, Paragraphs, formula_words, plain

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc0000003010100c9fe92ef"
    "0000000049454e44ae426082"
)


def read(folder, text):
    (folder / "hand-in.md").write_text(text, encoding="utf-8")
    return Authored(folder / "hand-in.md")


def forms(authored, fill=lambda place: Inline(f"<{place}>", holds=place != 1)):
    """All words as HTML, Markdown and LaTeX."""
    parts = [part for chapter in authored.chapters for part in chapter.parts if isinstance(part, Paragraphs)]
    each = [authored.words(part, fill, authored.path.parent) for part in parts]
    return tuple("\n".join(getattr(words, form) for words in each) for form in ("html", "markdown", "latex"))


def test_placeholders_are_found_with_their_lines(tmp_path):
    authored = read(
        tmp_path,
        "{{ a.b }}\n\n# Title {{ c.d }}\n\nx {{ claim: a >\nb }} y {{ e.f }}\n\n"
        "| x |\n|---|\n| {{ g.h }} |\n\n- {{ i.j }}\n",
    )
    found = [(each.body, each.line) for each in authored.placeholders]
    assert found == [("a.b", 1), ("c.d", 3), ("claim: a > b", 5), ("e.f", 6), ("g.h", 10), ("i.j", 12)]


@pytest.mark.parametrize(
    "text",
    [
        "`{{ a.b }}`",
        "`` x ` {{ a.b }} ``",
        "`over two\nlines {{ a.b }}`",
        "```\n{{ a.b }}\n```",
        "~~~ yaml\n{{ a.b }}\n~~~",
        "    {{ a.b }}",
        "\\{{ a.b }}",
        "$x_{{ a.b }}$",
        "<!-- {{ a.b }} -->",
        "<!--\n\n{{ a.b }}\n\n-->",
        "[link](http://x/{{ a.b }})",
    ],
)
def test_code_formulas_comments_and_addresses_have_none(tmp_path, text):
    assert read(tmp_path, f"words\n\n{text}\n\nwords\n").placeholders == []


def test_code_beside_a_placeholder_of_the_same_text_stays(tmp_path):
    html, markdown, latex = forms(read(tmp_path, "`{{ a.b }}` is {{ a.b }}\n"))
    assert html == "<p><code>{{ a.b }}</code> is &lt;0&gt;</p>\n"
    assert markdown == "`{{ a.b }}` is \\<0>"
    assert latex == "\\texttt{\\{\\{ a.\\allowbreak{}b \\}\\}} is \\textless{}0\\textgreater{}"


def test_what_does_not_hold_is_marked_in_every_form(tmp_path):
    html, markdown, latex = forms(read(tmp_path, "{{ a.b }} and {{ c.d }}\n"))
    assert "<mark>⚠ &lt;1&gt;</mark>" in html
    assert "**⚠ \\<1>**" in markdown
    assert "\\handgradfails{\\textless{}1\\textgreater{}}" in latex
    assert html.count("<mark>") == markdown.count("⚠") == latex.count("handgradfails") == 1


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "x <img src=x onerror=alert(1)> y",
        "<div>\n\nx\n\n</div>",
        "<a href='javascript:alert(1)'>x</a>",
        "[x](javascript:alert(1))",
        "<!DOCTYPE html>",
        "| a |\n|---|\n| <b>x</b> |",
    ],
)
def test_html_is_text(tmp_path, text):
    html, markdown, _ = forms(read(tmp_path, f"words\n\n{text}\n"))
    for tag in ("<script", "<img", "<div>", "<a ", "<b>", "<!DOCTYPE"):
        assert tag not in html.replace('<div class="scroll">', "")
        assert tag not in markdown


def test_an_ending_brace_that_is_missing_is_found(tmp_path):
    authored = read(tmp_path, "one\n\nx {{ a.b\nstill\n\n{{ c.d }} {{ e\n")
    assert [(each.line, each.closed) for each in authored.placeholders] == [(3, False), (6, True), (6, False)]


def test_chapters_and_placeholders_of_their_own(tmp_path):
    text = "intro\n\n# One\n\nwords\n\n{{ figures: roc of a }}\n\nmore {{ a.b }}\n\n"
    text += "# Two\n\n## Sub\n\n<!-- x -->\n\n# Three\n"
    one, two, three, four = read(tmp_path, text).chapters
    assert [chapter.title for chapter in (one, two, three, four)] == ["", "One", "Two", "Three"]
    assert [type(part) for part in two.parts] == [Paragraphs, int, Paragraphs]
    assert [chapter.written for chapter in (one, two, three, four)] == [True, True, False, False]
    assert (three.line, four.line) == (11, 17)


def test_every_word_and_line_is_kept_in_markdown(tmp_path):
    """But for headings, one level lower below the title of the report."""
    text = "a *b* c\nd\n\n- e\n  - f\n\n> g\n\n[h]: http://x\n\n[h] i\n\nSub\n---\n\n### j #\n\n"
    text += "```\n# k\n```\n\n| l |\n|---|\n| m |"
    expected = text.replace("Sub\n---", "### Sub\n").replace("### j #", "#### j")
    assert forms(read(tmp_path, text + "\n"))[1] == expected


def test_formulas(tmp_path):
    html, markdown, latex = forms(
        read(tmp_path, "It costs $5 and $6, $\\lambda_2 \\leq \\frac{1}{N}$:\n\n$$ x^{10} $$\n")
    )
    assert "It costs $5 and $6, <em>λ<sub>2</sub> ≤1/N</em>" in html
    assert "<em>x<sup>10</sup></em>" in html
    assert "It costs \\$5 and \\$6, $\\lambda_2 \\leq \\frac{1}{N}$" in latex
    assert "\\[ x^{10} \\]" in latex
    assert "$\\lambda_2 \\leq \\frac{1}{N}$" in markdown
    assert formula_words("$a < b$") == "a &lt; b"
    assert formula_words("$\\frac{a + b}{2}$") == "(a + b)/(2)"


def test_images_are_embedded(tmp_path):
    (tmp_path / "loss.png").write_bytes(PNG)
    html, markdown, latex = forms(read(tmp_path, "![a & b](loss.png)\n"))
    assert '<img src="data:image/png;base64,iVBORw0KGgo' in html
    assert 'alt="a &amp; b"' in html
    assert "![a & b](loss.png)" in markdown
    assert "\\handgradfigure{figures/author-loss.png}{a \\& b}" in latex


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("gone.png", "cannot read"),
        ("https://x.org/a.png", "a report needs no network"),
        ("//x.org/a.png", "a report needs no network"),
        ("notes.txt", "an image must be one of png"),
    ],
)
def test_images_that_cannot_be_shown_are_refused_with_their_line(tmp_path, source, why):
    authored = read(tmp_path, f"x\n\ny ![z]({source})\n")
    with pytest.raises(UsageError, match=rf"hand-in.md:3: image {source}: {why}"):
        forms(authored)


def test_markdown_in_another_folder_finds_the_images(tmp_path):
    (tmp_path / "loss.png").write_bytes(PNG)
    authored = read(tmp_path, "![x](loss.png)\n")
    (part,) = authored.chapters[0].parts
    assert authored.words(part, lambda place: Inline(""), tmp_path / "out").markdown == "![x](../loss.png)"


def test_large_files_are_refused_and_odd_ones_do_not_take_long(tmp_path):
    with pytest.raises(UsageError, match=r"hand-in\.md has 10,000,000 bytes, expected at most 1,000,000"):
        read(tmp_path, "x" * 10_000_000)
    began = time.process_time()
    authored = read(tmp_path, "{{ " * 20_000 + "\n\n" + "`{{ x" * 2000 + "\n\n" + "> " * 500 + "{{ a.b }}\n")
    assert len(authored.placeholders) > 20_000
    assert time.process_time() - began < 20


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / "hand-in.md").write_bytes(b"\xff\xfe# x")
    with pytest.raises(UsageError, match="is not a text in UTF-8"):
        Authored(tmp_path / "hand-in.md")


def test_titles_are_plain_words(tmp_path):
    (chapter,) = read(tmp_path, "# On {{ a.b }}\n\nx\n").chapters
    assert plain(chapter.title, lambda place: Inline("97 %")) == "On 97 %"
