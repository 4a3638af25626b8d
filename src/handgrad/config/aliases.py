"""Other names of settings and of their values, as people write them: by the tables of aliases.ini, or by words."""

import functools
import re
from collections.abc import Iterator

from handgrad.files import read_tables
from handgrad.optim import OPTIMIZERS
from handgrad.text import squashed

Table = dict[str, tuple[str, ...]]

_file = read_tables("handgrad.config", "aliases.ini")


def _words(section: str) -> Table:
    return {name: tuple(text.split()) for name, text in _file[section].items()}


FIELDS = _words("fields")
AMBIGUOUS_WRITTEN: Table = {name: tuple(text.split(", ")) for name, text in _file["ambiguous fields"].items()}
AMBIGUOUS_FIELDS: Table = {name.replace("_", ""): named for name, named in AMBIGUOUS_WRITTEN.items()}
OTHERWISE = _words("otherwise")
OTHERWISE_OF_FIELDS: Table = {"num_layers": ("hidden_size",), "layers": ("model", "num_layers", "hidden_size")}

# The fields whose values people give as flags of their own, such as --adam.
FLAGS_BY_VALUE = ("dataset", "optimizer", "activation", "loss", "weight_init", "normalize")

# Names of several settings at once, which take as many values.
SEVERAL_FIELDS: dict[str, tuple[str, ...]] = {"betas": ("beta1", "beta2"), "adambetas": ("beta1", "beta2")}

# Names that say the rest of a share: of 0.8 for training, 0.2 validate; of 0.8 kept, 0.2 are dropped.
COMPLEMENTS: dict[str, str] = {
    **dict.fromkeys(("trainsplit", "trainratio", "trainsize", "trainpercent"), "validation_fraction"),
    **dict.fromkeys(("keepprob", "keeprate", "keepprobability"), "dropout"),
}

# Words that say how strong a penalty is where numbers follow: that of weight_decay, which a note says.
PENALTY = frozenset({"lambda", "reg"})

VALUES: dict[str, Table] = {name[len("values of ") :]: _words(name) for name in _file if name.startswith("values of ")}
AMBIGUOUS_VALUES: dict[str, dict[str, tuple[str, ...]]] = {
    "layers": {"linear": ("dense", "identity")}  # a dense layer in PyTorch, an activation in Keras
}

FOREIGN = _words("foreign")

# The words of names: those that stand for another one, those that say little, those of what no setting describes.
SAME_WORDS = {word: form for form, words in _words("same words").items() for word in words}
OTHER_WORDS = {purpose: frozenset(words) for purpose, words in _words("other words").items()}
OTHER_NETWORKS = _words("other networks")

# What to do where another word asks for something that is done elsewhere.
POINTERS: dict[str, dict[str, str]] = {
    "mode": dict.fromkeys(FOREIGN["mode"], "A trained run is tested by `handgrad evaluate RUN`")
}

# Three of the notes on what needs no setting here.
SAVED = "the weights are always kept, in the run's folder"
ALWAYS_KEPT = "the confusion matrix and every figure of a run are always kept, in its report"
WRITTEN = "what happens is always shown, and logged into the run's folder"
ACCEPTED = _words("accepted")

# A verb and things, such as plot_confusion_matrix, ask for what is kept in any case; so do a verb and a place or a
# rhythm, such as log_path or plot_every.
VERBS = "plot|log|show|save|draw|visualize|visualise|print|make|generate|record|store|dump|export"
THINGS = (
    "cm|conf|confmat|confusion|matrix|roc|loss|losses|accuracy|accuracies|acc|curve|image|sample|gradient|grad|"
    "norm|activation|weight|prediction|pred|history|metric|figure|plot|graph|result|histogram|dead|neuron|summary|"
    "table|example|misclassified|failure|training|train|validation|val|test|learning|class|per|lr|time"
)

ALWAYS: dict[str, tuple[tuple[str, ...], ...]] = {
    said: tuple(tuple(part.split()) for part in text.split("|")) for said, text in _file["always"].items()
}

# Where the data lie: a data set of its own where no other is named.
PLACES = frozenset({"datadir", "datapath", "dataroot", "datasetpath", "datasetdir", "datafolder", "datadirectory"})

# What the data set decides: how many numbers an image has, and how many classes there are; in one of these words, with
# any of the others.
INPUTS, CLASSES = frozenset({"input", "feature"}), frozenset({"output", "class", "label", "out"})
MEASURES = frozenset({"size", "shape", "num", "unit", "layer", "feature"})


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


@functools.lru_cache(maxsize=4096)
def wording(written: str, guess: bool = False) -> frozenset[str]:
    """The words of a name without those that say nothing, each in one form: batchSizes and size_of_batch are alike.

    With `guess`, compounds are split, and shortened ones completed.
    """
    words = tokens(written)
    if guess:
        words = [part for word in words for part in _guessed(word)]
    return frozenset(SAME_WORDS.get(word, word) for word in words if word not in OTHER_WORDS["nothing"])


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
    longer = {SAME_WORDS.get(each, each) for each in known if len(word) >= _STEM and each.startswith(word)}
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
    return len(word) >= _PIECE or word[-1].isdigit() or word in OTHER_WORDS["nothing"]


@functools.cache
def _known() -> frozenset[str]:
    """Every word of an alias, and those that say nothing or little."""
    names = [name for field, others in FIELDS.items() for name in (field, *others) if "_" in name]
    words = {word for name in names for word in tokens(name) if _is_piece(word)}
    return frozenset(words | SAME_WORDS.keys() | set().union(*OTHER_WORDS.values()))


@functools.cache
def _other_networks() -> dict[str, str]:
    """By word what to do instead, of those that describe what no setting can."""
    return {word: instead for instead, words in OTHER_NETWORKS.items() for word in words}


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
    return bool(wording(written, guess=True) & OTHER_WORDS["of layers"]) and not instead(written)


def nth_layer(written: str) -> int:
    """The number of the hidden layer whose size a name is, as 2 of hidden2; 0 for any other name."""
    nth = NTH_LAYER.fullmatch(squashed(written))
    return int(nth[1]) if nth else 0


@functools.cache
def field_wordings() -> dict[frozenset[str], str]:
    """Every wording of a field that stands for one field only, and the field."""
    found: dict[frozenset[str], set[str]] = {frozenset(): set()}
    known = {squashed(alias) for field, others in FIELDS.items() for alias in (field, *others)}
    for field, others in FIELDS.items():
        for alias in (field, *others):
            found.setdefault(wording(alias), set()).add(field)
    of_options = (name for name in OTHERWISE if name not in known)
    for name in (*AMBIGUOUS_FIELDS, *of_options):
        if wording(name) not in map(wording, FIELDS):  # beta_value is beta, though betas are two
            found.pop(wording(name), None)
    return {words: meanings.pop() for words, meanings in found.items() if len(meanings) == 1}


def by_words(written: str) -> list[str]:
    """The settings that a name without an alias may mean: those whose aliases have all its words that say something.

    Of several, those stand first whose alias shares most words with the name. An optimizer in front of a setting of its
    own, as in adam_lr, says nothing more.
    """
    bare = wording(re.sub("[_-]val$", "", written), guess=True) - ({*OPTIMIZERS} - {*FIELDS} | {"optimizer"})
    if bare != wording(written) and bare in field_wordings():
        return [field_wordings()[bare]]
    words, loose = wording(written, guess=True), OTHER_WORDS["loose"]
    scores: dict[str, int] = {}
    for field, rows in _vocabulary().items():
        known = frozenset[str]().union(*rows) | loose | OTHER_WORDS.get(field, frozenset())
        if words <= known:
            scores[field] = max((2 * len(row & words) - len(row) for row in rows if row & words - loose), default=0)
    best = max(scores.values(), default=0)
    return [field for field, score in scores.items() if score == best > 0]


@functools.cache
def _vocabulary() -> dict[str, list[frozenset[str]]]:
    """By setting the words of each of its aliases; those of names that could mean more, under what they mostly mean."""
    rows = {
        name: [row for each in (name, *others) if len(each) > 1 and (row := wording(each)) - {"num"}]
        for name, others in FIELDS.items()
    }
    return rows | {"weight_decay": [*rows["weight_decay"], *(frozenset({word}) for word in PENALTY)]}
