"""What is stated and measured of an experiment: its settings, its numbers, and how these are written."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any, NamedTuple

from handgrad.config import RunConfig, value_type_of
from handgrad.config.describe import WITHOUT_INFLUENCE, idle, resolved
from handgrad.config.lookup import setting_name
from handgrad.config.metrics import METRICS
from handgrad.config.presets import CHOICES, fields_of, owned
from handgrad.evaluation import Difference, Predictions, compare
from handgrad.evaluation.difference import Estimate, share
from handgrad.runs.comparison import Setup, Side, between

Settings = dict[str, Any]
NOT_STATED = "not stated"


class Measure(NamedTuple):
    """A quantity in words; `part` names the images that it is a share of, where it is a share of images."""

    words: str
    type: str = "share"
    part: str | None = None
    better: int = 1  # 1: the higher the better; -1: the lower


PRINTED = {
    "test_accuracy": Measure("test accuracy", part="test"),
    "train_accuracy": Measure("training accuracy", part="train"),
    "validation_accuracy": Measure("validation accuracy", part="validation"),
    "precision": Measure("precision"),
    "recall": Measure("recall"),
    "macro_f1": Measure("macro F1"),
    "test_loss": Measure("test loss", "number", better=-1),
    "train_loss": Measure("training loss", "number", better=-1),
    "validation_loss": Measure("validation loss", "number", better=-1),
    "parameters": Measure("parameters", "count", better=-1),
    "seconds": Measure("seconds", "number", better=-1),
}

# Of the course of a training, which run folders keep and reports do not print: handgrad.claims.evidence.
OF_COURSE = {
    "starting_loss": Measure("training loss at the start", "number", better=-1),
    "steps_to_loss": Measure("steps (all of them, if it never gets there) to a training loss of", "number", better=-1),
    "roughness": Measure("roughness of the training loss", "number", better=-1),
    "plateau_epoch": Measure("epoch at which the validation accuracy bends", "number", better=-1),
    "best_epoch": Measure("epoch of the best validation accuracy", "number", better=-1),
}

# Of layers and their units, as every run records them; decades are powers of ten: handgrad.claims.evidence.
OF_LAYERS = {
    "dead_units": Measure("dead units at the end", "number", better=-1),
    "saturation": Measure("outputs of activations that are zero or saturated at the end", better=-1),
    "symmetry": Measure("symmetry of hidden layers at the end", "number", better=-1),
    "first_gradient": Measure("first layer's gradient in decades", "number"),
    "gradient_ratio": Measure("first layer's gradient against the last one's at the start, in decades", "number"),
    "largest_gradient": Measure("largest gradient norm in decades", "number", better=-1),
}

WORKED_OUT = {
    "counted_accuracy": Measure("accuracy by the printed counts"),
    "gap": Measure("train-test gap", better=-1),
    **{metric: Measure(metric.replace("_", " ")) for metric in METRICS if metric not in PRINTED},
} | (OF_COURSE | OF_LAYERS)

MEASURES = PRINTED | WORKED_OUT
SCALES = {"percent": 100.0, "share": 1.0}


def quantity(measure: str) -> Measure:
    """Of a measure's name, also with its level behind an @: "steps_to_loss@0.5"."""
    name, _, level = measure.partition("@")
    found = MEASURES[name]
    return found._replace(words=f"{found.words} {level}") if level else found


class Evidence(NamedTuple):
    """An experiment's settings, its numbers by measure, and classes of which no image is right.

    Each such class comes with whether any image is taken for it. Runs of our own have a setup each, and one of the
    `values` of each measure; `predictions` gives those of the images that a measure is a share of, one a run.
    `counts` says of which images `counted_accuracy` is; `fitted` are the settings chosen to give a printed number.
    """

    title: str
    settings: Settings
    estimates: dict[str, Estimate]
    scale: float
    blind: tuple[tuple[int, bool], ...] = ()
    setups: tuple[Setup, ...] = ()
    values: Mapping[str, Sequence[float]] = {}
    predictions: Callable[[str], Sequence[Predictions]] | None = None
    counts: str = ""
    fitted: tuple[str, ...] = ()

    def words(self, measure: str) -> str:
        """The measure as it was measured here."""
        return self.counts if measure == "counted_accuracy" and self.counts else quantity(measure).words

    def number(self, measure: str) -> str:
        """A measure's value as reports print it."""
        return written(self.estimates[measure].value, measure, self.scale)

    def side(self, measure: str) -> Side:
        """Its runs, to be compared with others by a measure."""
        of_images = self.predictions if measure in ("test_accuracy", "counted_accuracy") else None
        step = 1.0 if measure.endswith("_epoch") else 0.0
        if measure.startswith("steps_to_loss") and self.setups:
            step = float(self.setups[0].config.log_every)
        return Side(self.setups, self.values[measure], of_images and partial(of_images, measure), step)

    def estimate(self, measure: str) -> Estimate:
        """A number with its error: of the images, where every seed predicts the same, or there is one."""
        side = self.side(measure) if measure in self.values else None
        if side and side.predictions and len(set(side.values)) == 1:
            return share(side.values[0], len(side.predictions()[0].labels), self.scale)
        return self.estimates[measure]


def difference(measure: str, a: Evidence, b: Evidence, by: float = 0.0) -> Difference:
    """Of runs of our own as `between` has it; of printed numbers, and of counts, as of independent estimates."""
    if measure in a.values and measure in b.values:
        return between(a.side(measure), b.side(measure), by, a.scale)
    return compare(a.estimates[measure], b.estimates[measure], by)


def written(value: float, measure: str, scale: float) -> str:
    """A value as a report prints it: 97.21 in per cent, 0.9721 as a share, 1.266 of a loss, 109,386 of a count."""
    written_as = quantity(measure).type
    if written_as == "count" or (written_as == "number" and abs(value) >= 10_000):
        return f"{value:,.0f}"
    if written_as == "number":
        return f"{value:.4g}"
    step = Decimal("0.01" if scale == SCALES["percent"] else "0.0001")
    return str(Decimal(repr(float(value))).quantize(step, ROUND_HALF_UP))  # 0.89425 is 0.8943, as at school


def unit_of(measure: str, scale: float) -> str:
    """What follows such a number where a difference is meant."""
    return " points" if quantity(measure).type == "share" and scale == SCALES["percent"] else ""


def canonical(settings: Mapping[str, Any], place: str) -> Settings:
    """Settings with the names and values of RunConfig where they have any, and as they are otherwise.

    Raises  ValueError with the place, for a value that a setting cannot have.
    """
    result = {}
    for written, value in settings.items():
        name = setting_name(written)
        try:
            result[name] = value_type_of(name)(value) if name in RunConfig.model_fields else value
        except ValueError as error:
            raise ValueError(f"{place}.{written}: {error}") from None
    return result


def of_config(config: RunConfig) -> Settings:
    """What decides the result of a run, its seed apart."""
    unused = idle(config) | WITHOUT_INFLUENCE | {"seed"}
    return {name: value for name, value in resolved(config) if name not in unused}


def stated_differences(a: Settings, b: Settings) -> dict[str, tuple[Any, Any]]:
    """The stated settings in which two experiments differ, each with both values.

    What comes with a choice, as beta1 does with Adam, is part of it where only one of the two states it, or where each
    of the two has the number that is its choice's own.
    """
    names = [*a, *(name for name in b if name not in a)]
    pairs = {name: (a.get(name, NOT_STATED), b.get(name, NOT_STATED)) for name in names}
    found = {name: values for name, values in pairs.items() if values[0] != values[1]}
    carried = belonging(found)
    part = {n for n, values in found.items() if NOT_STATED in values or (_own(a, n), _own(b, n)) == values}
    return {name: values for name, values in found.items() if name not in carried & part}


def _own(settings: Settings, name: str) -> Any:
    """The number that comes with the choices among some settings, None for none."""
    for chosen, registry in CHOICES.items():
        entry = registry.get(settings.get(chosen, ""))
        if entry is not None and name in fields_of(entry):
            return fields_of(entry)[name].default
    return None


def belonging(choices: Iterable[str]) -> set[str]:
    """The settings that come with some choices: those of schedules with `schedule`, those of optimizers likewise."""
    return {name for each in choices if each in CHOICES for name in owned(*CHOICES[each].values())}
