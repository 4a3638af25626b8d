"""The weights that a hand-in saves, and what its inference.py shows of them, against what handgrad makes of them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support

from handgrad.data import DATASETS, canonical_name
from handgrad.errors import HandgradError
from handgrad.files import read_json
from handgrad.text import counted
from handgrad.training.models import read_arrays
from handgrad.training.numpy_weights import dense_pairs
from handgrad.verify.arithmetic import ACTIVATIONS, Net, forward
from handgrad.verify.contracts import Contract
from handgrad.verify.mistakes import distance
from handgrad.verify.naming import tables
from handgrad.verify.outcome import NOTE, RIGHT, WRONG, Check
from handgrad.verify.sandbox import Session, TheirError
from handgrad.verify.subject import ROUGH, Subject

Array = NDArray[Any]
MODEL, CONFIG = "best_model.npy", "best_config.json"
IMAGES = 300  # images that inference.py gets of each part
GUESSING = 0.3  # a network of ten classes below this has learned nothing
CLAIM = 0.03  # by which a reached score in the file of settings may differ from ours, being one of validation
SCALINGS = {"pixels / 255": (0.0, 255.0), "pixels as they are": (0.0, 1.0), "pixels from -1 to 1": (127.5, 127.5)}
NAMED = re.compile(r"(accuracy|precision|recall|f1)[^\d\n]{0,40}?(\d+(?:\.(\d+))?(?:e-?\d+)?)\s*(%?)", re.IGNORECASE)
WRAPPED = re.compile(r"\w+\.float\d+\(")  # as NumPy prints a number of its own


@dataclass(frozen=True)
class Saved:
    """A file of weights with the settings beside it, by role; `net` as our arithmetic takes it."""

    path: Path
    arrays: Mapping[str, Array]
    settings: Mapping[str, Any]
    claimed: Mapping[str, float]
    net: Net
    dataset: str
    assumed: tuple[str, ...]  # what the settings do not say in words that are known

    @property
    def widths(self) -> tuple[int, ...]:
        """From the images to the classes."""
        return (len(self.net.weights[0]), *(weight.shape[1] for weight in self.net.weights))

    def predicted(self, images: Array, scaling: str) -> Array:
        """The class of each image."""
        shift, divisor = SCALINGS[scaling]
        x = (images.reshape(len(images), -1) - shift) / divisor
        return np.asarray(forward(self.net, x).out.argmax(1))


def saved_checks(folder: Path, subject: Subject | None, session: Session, contract: Contract) -> Iterator[Check]:
    """The file of weights, the settings beside it, the accuracy that it reaches, and what inference.py says."""
    found = sorted(folder.glob(f"**/{MODEL}"), key=lambda path: len(path.parts))
    if not found:
        if contract.model:
            yield Check("saved weights", NOTE, f"{contract.title} wants {MODEL}: it is missing")
        return
    where = str(found[0].relative_to(folder))
    try:
        saved = _read(found[0])
    except (HandgradError, ValueError) as error:
        nested = "got what is no array" in str(error)
        words = str(error).replace(str(folder), folder.name)
        yield Check("saved weights", NOTE if nested else WRONG, words, None, "" if nested else "the saved weights",
                    "" if nested else "weights unreadable", where=where)  # fmt: skip
        return
    yield from _settings_checks(saved, where)
    if subject and subject.matches and "set_weights" in subject.maker.methods:
        yield from _loaded(saved, subject, where)
    source = DATASETS[saved.dataset]
    status = source.status()
    if status.files_ok < status.files:
        words = f"its accuracy is not measured: {saved.dataset} is not here (handgrad data fetch {saved.dataset})"
        yield Check("saved weights", NOTE, words, where=where)
        return
    data = source.load()
    if saved.widths[0] != 784 or saved.widths[-1] != 10:
        words = f"takes {saved.widths[0]} numbers and has {saved.widths[-1]} classes; {saved.dataset} has 784 and 10"
        yield Check("saved weights", WRONG, words, None, "the saved weights", "saved shapes", where=where)
        return
    yield from _reached(saved, data, where)
    program = next((each["path"] for each in contract.programs if each.get("scores")), "")
    if program and (folder / program).is_file():
        yield from _scores(saved, data, session, program, where)


def _read(path: Path) -> Saved:
    arrays = read_arrays(path)
    if not isinstance(arrays, dict):
        raise ValueError(f"{MODEL} holds one array, and no dict W0, b0, …")
    pairs = dense_pairs(arrays)
    if not pairs:
        raise ValueError(f"{MODEL} has the names {', '.join(sorted(arrays)[:6])}, expected W0, b0, W1, …")
    if broken := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
        raise ValueError(f"{MODEL} holds NaN or infinity in {', '.join(broken)}: the training that made it diverged")
    roles = {name: role for role, names in tables()["flags"].items() for name in names}
    settings, claimed = dict[str, Any](), dict[str, float]()
    for name, value in _settings(path).items():
        if role := roles.get(name.replace("-", "_").lower()):
            settings.setdefault(role, value)
        elif isinstance(value, int | float) and re.search("acc|f1", name.lower()):
            claimed[name] = float(value)
    known = {"activation": str(settings.get("activation")).lower()}
    known["dataset"] = canonical_name(str(settings.get("dataset")))
    usual = {"activation": ("relu", ACTIVATIONS), "dataset": ("mnist", ("mnist", "fashion_mnist"))}
    assumed = tuple(f"{role} {value}" for role, (value, names) in usual.items() if known[role] not in names)
    known |= {role: value for role, (value, names) in usual.items() if known[role] not in names}
    net = Net([w for w, _ in pairs], [b for _, b in pairs], known["activation"], "identity")
    return Saved(path, arrays, settings, claimed, net, known["dataset"], assumed)


def _settings(model: Path) -> dict[str, Any]:
    """The settings beside the weights, those of groups as well; {} where there are none."""
    path = model.with_name(CONFIG)
    content = read_json(path) if path.is_file() else {}
    groups = [value for value in content.values() if isinstance(value, dict)]
    return {name: value for group in (content, *groups) for name, value in group.items()}


def _settings_checks(saved: Saved, where: str) -> Iterator[Check]:
    """Whether the sizes that the settings name are those of the weights, and what they leave open."""
    if saved.assumed:
        said = f"which {CONFIG} does not say" if saved.settings else f"as {CONFIG} is not beside them"
        yield Check("saved weights", NOTE, f"assumed: {' and '.join(saved.assumed)}, {said}", where=where)
    if not saved.settings:
        return
    hidden = saved.settings.get("hidden", saved.settings.get("layers"))
    depth = saved.settings.get("depth", saved.settings.get("layers"))
    sizes = [hidden] if isinstance(hidden, int | float) else hidden
    if isinstance(sizes, str):
        sizes = [int(size) for size in re.findall(r"\d+", sizes)] or None
    if isinstance(sizes, list) and len(sizes) == 1 and isinstance(depth, int):
        sizes *= depth
    real = list(saved.widths[1:-1])
    if isinstance(sizes, list) and sizes != real:
        words = f"{CONFIG} says hidden layers of {sizes}, the weights have {real}"
        yield Check("saved weights", WRONG, words, None, "the saved weights", "saved shapes", where=where)
    else:
        words = f"{counted(len(real) + 1, 'layer')}, widths {list(saved.widths)}"
        words += f", as {CONFIG} says" if isinstance(sizes, list) else f", of which {CONFIG} says nothing"
        yield Check("saved weights", RIGHT, words, where=where)


def _loaded(saved: Saved, subject: Subject, where: str) -> Iterator[Check]:
    """Their own network with the saved weights, against ours."""
    try:
        made = subject.made(replace(subject.wanted, widths=saved.widths, activation=saved.net.activation))
        subject.session.call(made.root, "set_weights", dict(saved.arrays))
        x = np.random.default_rng().normal(size=(8, saved.widths[0]))
        theirs = made.forward(x)[0]
    except TheirError as error:
        yield Check("saved weights", WRONG, f"set_weights of your network does not take them: {error}", None,
                    "the saved weights", "weights not restored", where=where)  # fmt: skip
        return
    error_ = distance(theirs, forward(saved.net._replace(output=subject.output), x).out)
    words = f"your network gives the outputs of {MODEL} after set_weights"
    if error_ > ROUGH:
        words = f"after set_weights, your network with {saved.net.activation} does not give the outputs of {MODEL}"
    yield Check("saved weights", RIGHT if error_ <= ROUGH else WRONG, words, error_,
                "" if error_ <= ROUGH else "the saved weights", "" if error_ <= ROUGH else "weights not restored",
                where=where)  # fmt: skip


def _reached(saved: Saved, data: Any, where: str) -> Iterator[Check]:
    """The accuracy on the test images, with the scaling of pixels that serves it best."""
    few, true = data.x_test[:1000], data.y_test[:1000]
    scaling = max(SCALINGS, key=lambda each: (saved.predicted(few, each) == true).mean())
    reached = float((saved.predicted(data.x_test, scaling) == data.y_test).mean())
    words = f"{reached:.2%} of the {len(data.y_test):,} test images of {saved.dataset}, {scaling}"
    if reached < GUESSING:
        yield Check("saved weights", WRONG, f"{words}: hardly better than guessing", None, "the saved weights",
                    "untrained weights", where=where)  # fmt: skip
        return
    yield Check("saved weights", RIGHT, words, where=where)
    for name, value in saved.claimed.items():
        share = value / 100 if value > 1 else value
        if abs(share - reached) > CLAIM:
            yield Check("saved weights", NOTE, f"{CONFIG} says {name} {value:g}: {words}", where=where)


def _scores(saved: Saved, data: Any, session: Session, program: str, where: str) -> Iterator[Check]:
    """What inference.py prints or returns for a few images, against the scores of the saved weights."""
    parts = {"x_train": data.x_train, "y_train": data.y_train, "x_test": data.x_test, "y_test": data.y_test}
    parts = {name: np.array(array[:IMAGES]) for name, array in parts.items()}
    session.ask("data", name=saved.dataset, arrays=parts)
    errors, scores = [], dict[str, list[tuple[float, float]]]()
    for arguments in _commands(session, program, saved, where):
        try:
            result = session.ask("program", path=program, arguments=arguments)
        except TheirError as error:
            result = {"error": str(error), "code": 1, "out": ""}
        scores = scores_in(result["out"])
        if "accuracy" in scores:
            break
        errors.append(result["error"] or " ".join(result["out"].split())[-160:] or "it prints nothing")
    if "accuracy" not in scores:
        yield Check("inference", NOTE, f"{program} shows no accuracy of {MODEL}: {errors[0]}", where=program)
        return
    yield from _compared(saved, parts, scores, program)


def _commands(session: Session, program: str, saved: Saved, where: str) -> Iterator[list[str]]:
    """Command lines of what --help knows: the model with its settings, the model alone, nothing."""
    listed = session.ask("program", path=program, arguments=["--help"])["out"]
    values = {
        **saved.settings,
        "dataset": saved.dataset,
        "activation": saved.net.activation,
        "places": f"{{folder}}/{where}",
    }
    values |= {"hidden": list(saved.widths[1:-1]), "depth": len(saved.widths) - 2}
    options = dict.fromkeys(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", listed))
    words = {}
    for role, names in tables()["flags"].items():
        option = next((each for each in options if each.lstrip("-").replace("-", "_").lower() in names), None)
        if option and role in values and values[role] is not None and role not in ("seed", "wandb"):
            value = values[role] if isinstance(values[role], list) else [values[role]]
            words[role] = [option, *map(str, value)]
    yield [word for each in words.values() for word in each]
    yield words.get("places", [])
    yield []


def scores_in(text: str) -> dict[str, list[tuple[float, float]]]:
    """Every number beside the name of a score, with half a unit of its last digit, as shares of one."""
    found: dict[str, list[tuple[float, float]]] = {}
    for name, number, digits, percent in NAMED.findall(WRAPPED.sub("", text)):
        share = 100 if percent or float(number) > 1 else 1
        found.setdefault(name.lower(), []).append((float(number) / share, 0.6 * 10.0 ** -len(digits) / share))
    return found


def _compared(saved: Saved, parts: Mapping[str, Array], scores: Any, program: str) -> Iterator[Check]:
    """The first reading of the images that gives their accuracy; with it, the other scores by the usual averages."""
    printed = scores["accuracy"]
    for part in ("test", "train"):
        images, true = parts[f"x_{part}"], parts[f"y_{part}"]
        for scaling in SCALINGS:
            predicted = saved.predicted(images, scaling)
            right = (predicted == true).mean()
            if right < GUESSING or not any(abs(value - right) <= near for value, near in printed):
                continue
            if part == "train":
                words = (
                    f"{program} shows the accuracy of the training images, {printed[0][0]:.2%}, not of the test images"
                )
                yield Check("inference", WRONG, words, None, "inference", "training images", where=program)
            yield from _averages(true, predicted, scores, program)
            return
    images, true = parts["x_test"], parts["y_test"]
    ours = max(float((saved.predicted(images, each) == true).mean()) for each in SCALINGS)
    gap = min(abs(value - ours) for value, _ in printed)
    words = (
        f"{program} shows an accuracy of {printed[-1][0]:.2%} for {IMAGES} test images; {MODEL} gets {ours:.2%} right"
    )
    wrong = gap > 0.1
    yield Check("inference", WRONG if wrong else NOTE, words, gap, "inference" * wrong, "other scores" * wrong,
                where=program)  # fmt: skip


def _averages(true: Array, predicted: Array, scores: Any, program: str) -> Iterator[Check]:
    averages = {
        each: precision_recall_fscore_support(true, predicted, average=each, zero_division=0)[:3]
        for each in ("macro", "weighted", "micro")
    }
    said = [f"accuracy {(true == predicted).mean():.2%}"]
    for k, name in enumerate(("precision", "recall", "f1")):
        fits = [e for e, ours in averages.items() if any(abs(v - ours[k]) <= near for v, near in scores.get(name, ()))]
        if name not in scores:
            yield Check("inference", NOTE, f"{program} shows no {name}", where=program)
        elif fits:
            said.append(f"{name} ({fits[0]} average)")
        else:
            ours = ", ".join(f"{each} {values[k]:.4f}" for each, values in averages.items())
            words = f"{program} shows {name} {scores[name][-1][0]:.4f}, which is no average over the classes: {ours}"
            yield Check("inference", WRONG, words, None, "inference", f"wrong {name}", where=program)
    yield Check(
        "inference", RIGHT, f"{program} shows the same {', '.join(said)} for {IMAGES} test images", where=program
    )
