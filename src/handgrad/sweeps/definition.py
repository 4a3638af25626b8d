"""A sweep: what is tried, in which order, what for, and which trials end early, as W&B's sweeps have it."""

import dataclasses
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np

from handgrad.config import RunConfig, value_type_of
from handgrad.config.describe import values_name
from handgrad.config.metrics import is_share
from handgrad.config.value_types import AnyValue, ValueType
from handgrad.errors import Diagnostic, UsageError
from handgrad.sweeps.programs.program import Program
from handgrad.sweeps.space import Constant, Distribution, distribution, name_of, numbers_of


class Stop(NamedTuple):
    """Why a trial was stopped early: after epoch `rung` its `value` was worse than `threshold`, among `reached`."""

    rung: int
    threshold: float
    value: float
    reached: int


@dataclass(frozen=True)
class Hyperband:
    """At each rung only the best 1/eta of the runs that reached it go on.

    Math    rungs are floor(max_iter / eta^k), k = 1 to s, those of at least 1; or floor(min_iter eta^k), k = 0, 1, ...
    `strict` compares the value of the rung's own epoch; else that of its best epoch up to there counts.
    Ref     Li et al., Hyperband, JMLR 2018
    """

    min_iter: int | None = None
    max_iter: int | None = None
    s: int | None = None
    eta: float = 3.0
    strict: bool = False

    def __post_init__(self) -> None:
        if self.eta <= 1:
            raise UsageError(f"eta must be above 1, got {self.eta:g}: 3 lets the best third go on")
        if self.max_iter is not None and self.max_iter < self.eta:
            raise UsageError(f"has no rungs: max_iter {self.max_iter} / eta {self.eta:g} is below 1. Raise max_iter")

    def rungs(self, epochs: int) -> list[int]:
        """The epochs after which a run of `epochs` may be stopped, upwards: those before its last."""
        if self.max_iter is not None:
            found = [int(self.max_iter / self.eta**k) for k in range(1, (self.s or 0) + 1)]
        else:
            found, rung = [], float(self.min_iter or 1)
            while rung < epochs:
                found.append(int(rung))
                rung *= self.eta
        return sorted({rung for rung in found if 1 <= rung < epochs})

    def threshold(self, objectives: Sequence[float]) -> float:
        """What a run must not exceed at a rung: the value at rank 1/eta of those that reached it, less being better."""
        return sorted(objectives)[int(len(objectives) / self.eta)]

    def objective_at(self, rung: int, objectives: Sequence[float]) -> float:
        """What counts of a run's objectives, epoch by epoch, at a rung."""
        return objectives[rung - 1] if self.strict else min(objectives[:rung])

    def prune(
        self, number: int, rung: int, epochs: Mapping[int, Mapping[int, float]], objective: Callable[[float], float]
    ) -> Stop | None:
        """The stop of trial `number` at a rung, if any; `epochs` are every trial's metric by epoch, by its number.

        `objective` is what is to be minimised, from the metric's value.
        """
        at_rung: dict[int, tuple[float, float]] = {}  # objective and metric of each trial that got there
        for each, values in epochs.items():
            reached = [values[epoch] for epoch in range(1, rung + 1) if epoch in values]
            if len(reached) == rung:
                least = self.objective_at(rung, [objective(value) for value in reached])
                at_rung[each] = least, next(value for value in reached if objective(value) == least)
        if number not in at_rung:
            return None
        threshold = self.threshold([least for least, _ in at_rung.values()])
        if at_rung[number][0] <= threshold:
            return None
        worst_passing = next(value for least, value in at_rung.values() if least == threshold)
        return Stop(rung, worst_passing, at_rung[number][1], len(at_rung))

    def reason(self, stop: Stop, metric: str) -> str:
        """In words, such as: after epoch 3, validation_accuracy 0.5 was worse than 0.6, the value at rank 1/3 of ..."""
        return (
            f"after epoch {stop.rung}, {metric} {stop.value:.4g} was worse than {stop.threshold:.4g}, "
            f"the value at rank 1/{self.eta:g} of the {stop.reached} trials that got there"
        )


GOALS: dict[str, tuple[str, ...]] = {
    "minimize": ("minimise", "min", "minimum", "lower"),
    "maximize": ("maximise", "max", "maximum", "higher"),
    "target": (),
}
METHODS: dict[str, tuple[str, ...]] = {
    "grid": ("grid_search", "gridsearch"),
    "random": ("random_search", "randomsearch"),
    "design": ("doe", "designed", "d_optimal", "fractional_factorial"),
    "bayes": ("bayesian", "bayes_search", "bayesian_search", "tpe", "bayesian_optimization", "bayesian_optimisation"),
}
ATTEMPTS = 300


@dataclass(frozen=True)
class Metric:
    """A number of an epoch's row, and what is wanted of it: the least, the most, or to be near `target`.

    With the goals minimize and maximize, a sweep ends when a run reaches `target`, if there is one. A `foreign` one is
    logged by a program of which nothing is known: not that an accuracy goes from 0 to 1, nor on what it is measured.
    """

    name: str = "validation_accuracy"
    goal: str = "maximize"
    target: float | None = None
    foreign: bool = False

    def __post_init__(self) -> None:
        if self.goal == "target" and self.target is None:
            raise UsageError("goal target needs a number to come near to: give target")

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that it can be, and so can its distance from a target."""
        return (-math.inf, math.inf) if self.foreign else (0.0, 1.0 if self.share else math.inf)

    @property
    def share(self) -> bool:
        """Whether it is a share from 0 to 1, of which more is better."""
        return not self.foreign and is_share(self.name)

    def objective(self, value: float) -> float:
        """What is to be minimised, from the metric's value."""
        if self.goal == "target" and self.target is not None:
            return abs(value - self.target)
        return -value if self.goal == "maximize" else value

    def reached(self, value: float) -> bool:
        """Whether a run with this value ends the sweep."""
        if self.target is None or self.goal == "target":
            return False
        return self.objective(value) <= self.objective(self.target)


@dataclass(frozen=True)
class SweepDefinition:
    """The space of `parameters`, by fields of RunConfig, and how it is searched.

    `values` are everywhere the canonical values of the parameters that vary, by name. `notices` tell what of the file
    was not taken to the letter. Where there is a `program`, parameters are its own, by its own names.
    """

    parameters: dict[str, Distribution]
    name: str | None = None
    description: str | None = None
    method: str = "random"
    metric: Metric = field(default_factory=Metric)
    early_terminate: Hyperband | None = None
    run_cap: int | None = None
    program: Program | None = None
    notices: tuple[Diagnostic, ...] = field(default=(), compare=False)

    @property
    def varying(self) -> dict[str, Distribution]:
        """The parameters that have more than one value."""
        return {name: distribution for name, distribution in self.parameters.items() if distribution.size != 1}

    @property
    def constants(self) -> dict[str, Any]:
        """The values of all others."""
        rest = {name: d.quantile(0) for name, d in self.parameters.items() if d.size == 1}
        return {name: self.value_type(name)(value) for name, value in rest.items()}

    @property
    def size(self) -> int | None:
        """How many configurations there are; None when there is no end to them."""
        sizes = [distribution.size for distribution in self.parameters.values()]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def configurations(self) -> Iterator[dict[str, Any]]:
        """Every one once, in the order of a grid: the last parameter changes fastest.

        Raises  UsageError when there is no end to them.
        """
        for values in itertools.product(*map(self.grid, self.varying)):
            yield dict(zip(self.varying, values, strict=True))

    def grid(self, name: str) -> list[Any]:
        """Every value of a parameter.  Raises  UsageError when there is no end to them."""
        return [self._read(name, value) for value in self._grid(name)]

    def sample(self, generator: np.random.Generator, base: RunConfig | None = None) -> dict[str, Any]:
        """Values drawn at random; where `base` is given, those of a possible configuration.

        Raises  UsageError when none of many draws is possible.
        """
        refusal = UsageError("no draw was made")
        for _ in range(ATTEMPTS):
            values = {name: d.sample(generator) for name, d in self.varying.items()}
            if base is None:
                return self.canonical(values)
            try:
                self.to_config(values, base)
                return self.canonical(values)
            except UsageError as error:
                refusal = error
        raise UsageError(f"none of {ATTEMPTS} draws from the sweep's parameters is possible; the last: {refusal}")

    def canonical(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as a RunConfig holds them, in the order of the parameters; as read back from JSON, too.

        Raises  UsageError for a missing or an unknown parameter, and for a value that its field refuses.
        """
        if set(values) != set(self.varying):
            odd = sorted(set(values) ^ set(self.varying))[0]
            raise UsageError(f"{odd} is {'no parameter' if odd in values else 'missing from the values'} of this sweep")
        return {name: self._read(name, values[name]) for name in self.varying}

    def to_config(self, values: Mapping[str, Any], base: RunConfig) -> RunConfig:
        """A run's configuration: `base`, over it constants and `values`; a UsageError if they cannot go together."""
        # Of somebody's program, nothing is known that could not go together.
        return base if self.program else base.replaced(**self.constants, **values)

    def is_possible(self, values: Mapping[str, Any], base: RunConfig) -> bool:
        """Whether they can go together."""
        try:
            self.to_config(values, base)
        except UsageError:
            return False
        return True

    def value_type(self, name: str) -> ValueType:
        """How the values of a parameter may be written."""
        return AnyValue() if self.program else value_type_of(name)

    def key(self, values: Mapping[str, Any]) -> str:
        """Equal for equal configurations of this sweep, however they were stored."""
        return json.dumps(_plain(self.canonical(values)), sort_keys=True)

    def trial_name(self, values: Mapping[str, Any]) -> str:
        """A run's name after its values, in the course's fashion: hl_3_bs_16_ac_tanh."""
        return values_name(self.canonical(values))

    def fixed(self, **values: Any) -> Self:
        """The sweep with some fields of RunConfig held at one value, whether it varied them or not."""
        constants = {name: Constant(self._read(name, value)) for name, value in values.items()}
        return dataclasses.replace(self, parameters=self.parameters | constants)

    def to_mapping(self) -> dict[str, Any]:
        """In words that YAML and JSON know; the keys are those of a sweep file, with `notices` besides."""
        parts = {
            "name": self.name,
            "description": self.description,
            "method": self.method,
            "metric": _without_none(dataclasses.asdict(self.metric) | {"foreign": None}),
            "run_cap": self.run_cap,
            "early_terminate": {"type": "hyperband", **_without_none(dataclasses.asdict(self.early_terminate))}
            if self.early_terminate
            else None,
            "parameters": {name: _stored(d) for name, d in self.parameters.items()},
            "notices": [list(notice) for notice in self.notices],
        }
        return _without_none(parts) | (self.program.to_mapping() if self.program else {})

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """What `to_mapping` made; a file that a person wrote goes through `read_sweep`."""
        rest = dict(mapping)
        stopping = {name: value for name, value in rest.pop("early_terminate", {}).items() if name != "type"}
        program = Program.from_mapping(rest) if "program" in rest else None
        read = AnyValue() if program else None
        return cls(
            parameters={
                name: _restored(read or value_type_of(name), stored) for name, stored in rest.pop("parameters").items()
            },
            metric=Metric(**rest.pop("metric"), foreign=program is not None),
            program=program,
            early_terminate=Hyperband(**stopping) if stopping else None,
            notices=tuple(Diagnostic(*notice) for notice in rest.pop("notices", ())),
            **rest,
        )

    def _grid(self, name: str) -> list[Any]:
        try:
            return self.parameters[name].grid()
        except UsageError as error:
            raise UsageError(f"{name} {error}") from error

    def _read(self, name: str, value: Any) -> Any:
        try:
            return self.value_type(name)(value)
        except ValueError as error:
            raise UsageError(f"{name} {error} (--{name})") from error


def _without_none(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if value is not None}


def _stored(parameter: Distribution) -> dict[str, Any]:
    numbers = {key: value for key, value in numbers_of(parameter).items() if value is not None or key == "value"}
    return {"distribution": name_of(parameter), **_plain(numbers)}


def _restored(read: ValueType, stored: Mapping[str, Any]) -> Distribution:
    numbers = {key: value for key, value in stored.items() if key != "distribution"}
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in numbers.items()}
    if "values" in fields:
        fields["values"] = tuple(map(read, fields["values"]))
    if "value" in fields:
        fields["value"] = read(fields["value"])
    return distribution(stored["distribution"], fields)


def _plain(value: Any) -> Any:
    """Lists for tuples, all the way down."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
