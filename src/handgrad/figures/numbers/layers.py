"""How signals and gradients went through the layers while they learned."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.figures.kind import DoesNotApplyError
from handgrad.figures.run_data import RunData
from handgrad.figures.table import Table
from handgrad.nn import Dropout, Identity
from handgrad.training.statistics import Statistics

Array = NDArray[Any]


class Course(NamedTuple):
    """Numbers of one layer or parameter at every measured step, by what they are.  Shapes  values: (steps,) each"""

    name: str
    values: dict[str, Array]


class LayerStatistics(NamedTuple):
    """Courses of all layers, from the input on; `norms` is the norm of the whole gradient at `norm_steps`.

    Shapes  steps (n,) int; norm_steps, norms (m,)
    """

    run: str
    what: str
    steps: Array
    courses: tuple[Course, ...]
    norm_steps: Array
    norms: Array
    steps_per_epoch: int

    @property
    def caption(self) -> str:
        """What was measured, and when."""
        names = ", ".join(course.name for course in self.courses)
        return (
            f"{self.what} of {self.run} measured {len(self.steps)} times, from step {self.steps[0]:,} to "
            f"{self.steps[-1]:,}, always on the same few training images in evaluation mode: {names}."
        )

    @property
    def table(self) -> Table:
        """A row for each step and layer."""
        columns = tuple(self.courses[0].values)
        return Table(("iteration", "layer", *columns), self._rows())

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        for place, step in enumerate(self.steps):
            for course in self.courses:
                yield step, course.name, *(values[place] for values in course.values.values())


def activation_statistics(data: RunData) -> LayerStatistics:
    """Of the outputs of each layer that changes them in evaluation."""
    measured, layers = _measured(data), data.network.layers
    kept = [number for number in measured[0].outputs if not isinstance(layers[number], Dropout | Identity)]
    courses = []
    for number in kept:
        table = np.array([statistics.outputs[number] for statistics in measured], float).reshape(-1, 4)
        shares = {"flat_percent": 100 * table[:, 2], "dead_percent": 100 * table[:, 3]}
        values = {"mean": table[:, 0], "deviation": table[:, 1], **shares}
        courses.append(Course(f"{number} {type(layers[number]).__name__}", values))
    return _together(data, "Outputs of the layers", measured, courses)


def gradient_statistics(data: RunData) -> LayerStatistics:
    """Of the weights of each layer, and of the loss's gradient with respect to them."""
    measured, network = _measured(data), data.network
    courses = []
    for slot in network.parameter_slots:
        if slot.part.penalised:
            table = np.array([statistics.parameters[slot.name] for statistics in measured], float).reshape(-1, 2)
            kind = f"{slot.layer} {type(network.layers[slot.layer]).__name__}"
            courses.append(Course(kind, {"gradient_rms": table[:, 1], "weight_rms": table[:, 0]}))
    return _together(data, "Gradients and weights of the layers", measured, courses)


def _measured(data: RunData) -> list[Statistics]:
    """Raises  DoesNotApplyError when nobody measured, as in runs of older versions."""
    if not data.history.statistics:
        raise DoesNotApplyError("its layers were not measured while it was trained")
    return data.history.statistics


def _together(data: RunData, what: str, measured: list[Statistics], courses: list[Course]) -> LayerStatistics:
    norms = data.history.gradient_norms
    steps = np.array([statistics.step for statistics in measured])
    return LayerStatistics(
        data.name, what, steps, tuple(courses), np.array(list(norms), int), np.array(list(norms.values()), float),
        data.steps_per_epoch,
    )  # fmt: skip
