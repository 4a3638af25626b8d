"""Names read by their words, where no alias has them: num_neurons_in_hidden_layers, init_strategy, wt_decay."""

import functools
import re
from collections.abc import Iterator

from handgrad.config import aliases
from handgrad.optim import OPTIMIZERS
from handgrad.text import squashed

_PIECE = 3  # letters, of the least word in a compound, but for the n of nlayers
_STEM = 4  # letters, with which a word must begin to stand for one that is longer

NTH_LAYER = re.compile(
    "(?:n|num)?(?:h|l|hidden|fc|lin|linear|dense|layer|units|neurons|nodes|size|dim)+([1-9])"
    "(?:size|dim|units|nodes|neurons)?"
)


def tokens(written: str) -> list[str]:
    """The words as they stand, in lower case and without the s of a plural."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=\d)(?=[A-Z][a-z])", "_", written).lower()
    text = re.sub("no[_-]of", "num", text)
    return [re.sub(r"(?<=ss)es$|(?<=[a-z]{3})(?<!s)s$", "", word) for word in re.findall(r"[a-z0-9]+", text)]


def wording(written: str, guess: bool = False) -> frozenset[str]:
    """The words of a name without those that say nothing, each in one form: batchSizes and size_of_batch are alike.

    With `guess`, compounds are split, and shortened ones completed.
    """
    words = tokens(written)
    if guess:
        words = [part for word in words for part in _guessed(word)]
    return frozenset(aliases.SAME_WORDS.get(word, word) for word in words if word not in aliases.OTHER_WORDS["nothing"])


@functools.cache
def _guessed(word: str) -> tuple[str, ...]:
    """The known words that an unknown one is made of or means; itself where there are none, or several."""
    known = _known()
    if word in known or word in _other_networks():
        return (word,)
    pieces = _split(word.removeprefix("n")) if word.startswith("n") else None
    pieces = ("num", *pieces) if pieces else _split(word)
    if pieces:
        return pieces
    longer = {aliases.SAME_WORDS.get(each, each) for each in known if len(word) >= _STEM and each.startswith(word)}
    return tuple(longer) if len(longer) == 1 else (word,)


def _split(word: str) -> tuple[str, ...] | None:
    """The fewest known words that a compound consists of."""
    known = _known()
    if word in known:
        return (word,)
    found = [
        (word[:end], *rest)
        for end in range(2, len(word) - 1)
        if word[:end] in known and _is_piece(word[:end]) and (rest := _split(word[end:]))
    ]
    return min(found, key=len, default=None)


def _is_piece(word: str) -> bool:
    return len(word) >= _PIECE or word[-1].isdigit() or word in aliases.OTHER_WORDS["nothing"]


@functools.cache
def _known() -> frozenset[str]:
    """Every word of an alias, and those that say nothing or little."""
    names = [name for field, others in aliases.FIELDS.items() for name in (field, *others) if "_" in name]
    words = {word for name in names for word in tokens(name) if _is_piece(word)}
    return frozenset(words | aliases.SAME_WORDS.keys() | set().union(*aliases.OTHER_WORDS.values()))


@functools.cache
def _other_networks() -> dict[str, str]:
    """By word what to do instead, of those that describe what no setting can."""
    return {word: instead for instead, words in aliases.OTHER_NETWORKS.items() for word in words}


def instead(written: str) -> str:
    """What to do about a name whose words describe what no setting can, as the kernel_size of a convolution; or ""."""
    said = (
        _other_networks()[part]
        for word in tokens(written)
        for part in (word, *_parts(word))
        if part in _other_networks()
    )
    return next(said, "")


def _parts(word: str) -> Iterator[str]:
    """The words with which a longer one begins or ends, as kernel of kernelsize and conv1."""
    yield from (
        each for each in _other_networks() if len(each) > _STEM - 1 and (word.startswith(each) or word.endswith(each))
    )


def is_of_layers(written: str) -> bool:
    """Whether lists under this name are the sizes of layers, as those of hidden_spec are."""
    return bool(wording(written, guess=True) & aliases.OTHER_WORDS["of layers"]) and not instead(written)


def nth_layer(written: str) -> int:
    """The number of the hidden layer whose size a name is, as 2 of hidden2; 0 for any other name."""
    nth = NTH_LAYER.fullmatch(squashed(written))
    return int(nth[1]) if nth else 0


@functools.cache
def field_wordings() -> dict[frozenset[str], str]:
    """Every wording of a field that stands for one field only, and the field."""
    found: dict[frozenset[str], set[str]] = {frozenset(): set()}
    known = {squashed(alias) for field, others in aliases.FIELDS.items() for alias in (field, *others)}
    for field, others in aliases.FIELDS.items():
        for alias in (field, *others):
            found.setdefault(wording(alias), set()).add(field)
    of_options = (name for name in aliases.OTHERWISE if name not in known)
    for name in (*aliases.AMBIGUOUS_FIELDS, *of_options):
        if wording(name) not in map(wording, aliases.FIELDS):  # beta_value is beta, though betas are two
            found.pop(wording(name), None)
    return {words: meanings.pop() for words, meanings in found.items() if len(meanings) == 1}


def by_words(written: str) -> list[str]:
    """The settings that a name without an alias may mean: those whose aliases have all its words that say something.

    Of several, those stand first whose alias shares most words with the name. An optimizer in front of a setting of its
    own, as in adam_lr, says nothing more.
    """
    bare = wording(re.sub("[_-]val$", "", written), guess=True) - ({*OPTIMIZERS} - {*aliases.FIELDS} | {"optimizer"})
    if bare != wording(written) and bare in field_wordings():
        return [field_wordings()[bare]]
    words, loose = wording(written, guess=True), aliases.OTHER_WORDS["loose"]
    scores: dict[str, int] = {}
    for field, rows in _vocabulary().items():
        known = frozenset[str]().union(*rows) | loose | aliases.OTHER_WORDS.get(field, frozenset())
        if words <= known:
            scores[field] = max((2 * len(row & words) - len(row) for row in rows if row & words - loose), default=0)
    best = max(scores.values(), default=0)
    return [field for field, score in scores.items() if score == best > 0]


@functools.cache
def _vocabulary() -> dict[str, list[frozenset[str]]]:
    """By setting the words of each of its aliases; those of names that could mean more, under what they mostly mean."""
    rows = {
        name: [row for each in (name, *others) if len(each) > 1 and (row := wording(each)) - {"num"}]
        for name, others in aliases.FIELDS.items()
    }
    return rows | {"weight_decay": [*rows["weight_decay"], *(frozenset({word}) for word in aliases.PENALTY)]}
