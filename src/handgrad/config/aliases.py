"""Other names of settings and of their values, as people write them: the tables of aliases.ini, and what reads them."""

from handgrad.files import read_tables

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
