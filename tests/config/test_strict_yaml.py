"""The strict loader: what YAML 1.2 says, and everything else refused in one line."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handgrad import strict_yaml
from handgrad.errors import FileSystemError, UsageError

SCALARS = {
    "1e-3": 0.001,
    "1E3": 1000.0,
    ".5": 0.5,
    "1.": 1.0,
    "-2.5e+1": -25.0,
    ".inf": float("inf"),
    "-.inf": float("-inf"),
    "010": 10,
    "0x1F": 31,
    "0o17": 15,
    "-7": -7,
    "true": True,
    "False": False,
    "~": None,
    "null": None,
    "no": "no",
    "yes": "yes",
    "on": "on",
    "Off": "Off",
    "y": "y",
    "1_000": "1_000",
    "12:30": "12:30",
    "2020-01-01": "2020-01-01",
    "e3": "e3",
    "'1e-3'": "1e-3",
    "!!str 5": "5",
    "=": "=",
    "[1, 1e1]": [1, 10.0],
    "{a: {b: 1}}": {"a": {"b": 1}},
}


@pytest.mark.parametrize(("text", "value"), SCALARS.items(), ids=SCALARS.keys())
def test_reads(text, value):
    read = strict_yaml.load(f"key: {text}")["key"]
    assert read == value
    assert type(read) is type(value)


def test_nan_is_a_float():
    assert strict_yaml.load(".nan") != strict_yaml.load(".nan")


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 40)
)
REFUSED = {
    "empty": ("", "is empty"),
    "only a comment": ("# epochs: 3\n", "is empty"),
    "duplicate key": ("a: 1\nb: 2\na: 3\n", "line 3: key 'a' stands twice, first in line 1"),
    "duplicate key below": ("a:\n  b: 1\n  b: 1\n", "line 3: key 'b' stands twice, first in line 2"),
    "alias to nothing": ("a: 1\nb: *x\n", "line 2: found undefined alias 'x'"),
    "alias to itself": ("a: &a [*a]\n", "line 1: alias *a stands in what it repeats"),
    "merged with itself": ("a: &a {b: {<<: *a}}\n", "line 1: alias *a stands in what it repeats"),
    "laughs": (LAUGHS, "line 5: more than 100,000 values, aliases written out"),
    "merged with a number": ("a: 1\n<<: 3\n", "line 2: << takes mappings, such as <<: *name"),
    "merged twice": ("x: &x {a: 1}\ny: {<<: *x, <<: *x}\n", "line 2: key '<<' stands twice"),
    "ten thousand brackets": ("[" * 10_000, "line 1: nested deeper than 100 levels"),
    "a thousand indents": ("\n".join(" " * i + "a:" for i in range(1000)), "line 100: nested deeper"),
    "python object": ("a: !!python/object/apply:os.system [ls]\n", "line 1: tag !!python/object/apply:os.system"),
    "binary": ("\na: !!binary aGk=\n", "line 2: tag !!binary"),
    "set": ("!!set {a, b}", "tag !!set"),
    "own tag": ("a: !mine 1\n", "tag !mine"),
    "forced type": ("a: !!int abc\n", "abc"),
    "tab": ("a:\n\tb: 1\n", "line 2: a tab, where YAML wants spaces"),
    "tab in a flow": ("{a: 1,\n\tb: 1}", "line 2: a tab"),
    "number as key": ("5: a\n", "line 1: a key must be text"),
    "boolean as key": ("true: a\n", "a key must be text"),
    "list as key": ("[a]: b\n", "a key must be text"),
    "two documents": ("a: 1\n---\nb: 2\n", "expected a single document in the stream, but found another"),
    "open bracket": ("{a: [1, 2\n", "expected ',' or ']'"),
    "open quote": ("a: 'x\n", "unexpected end of stream"),
    "two colons": ("a: b: c\n", "line 1: mapping values are not allowed here"),
    "null byte": ("a: \0", "unacceptable character"),
    "a megabyte": ("a" * 1_000_001, "larger than 1000000 bytes"),
}


@pytest.mark.parametrize(("text", "fragment"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses_in_one_line(text, fragment):
    with pytest.raises(UsageError) as caught:
        strict_yaml.load(text, "course.yaml")
    assert fragment in str(caught.value)
    assert str(caught.value).startswith("course.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "kind"), [("- 1\n- 2\n", "a list"), ("word", "a single value")])
def test_a_mapping_is_expected(text, kind, tmp_path):
    with pytest.raises(UsageError, match=f"c.yaml: got {kind}, expected settings"):
        strict_yaml.load_mapping(text, "c.yaml")
    path = tmp_path / "file.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=f"file.yaml: got {kind}"):
        strict_yaml.load_mapping(path)


def test_reads_a_file_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1e-3\n")
    assert strict_yaml.load(path) == {"a": 0.001}


def test_json_is_yaml(tmp_path):
    path = tmp_path / "best_config.json"
    path.write_text('{\n  "lr": 1e-3,\n  "sizes": [128, 64],\n  "name": null\n}\n')
    assert strict_yaml.load(path) == {"lr": 0.001, "sizes": [128, 64], "name": None}


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileSystemError, match=r"cannot read .*none.yaml: No such file"):
        strict_yaml.load(tmp_path / "none.yaml")
    with pytest.raises(FileSystemError, match="not a regular file"):
        strict_yaml.load(tmp_path)
    os.mkfifo(tmp_path / "fifo")  # reading it would wait for ever
    with pytest.raises(FileSystemError, match="not a regular file"):
        strict_yaml.load(tmp_path / "fifo")


def test_a_file_that_is_no_text_or_too_large(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(b"a: \xff\n")
    with pytest.raises(UsageError, match=r"c.yaml is not a text in UTF-8") as caught:
        strict_yaml.load(path)
    assert "\n" not in str(caught.value)
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(UsageError, match="larger than"):
        strict_yaml.load(path)


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc"))) | st.sampled_from(list(SCALARS))
LEAVES = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | TEXTS
TREES = st.recursive(
    LEAVES, lambda leaf: st.lists(leaf, max_size=3) | st.dictionaries(TEXTS, leaf, max_size=3), max_leaves=8
)


@settings(deadline=None)
@given(st.dictionaries(TEXTS, TREES, min_size=1, max_size=4))
def test_what_is_dumped_is_loaded(mapping):
    assert strict_yaml.load(strict_yaml.dump(mapping)) == mapping


def test_the_same_list_twice_makes_no_alias():
    sizes = [1, 2]
    assert strict_yaml.dump({"a": sizes, "b": sizes}) == "a: [1, 2]\nb: [1, 2]\n"


def test_what_one_reader_changes_the_next_one_does_not_see():
    text = "a: [1, {b: 2}]"
    first = strict_yaml.load(text)
    first["a"][1]["b"], first["c"] = 3, 4
    assert strict_yaml.load(text) == {"a": [1, {"b": 2}]}


def test_aliases_repeat_and_merge_keys_lend():
    text = """
    base: &base {lr: 0.1, batch: 32}
    wide: &wide {batch: 64, size: [1, 2]}
    same: *base
    own: {<<: *base, lr: 0.5}
    both: {<<: [*wide, *base], size: 9}
    quoted: {"<<": 3}
    """
    read = strict_yaml.load(text)
    assert read["same"] == {"lr": 0.1, "batch": 32}
    assert read["own"] == {"lr": 0.5, "batch": 32}
    assert read["both"] == {"lr": 0.1, "batch": 64, "size": 9}  # the first lender wins, an own key over both
    assert read["quoted"] == {"<<": 3}
