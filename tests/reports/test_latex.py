"""LaTeX that a plain TeX installation compiles, whatever is written in it; and PDF by the program that is there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from handgrad.errors import FileSystemError, UsageError
from handgrad.reports import blocks, render
from handgrad.reports.blocks import (
    Attachment,
    Code,
    Details,
    Equations,
    Headline,
    Note,
    Points,
    Report,
    Section,
    Table,
    Text,
)
from handgrad.reports.render import image_for_latex, pdf_program, write_latex, write_pdf, writer_of
from handgrad.text import COMMANDS, latex_text

HOSTILE = r"\input{/etc/passwd} \end{document} $x$ #1 100 % a_b x^2 ~ & {}"
PACKAGES = ["texlive-latex-base", "texlive-latex-recommended", "poppler-utils"]
TEMPLATES = Path(blocks.__file__).parent / "templates" / "tex"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b & 5 % #1", r"a\_b \& 5 \% \#1"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("--flag – — x", "-{}-flag -- --- x"),
        ("λ ≤ 3 × Δ", r"$\lambda$ $\leq$ 3 $\times$ $\Delta$"),
        ("m² H₂ x⁵", r"m$^{2}$ H$_{2}$ x$^{5}$"),
        ("“a” ‘b’ <c>", "``a'' `b' \\textless{}c\\textgreater{}"),
        ("é ü ß ł", "é ü ß ł"),
        ("e\u0301", "é"),
        ("ﬁ ™", r"fi $^{TM}$"),
        ("中", "{[}U+4E2D{]}"),
    ],
)
def test_text_is_printed_as_it_stands(text, expected):
    assert latex_text(text) == expected


def test_every_block_has_its_latex():
    """Also one that is added later."""

    def below(cls):
        return {cls, *(each for one in cls.__subclasses__() for each in below(one))}

    names = {cls.__name__.lower() for cls in below(blocks.Block) - {blocks.Block}}
    assert names == {path.name.removesuffix(".tex.j2") for path in TEMPLATES.iterdir()} - {"report"}


def everything():
    """A report with every block, whose words are hostile."""
    many = tuple(f"column {number}" for number in range(12))
    letters = "".join(map(chr, [*range(0x20, 0x7F), *range(0xA1, 0x180), *range(0x391, 0x3CA), 0x4E2D]))
    content = [
        Text(f"{HOSTILE} `code_{HOSTILE}`"),
        Text(" ".join(letters + "".join(COMMANDS) + "–—“”‘’²₅½")),
        Note(HOSTILE),
        Points([HOSTILE, "[x] -- y"]),
        Code("handgrad train --dataset digits\n  --lr 1  `x`\n" + "word" * 40),
        Headline("97 %", HOSTILE),
        Table(
            ("name_1", "words", "a|b"), [(HOSTILE, "word " * 30, "1"), ("[x]", "b", "2")], HOSTILE, ("name_1", "words")
        ),
        Table(many, [tuple("123,456" for _ in many)] * 80, "long and wide"),
        Attachment("a.csv", "x", "words"),
        Equations("", "", "\\begin{align*} a &= b \\end{align*}"),
        Details(HOSTILE, [Text("within")]),
    ]
    return Report(
        HOSTILE, HOSTILE, [(HOSTILE, HOSTILE)], [Section("one", HOSTILE, content), Section("two", "", [Text("x")])]
    )


def test_hostile_words_stay_words(tmp_path):
    write_latex(everything(), tmp_path / "main.tex")
    source = (tmp_path / "main.tex").read_text()
    assert source.count("\\end{document}") == 1
    assert "\\input{" not in source


@pytest.mark.slow
def test_a_plain_tex_installation_compiles_it(tmp_path):
    """With Debian's two packages, which are installed with HANDGRAD_APT=1, as root: they are some 200 MB."""
    if shutil.which("pdflatex") is None:
        apt = shutil.which("apt-get")
        if apt is None or os.geteuid() or not os.environ.get("HANDGRAD_APT"):
            pytest.skip("no pdflatex: set HANDGRAD_APT=1 as root, or apt-get install " + " ".join(PACKAGES))
        done = subprocess.run(
            [apt, "install", "-y", "--no-install-recommends", *PACKAGES], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip(f"apt-get cannot install {PACKAGES}: {done.stderr.decode()[-200:]}")
    write_latex(everything(), tmp_path / "main.tex")
    for _ in range(2):
        done = subprocess.run(
            ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "main.tex"], cwd=tmp_path, capture_output=True,
            check=False,
        )  # fmt: skip
        log = done.stdout.decode(errors="replace")
        assert done.returncode == 0, log[-2000:]
    assert "Missing character" not in log
    if shutil.which("pdftotext"):
        text = subprocess.run(
            ["pdftotext", "main.pdf", "-"], cwd=tmp_path, capture_output=True, check=True
        ).stdout.decode()
        assert r"\input{/etc/passwd} \end{document}" in " ".join(text.split())
        assert text.count("\f") >= 3


def test_images_of_other_kinds_become_png(tmp_path):
    from PIL import Image

    Image.new("L", (2, 2)).save(tmp_path / "x.gif")
    assert image_for_latex("x.gif", (tmp_path / "x.gif").read_bytes()).startswith(b"\x89PNG")
    with pytest.raises(UsageError, match=r"image x.svg: LaTeX needs it as PNG or JPEG"):
        image_for_latex("x.svg", b"<svg/>")


@pytest.mark.parametrize(
    ("browser", "weasyprint", "equations", "expected"),
    [
        ("chromium", False, False, "chromium"),
        ("google-chrome", False, True, "google-chrome"),
        (None, True, True, "WeasyPrint"),
        ("chromium", True, False, "WeasyPrint"),
        ("chromium", True, True, "chromium"),
    ],
)
def test_which_program_prints(monkeypatch, browser, weasyprint, equations, expected):
    monkeypatch.setattr(render.shutil, "which", lambda name: f"/bin/{name}" if name == browser else None)
    monkeypatch.setattr(render, "find_spec", lambda name: weasyprint or None)
    assert pdf_program(equations)[0] == expected


def test_without_a_program_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(render.shutil, "which", lambda name: None)
    monkeypatch.setattr(render, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"WeasyPrint \(pip install weasyprint\) or Chromium \(Debian: apt install"):
        pdf_program(False)


PRINTER = "import sys; open(sys.argv[2], 'w').write(str(len(open(sys.argv[1]).read())))"


def test_the_page_is_printed_and_the_program_named(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(
        render, "pdf_program", lambda _: ("printer", [sys.executable, "-c", PRINTER, "{page}", "{pdf}"])
    )
    with caplog.at_level("INFO", "handgrad"):
        assert write_pdf(everything(), tmp_path / "new" / "a.pdf") == [tmp_path / "new" / "a.pdf"]
    assert int((tmp_path / "new" / "a.pdf").read_text()) > 1000
    assert "printer printed the PDF" in caplog.text


def test_a_printer_that_fails_is_named_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(
        render, "pdf_program", lambda _: ("printer", [sys.executable, "-c", "raise SystemExit('no ink')"])
    )
    with pytest.raises(FileSystemError, match=r"cannot write .*a.pdf: printer failed: no ink"):
        write_pdf(everything(), tmp_path / "a.pdf")


@pytest.mark.slow
def test_a_browser_prints_pdf(tmp_path):
    try:
        pdf_program(True)
    except UsageError as error:
        pytest.skip(str(error))
    write_pdf(everything(), tmp_path / "a.pdf")
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def test_other_endings_are_refused():
    with pytest.raises(UsageError, match=r"\.html, \.md, \.pdf, \.tex, got a\.docx"):
        writer_of(Path("a.docx"))
