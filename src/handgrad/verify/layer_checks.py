"""Single layers of somebody's: pairs of functions, or classes with forward and backward, each against its reference."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.verify.layers import INPUTS, LAYERS, UNITS, LayerType, Wrong
from handgrad.verify.making import Member, leaves
from handgrad.verify.mistakes import distance
from handgrad.verify.outcome import NOTE, RIGHT, WRONG, Check, factor_words
from handgrad.verify.sandbox import Handle, Session, TheirError

Array = NDArray[Any]
BOUND = 1e-7


@dataclass(frozen=True)
class Pair:
    """A forward and a backward: two functions, or two methods of an object that is made for each trial."""

    name: str
    place: str
    forward: Member
    backward: Member | None  # None: a class
    methods: tuple[str, str] = ("forward", "backward")


def pairs(members: Sequence[Member]) -> Iterator[Pair]:
    """Functions whose names differ in forward and backward, and classes that have both."""
    functions = {m.name: m for m in members if not m.is_class and not m.is_module}
    for name, forward in functions.items():
        for front, back in (("forward", "backward"), ("fwd", "bwd"), ("fprop", "bprop"), ("forward", "grad")):
            other = functions.get(name.replace(front, back))
            if front in name and other and other is not forward:
                yield Pair(re.sub(rf"_?{front}_?", "", name) or name, f"{other.file}:{other.line}", forward, other)
                break
    for m in members:
        if m.is_class:
            front = next((n for n in ("forward", "__call__", "fprop", "fwd", "call") if n in m.methods), "")
            back = next((n for n in ("backward", "backprop", "bprop", "bwd", "grad") if n in m.methods), "")
            if front and back:
                yield Pair(m.name, f"{m.file}:{m.lines.get(back, m.line)}", m, None, (front, back))


def layer_checks(session: Session, members: Sequence[Member], generator: np.random.Generator) -> Iterator[Check]:
    """The verdict on each layer whose type is known by its name or by its numbers."""
    for pair in pairs(members):
        named = [name for name, layer in LAYERS.items() if re.search(layer.names, pair.name.lower())]
        best = None
        for name in named or ["affine", *(n for n in LAYERS if n not in ("affine", "identity"))]:
            inputs = LAYERS[name].inputs(generator)
            for trial in _trials(session, pair, name, inputs):
                found = _read(trial, name, inputs, session, pair, bool(named))
                if found and (best is None or found.rank < best.rank):
                    best = found
                if best and best.fits:
                    break
            if best and best.fits:
                break
        if best and (best.fits or named):
            yield from best.checks(generator)


@dataclass(frozen=True)
class Trial:
    """A layer that has run forward: what it gave, the object that keeps arrays, and the way to go back."""

    out: Array
    root: Handle | None
    cache: Handle | None
    paths: Mapping[str, tuple[str, bool]]


def _trials(session: Session, pair: Pair, name: str, inputs: Mapping[str, Array]) -> Iterator[Trial]:
    if pair.backward:
        yield from _function_trials(session, pair, name, inputs)
    else:
        yield from _class_trials(session, pair, name, inputs)


def _dictionaries(name: str) -> list[dict[str, Any]]:
    """What a parameter such as conv_param is given."""
    base = {"mode": "train", "eps": 1e-5, "momentum": 0.9}
    if name == "max pooling":
        return [{"pool_height": 2, "pool_width": 2, "stride": 2, "pool_size": 2}]
    return [{**base, "stride": 1, "pad": 1, "padding": 1}]


def _function_trials(session: Session, pair: Pair, name: str, inputs: Mapping[str, Array]) -> Iterator[Trial]:
    arrays = list(inputs.values())
    for turned in (False, True) if "w" in inputs and inputs["w"].ndim == 2 else (False,):
        oriented = [array.T if turned and key == "w" else array for key, array in inputs.items()]
        required = [p for p in pair.forward.parameters if not p["optional"] and not p["star"]]
        for extra in [[], _dictionaries(name)]:
            values = [*oriented, *extra][: max(len(required), len(arrays))]
            if len(values) < len(required):
                values += [2, 2][: len(required) - len(values)]
            try:
                reply = session.ask("call", target=pair.forward.object, values=values, hold=True)
            except TheirError:
                continue
            yield from _split(session, reply, {key: ("", turned) for key in inputs if key != "x"})


def _split(session: Session, reply: Any, paths: Any) -> Iterator[Trial]:
    result, held = reply["result"], reply["held"]
    if isinstance(result, np.ndarray):
        yield Trial(result, None, None, paths)
    if isinstance(result, tuple) and len(result) >= 2:
        for k in (0, 1):
            if isinstance(result[k], np.ndarray) and result[k].ndim:
                yield Trial(result[k], None, session.ask("get", target=held, name=1 - k, hold=True), paths)
                return


def _class_trials(session: Session, pair: Pair, name: str, inputs: Mapping[str, Array]) -> Iterator[Trial]:
    for values in _constructions(name):
        try:
            root = session.make(pair.forward.object, values)
            arrays = session.ask("walk", target=root)
            for paths in _places(arrays, inputs):
                puts = {
                    path: (inputs[key].T if turned else inputs[key]).reshape(arrays[path].shape)
                    for key, (path, turned) in paths.items()
                }
                session.ask("put", target=root, values=puts)
                result = session.call(root, pair.methods[0], inputs["x"])
                result = result[0] if isinstance(result, tuple) and result else result
                if isinstance(result, np.ndarray):
                    yield Trial(result, root, None, paths)
        except TheirError:
            continue


def _constructions(name: str) -> list[list[Any]]:
    if name == "affine":
        return [[INPUTS, UNITS], [UNITS, INPUTS], [(INPUTS, UNITS)]]
    if name in ("batch norm", "layer norm"):
        return [[INPUTS], [(INPUTS,)], []]
    if name == "convolution":
        return [[3, 4, 3], [3, 4, 3, 1], [3, 4, 3, 1, 1], [3, 4, (3, 3)], [4, 3, 3], [4, 3, 3, 1, 1]]
    if name == "max pooling":
        return [[2, 2], [2], [], [(2, 2)], [(2, 2), 2], [2, 1]]
    return [[], [float(name[11:-1])] if "(" in name else []]


def _places(arrays: Mapping[str, Array], inputs: Mapping[str, Array]) -> Iterator[dict[str, tuple[str, bool]]]:
    """Where the parameters lie: by shape, and among equal shapes by the first letters of their names."""
    found: list[dict[str, tuple[str, bool]]] = [{}]
    for key, value in inputs.items():
        if key == "x":
            continue
        fitting = [
            (path, turned)
            for path, array in arrays.items()
            for turned in ((False, True) if value.ndim == 2 else (False,))
            if (array.shape == (value.T if turned else value).shape)
            or (value.ndim == 1 and array.size == value.size and array.ndim <= 2)
        ]
        running = [place for place in fitting if not re.search(r"run|mov|avg|grad|\bd|\.d", place[0].lower())]
        fitting = running or fitting
        found = [
            {**start, key: place}
            for start in found
            for place in fitting
            if place[0] not in {path for path, _ in start.values()}
        ]
    yield from found[:12]


@dataclass(frozen=True)
class Read:
    """A layer's two passes as numbers, and the reference's."""

    session: Session
    pair: Pair
    name: str
    inputs: Mapping[str, Array]
    trial: Trial
    option: Any
    fits: bool

    def checks(self, generator: np.random.Generator) -> Iterator[Check]:
        """Forward, then backward with a random gradient from above."""
        layer, label = LAYERS[self.name], f"{self.name} ({self.pair.name})"
        v = {**self.inputs, "option": self.option}
        if not self.fits:
            yield self._forward_fault(layer, label)
            return
        yield Check(label, RIGHT, "forward", distance(self.trial.out, layer.forward(self.inputs, self.option)))
        v["dout"] = generator.normal(size=self.trial.out.shape)
        try:
            arrays = self._backward(v["dout"])
        except TheirError as error:
            yield Check(label, WRONG, f"backward: {error}", None, label, "crash", None, self.pair.place)
            return
        true = layer.backward(v, self.option)
        yield from self._compared(label, true, arrays, layer, v)

    @property
    def rank(self) -> int:
        """0 where forward is right, 1 where a known mistake reproduces it, else 2."""
        return 0 if self.fits else 2 - (self._explained() is not None)

    def _explained(self) -> tuple[Wrong, Any, float] | None:
        layer = LAYERS[self.name]
        for option in layer.options:
            for wrong in layer.forward_mistakes:
                error = distance(self.trial.out, wrong.numbers({**self.inputs, "option": option}))
                if error <= BOUND:
                    return wrong, option, error
        return None

    def _forward_fault(self, layer: LayerType, label: str) -> Check:
        place = f"{self.pair.forward.file}:{self.pair.forward.lines.get(self.pair.methods[0], self.pair.forward.line)}"
        if explained := self._explained():
            wrong, option, match = explained
            error = distance(self.trial.out, layer.forward(self.inputs, option))
            return Check(label, WRONG, f"forward: {wrong.words}", error, label, wrong.name, match, place)
        error = min(distance(self.trial.out, layer.forward(self.inputs, option)) for option in layer.options)
        words = f"forward is not that of {self.name}, and no known mistake reproduces it"
        return Check(label, WRONG if np.isfinite(error) else NOTE, words, error, label, "unknown", None, place)

    def _backward(self, dout: Array) -> dict[str, list[Array]]:
        """All arrays that backward returns or stores, by the name of what they could be the gradient of."""
        if self.pair.backward:
            cache = [] if self.trial.cache is None else [self.trial.cache]
            orders = [[dout, *cache], [*cache, dout]]
            extra = [[*order, *self.inputs.values()][: len(self.pair.backward.parameters)] for order in orders]
            result = self._first([*orders[: 1 + bool(cache)], *extra])
            found = [array for _, array in leaves(result)]
        else:
            before = self.session.ask("walk", target=self.trial.root)
            result = self.session.call(self.trial.root, self.pair.methods[1], dout)  # type: ignore[arg-type]
            after = self.session.ask("walk", target=self.trial.root)
            old = {path for path, array in after.items() if path in before and np.array_equal(before[path], array)}
            found = [array for _, array in leaves(result)] + [a for path, a in after.items() if path not in old]
        return {key: self._possible(key, found) for key in self.inputs}

    def _first(self, attempts: Sequence[list[Any]]) -> Any:
        for k, values in enumerate(attempts):
            try:
                return self.session.call(self.pair.backward.object, None, *values)  # type: ignore[union-attr]
            except TheirError:
                if k == len(attempts) - 1:
                    raise
        return None

    def _possible(self, key: str, found: Sequence[Array]) -> list[Array]:
        value, turned = self.inputs[key], self.trial.paths.get(key, ("", False))[1]
        rest = [np.asarray(array, float) for array in found]
        if key == "x" or value.ndim > 2:
            return [array for array in rest if array.shape == value.shape]
        if value.ndim == 2:
            return [
                array.T if turned else array for array in rest if (array.T if turned else array).shape == value.shape
            ]
        exact = [array.reshape(-1) for array in rest if array.size == value.size]
        odd = [np.full(value.size, array) for array in rest if array.size == 1]
        return exact + odd + [array for array in rest if array.shape == self.trial.out.shape]

    def _compared(self, label: str, true: Any, arrays: Any, layer: LayerType, v: Any) -> Iterator[Check]:
        errors, wrong = [], []
        for key, ours in true.items():
            possible = sorted(arrays[key], key=lambda array: distance(array, ours))
            what = "dx" if key == "x" else f"d{key}"
            if not possible:
                where = self.pair.place
                yield Check(label, NOTE if key != "x" else WRONG, f"no {what} of the right shape was found", None,
                            label, "gradient missing", None, where)  # fmt: skip
                continue
            error = distance(possible[0], ours)
            errors.append(error)
            if error > BOUND:
                wrong.append(self._fault(label, key, what, possible, ours, (layer, v), error))
        yield from wrong
        if errors and not wrong:
            words = f"backward: {', '.join(f'd{key}' for key in true)}"
            yield Check(label, RIGHT, words, max(errors),
                        where=self.pair.place)  # fmt: skip

    def _fault(
        self, label: str, key: str, what: str, possible: Sequence[Array], ours: Array, known: Any, error: float
    ) -> Check:
        layer, v = known
        rows = len(v["x"])
        for mistake in layer.backward_mistakes:
            try:
                numbers = mistake.numbers(v).get(key)
            except (ValueError, IndexError):
                continue
            for array in possible if numbers is not None and distance(numbers, ours) > BOUND else ():
                if distance(array, numbers) <= BOUND:
                    return Check(label, WRONG, f"backward, {what}: {mistake.words}", error, label, mistake.name,
                                 distance(array, numbers), self.pair.place)  # fmt: skip
        for array in possible:
            if array.shape == ours.shape:
                factor = float(np.vdot(ours, array) / np.vdot(ours, ours))
                if distance(array, factor * ours) <= BOUND or not np.any(array):
                    name, words = factor_words(factor, rows, ours.shape[-1])
                    return Check(label, WRONG, f"backward, {what}: {words}", error, label, name, 0.0, self.pair.place)
        return Check(label, WRONG, f"backward, {what} differs, and no known mistake reproduces it", error, label,
                     "unknown", None, self.pair.place)  # fmt: skip


def _read(
    trial: Trial, name: str, inputs: Mapping[str, Array], session: Session, pair: Pair, named: bool
) -> Read | None:
    layer = LAYERS[name]
    for option in layer.options:
        if distance(trial.out, layer.forward(inputs, option)) <= BOUND:
            return Read(session, pair, name, inputs, trial, option, True)
    same = trial.out.shape == layer.forward(inputs, layer.options[0]).shape
    return Read(session, pair, name, inputs, trial, layer.options[0], False) if named and same else None
