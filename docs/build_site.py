"""Makes the documentation site in build/site: `make docs`.

The pages of docs/ and those in the root are copied to build/docs; there the reference of commands and settings is
written from the tables that the program reads, the notebook is executed, and formulas become MathML, which browsers
draw without a script. Zensical then builds the site and stops at a broken link.
"""

import io
import os
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "build" / "docs"
COPIED = (".md", ".svg", ".png", ".webp", ".pdf", ".css", ".csv", ".yaml")
RENAMED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
    "docs/tutorial.ipynb": "tutorial.md",
}
FENCED = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
FORMULA = re.compile(r"\$\$(?P<display>.+?)\$\$|\$(?P<inline>[^$\n]+)\$", re.DOTALL)
LINK = re.compile(r"\[(?P<words>[^\]]+)\]\((?P<path>[^)#:\s]+)(?P<rest>#[^)]*)?\)")


def copy_pages() -> None:
    """Everything that is written by hand, with links that hold within the site."""
    shutil.rmtree(PAGES, ignore_errors=True)
    for source in [*sorted((ROOT / "docs").rglob("*")), *(ROOT / name for name in RENAMED)]:
        page = page_of(source)
        if page and source.suffix in COPIED:
            page.parent.mkdir(parents=True, exist_ok=True)
            if source.suffix == ".md":
                page.write_text(site_page(source.read_text(encoding="utf-8"), source), encoding="utf-8")
            else:
                shutil.copyfile(source, page)


def page_of(source: Path) -> Path | None:
    """Where a file of the checkout is found in the site's pages, if it is there."""
    name = source.relative_to(ROOT).as_posix()
    if name in RENAMED:
        return PAGES / RENAMED[name]
    return PAGES / source.relative_to(ROOT / "docs") if name.startswith("docs/") and source.suffix in COPIED else None


def site_page(text: str, source: Path) -> str:
    """Links to files lead to their place in the site, or become plain words if they have none; formulas MathML."""

    def moved(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(source.parent / link["path"]))
        if not target.exists():  # made for the site alone
            return link[0]
        page = page_of(target)
        start = (page_of(source) or PAGES).parent
        return f"[{link['words']}]({os.path.relpath(page, start)}{link['rest'] or ''})" if page else link["words"]

    if source.parent.name == "derivations" and source.name != "README.md":  # too many for the bar at the side
        text = text.replace("\n\n", "\n\n[All operations](README.md)\n\n", 1)
    parts = FENCED.split(text)
    return "".join(part if part.startswith("```") else FORMULA.sub(_as_mathml, LINK.sub(moved, part)) for part in parts)


def _as_mathml(formula: re.Match[str]) -> str:
    from latex2mathml.converter import convert

    if formula["display"]:
        lines = " ".join(formula["display"].split()).replace("{aligned}", "{split}")  # the name that latex2mathml knows
        return f"\n\n{convert(lines, display='block')}\n\n"
    return convert(formula["inline"])


def write_commands() -> None:
    """A section a command: what `--help all` prints."""
    from handgrad.cli.commands import COMMANDS
    from handgrad.cli.main import main

    lines = ["# Commands", "", "`handgrad COMMAND --help` prints the same in a terminal."]
    for command, (_, summary) in COMMANDS.items():
        with redirect_stdout(io.StringIO()) as printed:
            main([command, "--help", "all"])
        lines += [
            "",
            f"## {command}",
            "",
            f"{summary[0].upper()}{summary[1:]}.",
            "",
            "```text",
            printed.getvalue().rstrip(),
            "```",
        ]
    (PAGES / "commands.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_settings() -> None:
    """A row a setting, from the schema."""
    from handgrad.config import RunConfig, value_type_of
    from handgrad.config.presets import BEST, defaults_of

    defaults = defaults_of(BEST)
    lines = [
        *(
            "# Settings",
            "",
            "The fields of `handgrad.RunConfig`: flags of `handgrad train`, keys of configuration files, parameters",
        ),
        *("of sweeps. Defaults are those of `handgrad train`, whose preset is `best`.", ""),
        *("| setting | values | default | what it is |", "| --- | --- | --- | --- |"),
    ]
    for name, field in RunConfig.model_fields.items():
        default = defaults.get(name, field.get_default(call_default_factory=True))
        cells = (f"`{name}`", value_type_of(name).metavar, f"{default}", field.description or "")
        lines.append(f"| {' | '.join(cell.replace('|', '&#124;').replace('<', '&lt;') for cell in cells)} |")
    (PAGES / "settings.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_notebook() -> None:
    """The tutorial with what its cells give."""
    import nbformat
    from nbclient import NotebookClient
    from nbconvert import MarkdownExporter
    from traitlets.config import Config

    notebook = nbformat.read(ROOT / "docs" / "tutorial.ipynb", as_version=4)
    NotebookClient(notebook, timeout=600, config=Config(KernelManager={"transport": "ipc"})).execute()  # not TCP
    text, resources = MarkdownExporter().from_notebook_node(notebook)
    for name, content in resources["outputs"].items():
        (PAGES / "tutorial").mkdir(exist_ok=True)
        (PAGES / "tutorial" / name).write_bytes(content)
        text = text.replace(f"]({name})", f"](tutorial/{name})")
    (PAGES / "tutorial.md").write_text(site_page(text, ROOT / "docs" / "tutorial.ipynb"), encoding="utf-8")


def main() -> int:
    """Returns Zensical's exit code, which is not 0 if a link is broken."""
    copy_pages()
    write_commands()
    write_settings()
    write_notebook()
    return subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict"], cwd=ROOT, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
