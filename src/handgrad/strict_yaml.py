"""YAML without its surprises: 1e-3 is a number, `no` is a text, and nothing is guessed, repeated or executed.

Types are those of YAML 1.2's core schema; `*name` repeats what `&name` marks, and `<<: *name` lends a mapping's keys.
Refused: duplicate keys, keys that are not text, tags beyond the plain ones, tabs, more than 100 levels, more than 1 MB,
more than 100,000 values once the aliases are written out.
"""

import re
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from handgrad.errors import UsageError
from handgrad.files import open_file

LARGEST_BYTES = 1_000_000
DEEPEST, MOST_VALUES = 100, 100_000
KEPT_TEXTS, LONGEST_KEPT = 256, 30_000  # characters: configurations and reports, which one command reads several times
MERGE = "<<"
PREFIX = "tag:yaml.org,2002:"

# YAML 1.2, section 10.3.2. A longer whole number than 40 digits is read as a float.
PATTERNS = {
    "null": (r"~|null|Null|NULL|", "~nN\0"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]{1,40}|0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
}
PLAIN_TAGS = {PREFIX + name for name in (*PATTERNS, "str", "seq", "map")}


class _Loader(yaml.SafeLoader):
    depth = 0

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self.sizes: dict[yaml.Node, int] = {}  # values in a node, aliases written out

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse foreign tags, deep nesting and what its aliases make endless or huge, before anything is built."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        self.depth += 1
        if self.depth > DEEPEST:
            raise _refused(f"nested deeper than {DEEPEST} levels", event)
        node = super().compose_node(parent, index)
        self.depth -= 1
        if isinstance(event, yaml.AliasEvent):
            if node not in self.sizes:
                raise _refused(f"alias *{event.anchor} stands in what it repeats", event)
        elif node is not None:
            if node.tag not in PLAIN_TAGS:
                raise _refused(f"tag {node.tag.replace(PREFIX, '!!')} is not accepted: leave it out", node)
            inside = [] if isinstance(node, yaml.ScalarNode) else node.value
            within = [each for item in inside for each in (item if isinstance(item, tuple) else [item])]
            self.sizes[node] = 1 + sum(self.sizes[each] for each in within)
            if self.sizes[node] > MOST_VALUES:
                raise _refused(f"more than {MOST_VALUES:,} values, aliases written out", node)
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A dict of text keys, each given once; own keys win over those that `<<` lends, earlier lenders over later."""
        first: dict[str, int] = {}
        lent: dict[Any, Any] = {}
        for key, value in node.value:
            if key.tag != PREFIX + "str":
                raise _refused("a key must be text: put it in quotes", key)
            if key.value in first:
                raise _refused(f"key {key.value!r} stands twice, first in line {first[key.value]}", key)
            first[key.value] = key.start_mark.line + 1
            if _lends(key):
                lenders = value.value if isinstance(value, yaml.SequenceNode) else [value]
                if not all(isinstance(lender, yaml.MappingNode) for lender in lenders):
                    raise _refused(f"{MERGE} takes mappings, such as {MERGE}: *name", key)
                for lender in reversed(lenders):
                    lent |= self.construct_object(lender, deep=True)
        own = {key.value: self.construct_object(value, deep=True) for key, value in node.value if not _lends(key)}
        return lent | own


def _lends(key: Any) -> bool:
    return bool(key.value == MERGE and key.style is None)


class _Dumper(yaml.SafeDumper):
    """Quotes what either version of YAML would take for something else than text."""

    def ignore_aliases(self, data: Any) -> bool:
        """Always: a list that stands in two places is written twice."""
        return True


def _refused(problem: str, at: Any) -> yaml.MarkedYAMLError:
    """The error for a construct that YAML allows and we do not."""
    return yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)


def _whole(loader: Any, node: Any) -> int:
    text = node.value.lower()
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _real(loader: Any, node: Any) -> float:
    text = node.value.lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


_Loader.yaml_implicit_resolvers = {}  # none of YAML 1.1's
_Loader.add_constructor(PREFIX + "int", _whole)
_Loader.add_constructor(PREFIX + "float", _real)
for _name, (_pattern, _first) in PATTERNS.items():
    for _class in (_Loader, _Dumper):
        _characters = ["" if character == "\0" else character for character in _first]
        _class.add_implicit_resolver(PREFIX + _name, re.compile(rf"^(?:{_pattern})$"), _characters)


def load(source: str | Path, name: str = "YAML") -> Any:
    """What a file (a Path) or a text (a str, which errors call `name`) holds.

    Raises  UsageError in one line with the line's number; FileSystemError when the file cannot be read.
    """
    if isinstance(source, Path):
        name, source = str(source), _text_of(source)
    if len(source) > LARGEST_BYTES:
        raise UsageError(f"{name}: larger than {LARGEST_BYTES} bytes, expected a configuration")
    try:
        content = deepcopy(_kept(source)) if len(source) <= LONGEST_KEPT else _read(source)
    except yaml.MarkedYAMLError as error:
        raise UsageError(f"{name}{_in_words(error)}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{name}: {' '.join(str(error).split())}") from error
    if content is None:
        raise UsageError(f"{name} is empty, expected settings such as `epochs: 10`")
    return content


def _read(text: str) -> Any:
    loader = _Loader(text)
    node = loader.get_single_node()
    return None if node is None else loader.construct_document(node)


_kept = lru_cache(maxsize=KEPT_TEXTS)(_read)


def load_mapping(source: str | Path, name: str = "YAML") -> dict[str, Any]:
    """As `load`, where settings by name are expected.

    Raises  UsageError when it is a list or a single value.
    """
    content = load(source, name)
    if not isinstance(content, dict):
        content_type = "a list" if isinstance(content, list) else "a single value"
        where = source if isinstance(source, Path) else name
        raise UsageError(f"{where}: got {content_type}, expected settings such as `epochs: 10`")
    return content


def dump(mapping: dict[str, Any]) -> str:
    """YAML text that `load` reads back exactly, and that a reader of YAML 1.1 reads the same way."""
    return yaml.dump(mapping, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=76)


def _text_of(path: Path) -> str:
    try:
        with open_file(path) as file:
            return file.read(LARGEST_BYTES + 1).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not a text in UTF-8: {error}. Give a YAML file") from error


def _in_words(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f", line {mark.line + 1}" if mark else ""
    problem = error.problem or error.context or "not YAML"
    if "'\\t'" in problem:
        problem = "a tab, where YAML wants spaces"
    elif problem.startswith("but "):
        problem = f"{error.context}, {problem}"
    return f"{where}: {' '.join(problem.split())}"
