"""Makes the documentation site in build/site: `make docs`.

The pages of docs/ and those in the root are copied to build/docs; there the reference of commands and settings is
written from the tables that the program reads, the notebook is executed, and formulas become MathML, which browsers
draw without a script. Zensical then builds the site and stops at a broken link.
"""

import io
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "build" / "docs"
COPIED = (".md", ".svg", ".png", ".webp", ".pdf", ".css", ".yaml")
FROM_ROOT = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
}
FENCED = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
FORMULA = re.compile(r"\$\$(?P<display>.+?)\$\$|\$(?P<inline>[^$\n]+)\$", re.DOTALL)
OUTSIDE = re.compile(
    r"\[([^\]]+)\]\((?:\.\./)*(?:src|tests|examples|benchmarks|Dockerfile|LICENSE|CITATION)[^)]*\)"
)  # no page of the site


def copy_pages() -> None:
    """Everything that is written by hand, with links that hold within the site."""
    shutil.rmtree(PAGES, ignore_errors=True)
    for path in sorted((ROOT / "docs").rglob("*")):
        place = PAGES / path.relative_to(ROOT / "docs")
        if path.suffix in COPIED:
            place.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".md":
                place.write_text(site_page(path.read_text(encoding="utf-8")), encoding="utf-8")
            else:
                shutil.copyfile(path, place)
    for name, page in FROM_ROOT.items():
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](").replace('="docs/', '="')
        (PAGES / page).write_text(site_page(text), encoding="utf-8")


def site_page(text: str) -> str:
    """Links to files that are no pages become plain words, links to the root's files those pages; formulas MathML."""
    for name, page in FROM_ROOT.items():
        text = re.sub(rf"\]\((?:\.\./)*{re.escape(name)}", f"]({page}", text)
    text = OUTSIDE.sub(r"\1", text)
    parts = FENCED.split(text)
    return "".join(part if part.startswith("```") else FORMULA.sub(_as_mathml, part) for part in parts)


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

    notebook = nbformat.read(ROOT / "docs" / "tutorial.ipynb", as_version=4)
    NotebookClient(notebook, timeout=600).execute()
    text, resources = MarkdownExporter().from_notebook_node(notebook)
    for name, content in resources["outputs"].items():
        (PAGES / "tutorial").mkdir(exist_ok=True)
        (PAGES / "tutorial" / name).write_bytes(content)
        text = text.replace(f"]({name})", f"](tutorial/{name})")
    (PAGES / "tutorial.md").write_text(site_page(text), encoding="utf-8")


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
