"""The words of the field: private names that this house once used, and what took their place."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
TEXTS = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/*.md",
    "docs/*/*.md",
    "src/**/*.py",
    "src/**/*.yaml",
    "src/**/*.j2",
]

# For identifiers and file names, cut into words at `_` and at capitals: the word that is not used, and the field's.
FIELD_WORDS = {
    "brain": "sampler",
    "propose": "suggest",
    "nursery": "fork server",
    "staff": "worker pool",
    "crew": "worker pool",
    "hire": "start",
    "dismiss": "stop",
    "bridge": "proxy",
    "parcel": "artifact bundle",
    "mailbox": "queue",
    "ledger": "trial store",
    "chooser": "scheduler",
    "judging": "pruner",
    "watcher": "callback",
    "observer": "callback",
    "doctor": "diagnostics",
    "examine": "diagnose",
    "finding": "diagnostic, verdict",
    "interplay": "interaction",
    "ruin": "degenerate level",
    "ruinous": "degenerate",
    "zoom": "restricted space",
    "pace": "throughput",
    "favourite": "greedy fallback",
    "kind": "type",
    "spelling": "alias",
    "unfolded": "expanded",
    "united": "merged",
    "settled": "normalised, finished",
    "twist": "known discrepancy",
    "twin": "PyTorch port",
    "counterpart": "mapping",
    "elsewhere": "differences",
    "asked": "requested, sweep claims",
    "shown": "formatted, question blocks",
    "again": "reproduce, repeat",
    "answer": "summary, result",
    "advice": "next steps",
    "lean": "trial mode",
    "expect": "select",
    "lane": "batch",
    "tall": "kernel height",
    "mine": "own",
    "given": "the argument's own name",
    "rest1": "one minus beta1",
    "rest2": "one minus beta2",
    "wish": "override",
    "joined": "open storage",
    "plainly": "translate errors",
    "sound": "valid",
    "tell": "report, log",
    "told": "reported",
    "say": "report, log",
    "work": "task",
}

FOLDERS = ["src", "benchmarks"]

# In their ordinary sense these are the field's own words: an identifier is listed with its reason.
ORDINARY = {"says": "a claim's statement, in words: a key of recipes"}

# In any text: phrases and words that no reader of the field would search for.
PHRASES = {
    r"brains?": "sampler",
    r"nursery": "fork server",
    r"ledger": "trial store",
    r"parcels?": "artifact bundle",
    r"mailbox(es)?": "queue",
    r"choosers?": "scheduler",
    r"watchers?|observers?": "callback",
    r"interplay": "interaction",
    r"ruin(ous)?": "degenerate level",
    r"favou?rites?": "greedy fallback",
    r"unfolded": "expanded",
    r"twists?": "known discrepancy",
    r"twins?": "PyTorch port",
    r"spellings?": "alias",
    r"asked as one|ask_together": "ensemble",
    r"black_share": "sparsity",
    r"told from": "estimated from",
    r"come to nothing|came to nothing": "failed",
    r"as it can be": "retrained",
    r"as reported": "replication",
    r"reported and reached": "reported and reproduced",
    r"yours of yours": "your own",
}
PHRASE = re.compile(rf"\b({'|'.join(PHRASES)})\b", re.IGNORECASE)
WORD = re.compile(r"[A-Z]?[a-z]+\d?|[A-Z]+(?![a-z])")


class Use(NamedTuple):
    place: str
    word: str
    instead: str


@cache
def words(name: str) -> set[str]:
    """The words of an identifier, each also without a plural's s."""
    found = {word.lower() for word in WORD.findall(name)}
    return found | {word.removesuffix("es") for word in found} | {word.removesuffix("s") for word in found}


def names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What a module names: functions, classes, arguments, variables and attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr


def house_names(path: Path, text: str) -> Iterator[Use]:
    """Identifiers of a Python file, and its name, in a word that is not the field's."""
    for line, name in [(1, path.stem), *names(ast.parse(text))]:
        for word in words(name) & FIELD_WORDS.keys() if name not in ORDINARY else ():
            yield Use(f"{path}:{line} {name}", word, FIELD_WORDS[word])


def house_phrases(path: Path, text: str) -> Iterator[Use]:
    for number, line in enumerate(text.splitlines(), 1):
        for found in PHRASE.finditer(line):
            instead = next(field for house, field in PHRASES.items() if re.fullmatch(house, found[0], re.IGNORECASE))
            yield Use(f"{path}:{number}", found[0], instead)


def in_one_line(uses: list[Use]) -> str:
    return "\n".join(f"{use.place}: {use.word!r}, say {use.instead}" for use in uses)


@pytest.mark.parametrize("folder", FOLDERS)
def test_identifiers_and_file_names_are_words_of_the_field(folder):
    files = sorted((ROOT / folder).rglob("*.py"))
    uses = [use for path in files for use in house_names(path.relative_to(ROOT), path.read_text(encoding="utf-8"))]
    assert files
    assert not uses, in_one_line(uses)


def test_texts_are_in_words_of_the_field():
    files = sorted(path for pattern in TEXTS for path in ROOT.glob(pattern))
    uses = [use for path in files for use in house_phrases(path.relative_to(ROOT), path.read_text(encoding="utf-8"))]
    assert len(files) > 100
    assert not uses, in_one_line(uses)


def test_the_check_finds_house_words_and_leaves_longer_words_alone():
    code = "class BrainStore:\n    def ask(self, kinds, mankind):\n        self.tell_all, answered = kinds, mankind\n"
    assert {use.word for use in house_names(Path("rest1.py"), code)} == {"rest1", "brain", "kind", "tell"}
    text = "The favourite was told from 150 trials, as it\ncan be. Unfolded and twins; intertwined, foretold from.\n"
    assert [use.word for use in house_phrases(Path("a.md"), text)] == ["favourite", "told from", "Unfolded", "twins"]
