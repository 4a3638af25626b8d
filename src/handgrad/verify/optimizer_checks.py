"""Somebody's optimizers: their weights over twenty steps of gradients that are the same for them and for us."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.verify.making import Member, leaves
from handgrad.verify.naming import role_of
from handgrad.verify.optimizer_rules import NAMES, RULES, Rule, trajectory
from handgrad.verify.outcome import RIGHT, UNCHECKED, WRONG, Check
from handgrad.verify.sandbox import Handle, Session, TheirError

Array = NDArray[Any]
STEPS = 20
HYPER = {"lr": 0.05, "momentum": 0.8, "beta": 0.85, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3, "weight_decay": 0.0}
ROLES = {"learning_rate": "lr", **{name: name for name in HYPER if name != "lr"}}
USUAL = {
    "momentum": (0.9, 0.5, 0.99), "beta": (0.9, 0.99, 0.999, 0.95), "beta1": (0.9,), "beta2": (0.999, 0.99),
    "epsilon": (1e-8, 1e-7, 1e-6, 1e-10, 1e-5, 1e-4), "lr": (0.01, 0.001, 0.1),
}  # fmt: skip
METHODS = ("step", "update", "apply", "apply_gradients", "update_params", "update_parameters", "optimize",
           "update_weights", "__call__", "minimize", "apply_grads", "update_layer", "run")  # fmt: skip
LAYER_WEIGHTS = ("W", "weights", "w", "weight", "kernel")
LAYER_BIASES = ("b", "bias", "biases", "B")
LAYER_DW = ("grad_W", "gradW", "dW", "dw", "dLdW", "grad_w", "dweights", "grad_weights", "weight_grad", "W_grad", "d_W",
            "grads_W", "weights_grad", "dkernel", "grad_weight")  # fmt: skip
LAYER_DB = ("grad_b", "gradb", "db", "dLdb", "dbias", "dbiases", "grad_bias", "bias_grad", "b_grad", "d_b", "grads_b",
            "biases_grad", "grad_biases")  # fmt: skip


class Maker(NamedTuple):
    """A class, or a function, that is one optimizer; `named` is the word that chooses it."""

    optimizer: str
    member: Member
    named: str = ""


def optimizer_checks(session: Session, members: Sequence[Member], generator: np.random.Generator) -> Iterator[Check]:
    """One verdict for each optimizer of theirs."""
    start = [generator.normal(size=(3, 4)), generator.normal(size=4)]
    signs = [
        [generator.normal(size=a.shape) * 10.0 ** generator.integers(-4, 1, a.shape) for a in start]
        for _ in range(STEPS)
    ]
    idle: dict[int, Any] = {}
    for maker in makers(members):
        label = f"optimizer ({maker.optimizer}: {maker.member.name}{' ' + maker.named if maker.named else ''})"
        where = f"{maker.member.file}:{maker.member.line}"
        theirs, fixed = _run(session, maker, start, signs)
        if theirs is None:
            if not maker.named:
                yield Check(label, UNCHECKED, "no call of its update was understood", where=where)
            continue
        check = _verdict(label, where, maker.optimizer, theirs, (start, signs), fixed)
        if maker.named and check.status == WRONG:
            number = maker.member.object.number
            if number not in idle:
                idle[number] = _run(session, maker._replace(named="no such optimizer"), start, signs)[0]
            if idle[number] and np.array_equal(idle[number][-1][0], theirs[-1][0]):
                continue  # it does not know the name, and falls back on another one
        yield check


def _run(session: Session, maker: Maker, start: Any, slopes: Any) -> tuple[Any, dict[str, float]]:
    """The weights after each step, and the settings it was slopes_; None where no way to call it was found."""
    for form in (_class_run, _layers_run) if maker.member.is_class else (_function_run,):
        try:
            theirs, fixed = form(session, maker, start, slopes)
        except (TheirError, KeyError, ValueError, IndexError, TypeError, StopIteration):
            continue
        return theirs, fixed
    return None, dict(HYPER)


def makers(members: Sequence[Member]) -> Iterator[Maker]:
    """Classes and functions named after an optimizer, and classes that take its name."""
    for m in members:
        if m.is_module:
            continue
        name = next((n for n, pattern in NAMES.items() if re.search(pattern, m.name.lower())), "")
        updates = [method for method in METHODS if method in m.methods]
        if m.is_class and updates and name:
            yield Maker(name, m)
        elif m.is_class and updates and "optim" in m.name.lower() and any(_chooses(p) for p in m.parameters):
            for optimizer, words in (("sgd", "sgd"), ("momentum", "momentum"), ("nag", "nag"), ("nag", "nesterov"),
                                     ("rmsprop", "rmsprop"), ("adam", "adam"), ("nadam", "nadam")):  # fmt: skip
                yield Maker(optimizer, m, words)
        elif not m.is_class and name and len(m.parameters) >= 2:
            yield Maker(name, m)


def _chooses(parameter: Mapping[str, Any]) -> bool:
    return bool(
        re.fullmatch("name|type|kind|method|algo(rithm)?|opt(imizer)?(_(name|type))?|mode", parameter["name"].lower())
    )


def _make(session: Session, maker: Maker, holder: Handle | None = None) -> tuple[Handle, dict[str, float]]:
    """An optimizer with settings of ours; also those that it takes."""
    named: dict[str, Any] = {}
    taken = set()
    for parameter in maker.member.parameters:
        role, name = role_of(parameter["name"]), parameter["name"]
        key = ROLES.get(role, "")
        if role == "momentum" and maker.optimizer in ("rmsprop", "adam", "nadam") and parameter["optional"]:
            continue
        if key == "beta" and maker.optimizer in ("momentum", "nag"):
            named[name], key = HYPER["momentum"], "momentum"
        elif key == "momentum" and maker.optimizer == "rmsprop":
            named[name], key = HYPER["beta"], "beta"
        elif key:
            named[name] = HYPER[key]
        elif maker.named and _chooses(parameter):
            named[name] = maker.named
        elif not parameter["optional"] and not parameter["star"]:
            if holder is None:
                raise KeyError(name)
            named[name] = holder
        taken.add(key)
    made = session.make(maker.member.object, named=named)
    return made, {key: value for key, value in HYPER.items() if key in taken}


def _class_run(session: Session, maker: Maker, start: Any, slopes: Any) -> Any:
    """An update that takes lists, dictionaries or single arrays of weights and gradients."""
    method = next(name for name in METHODS if name in maker.member.methods)
    parameters = [p for p in maker.member.methods[method] if not p["optional"] and not p["star"]]
    reverse = bool(parameters) and role_of(parameters[0]["name"]) == "upstream"
    for shape in ("lists of four", "four") if len(parameters) == 4 else ("list", "dict", "dict d", "array"):
        made, fixed = _make(session, maker)
        weights = list(start) if shape != "array" else [start[0]]
        keys = ["W1", "b1"]
        named = dict(zip(keys, weights, strict=True)) if shape.startswith("dict") else weights
        held = session.ask("hold", value=_wrapped(shape, named, weights))
        found: list[Any] = []
        for step in slopes:
            slopes_: Any = list(step) if shape == "list" else step[0]
            if shape.startswith("dict"):
                slopes_ = {("d" if shape == "dict d" else "") + key: g for key, g in zip(keys, step, strict=True)}
            values = [slopes_, held] if reverse else [held, slopes_]
            if len(parameters) == 4:
                values = _four(session, parameters, held, step, shape)
            elif len(parameters) == 3:
                values = [0, *values] if role_of(parameters[0]["name"]) in ("depth", "") else [*values, len(found) + 1]
            try:
                reply = session.ask("call", target=made, name=method, values=values, hold=True)
            except TheirError:
                break
            now = _after(session, held, reply["result"], weights)
            held = session.ask("hold", value=_wrapped(shape, dict(zip(keys, now, strict=False)), now))
            weights = now
            found.append(now)
        if len(found) == STEPS and any(np.any(a != b) for a, b in zip(found[-1], start, strict=False)):
            return found, fixed
    raise KeyError(method)


def _wrapped(shape: str, named: Any, arrays: Sequence[Array]) -> Any:
    """Weights in the form in which an update takes them."""
    if "four" in shape:
        return [[array] for array in arrays] if "lists" in shape else list(arrays)
    return {"array": arrays[0], "list": list(arrays)}.get(shape, named)


def _four(session: Session, parameters: Any, held: Handle, step: Sequence[Array], shape: str) -> list[Any]:
    """Weights, biases and the gradients of both, in the order that the names have."""
    values: list[Any] = []
    for parameter in parameters:
        name = parameter["name"].lower()
        slope = re.search(r"^d|grad|nabla|delta|^g", name)
        place = int(bool(re.search(r"b(ias(es)?)?s?\d*$", re.sub("_?grads?(ient)?s?_?", "", name))))
        lists = [step[place]] if "lists" in shape else step[place]
        values.append(lists if slope else session.ask("get", target=held, name=place, hold=True))
    return values


def _after(session: Session, held: Handle, result: Any, before: Sequence[Array]) -> list[Array]:
    """The weights after an update: those returned, else those changed in place."""
    returned = [array for _, array in leaves(result)]
    fitting = [next((a for a in returned if a.shape == b.shape), None) for b in before]
    if fitting and all(a is not None for a in fitting):
        return [np.asarray(a) for a in fitting]
    arrays = list(session.ask("walk", target=held).values())
    return [next(a for a in arrays if a.shape == b.shape) for b in before]


def _layers_run(session: Session, maker: Maker, start: Any, slopes: Any) -> Any:
    """An update of objects that have weights and gradients as attributes."""
    method = next(name for name in METHODS if name in maker.member.methods)
    parameters = [p for p in maker.member.methods[method] if not p["optional"] and not p["star"]]
    weight, bias = start[0], start[1].reshape(1, -1)
    for network, rows in itertools.product((False, True), (bias, bias[0])):
        row = {**dict.fromkeys(LAYER_WEIGHTS, weight), **dict.fromkeys(LAYER_BIASES, rows)}
        row |= {**dict.fromkeys(LAYER_DW, weight), **dict.fromkeys(LAYER_DB, rows)}
        holder = session.ask("layers", rows=[row], network=network)
        path = ".layers[0]" if network else "[0]"
        try:
            made, fixed = _make(session, maker, holder)
            now, found = [weight, rows], []
            for step in slopes:
                slope_b = step[1].reshape(rows.shape)
                values = {f"{path}.{n}": step[0] for n in LAYER_DW} | {f"{path}.{n}": slope_b for n in LAYER_DB}
                values |= {f"{path}.{n}": now[0] for n in LAYER_WEIGHTS} | {f"{path}.{n}": now[1] for n in LAYER_BIASES}
                session.ask("put", target=holder, values=values)
                arguments: list[Any] = [holder] if len(parameters) == 1 else []
                if len(parameters) == 3:
                    arguments = [holder, [step[0]], [slope_b]]
                session.call(made, method, *arguments)
                arrays = session.ask("walk", target=holder)
                now = [
                    next((arrays[f"{path}.{n}"] for n in names if not np.array_equal(arrays[f"{path}.{n}"], old)), old)
                    for names, old in ((LAYER_WEIGHTS, now[0]), (LAYER_BIASES, now[1]))
                ]
                found.append([now[0], now[1].reshape(-1)])
        except (TheirError, KeyError):
            continue
        if np.any(found[-1][0] != weight):
            return found, fixed
    raise KeyError(method)


def _function_run(session: Session, maker: Maker, start: Any, slopes: Any) -> Any:
    """A function of weights, gradients and settings that returns new weights, perhaps with new settings."""
    settings = {"learning_rate": HYPER["lr"], "lr": HYPER["lr"], "decay_rate": HYPER["beta"], "rho": HYPER["beta"]}
    settings |= {name: HYPER[name] for name in ("momentum", "beta1", "beta2", "epsilon", "beta")}
    required = [p for p in maker.member.parameters if not p["optional"] and not p["star"]]
    takes = [p["name"] for p in maker.member.parameters if role_of(p["name"]) == "flags"]
    config: Any = settings
    weight, found = start[0], []
    for step in slopes:
        values: list[Any] = [weight, step[0]]
        if len(required) == 3:
            values.append(config if takes else HYPER["lr"])
        named = {takes[0]: config} if takes and len(required) < 3 else {}
        reply = session.ask("call", target=maker.member.object, values=values, named=named, hold=True)
        result = reply["result"]
        weight = result[0] if isinstance(result, tuple) else result
        if isinstance(result, tuple) and len(result) > 1:
            config = session.ask("get", target=reply["held"], name=1, hold=True)
        if not isinstance(weight, np.ndarray) or weight.shape != start[0].shape:
            raise ValueError
        found.append([weight])
    fixed = HYPER if takes else {"lr": HYPER["lr"]}
    return found, {name: value for name, value in fixed.items() if name != "weight_decay"}


def _verdict(label: str, where: str, optimizer: str, theirs: Any, problem: Any, fixed: Mapping[str, float]) -> Check:
    start, slopes = problem
    count = len(theirs[0])
    start, slopes = list(start)[:count], [list(step)[:count] for step in slopes]
    best: tuple[float, Rule | None] = (np.inf, None)
    for rule in RULES[optimizer]:
        for hyper in _hypers(optimizer, fixed):
            ours = trajectory(rule, start, slopes, hyper)
            error = max(
                _gap(a, b, s)
                for step, own in ((theirs[-1], ours[-1]), (theirs[2], ours[2]))
                for a, b, s in zip(step, own, start, strict=True)
            )
            if error < best[0]:
                best = (error, rule)
        if best[0] < 1e-7:
            break
    error, found = best
    right = trajectory(RULES[optimizer][0], start, slopes, {**HYPER, **fixed})
    gap = _gap(theirs[-1][0], right[-1][0], start[0])
    if found is None or error > 1e-6:
        words = f"its weights leave the rule's by {gap:.2g} of the way, and no known mistake reproduces them"
        return Check(label, WRONG, words, gap, label, "unknown", None, where)
    if found.mistake:
        return Check(label, WRONG, found.words, gap, label, found.mistake, error, where)
    return Check(label, RIGHT, f"{STEPS} steps: {found.words}", error, where=where)


def _gap(one: Array, two: Array, start: Array) -> float:
    """How far apart two results are, as a share of the way; equal where both are no numbers."""
    both = np.isnan(one) & np.isnan(two)
    one, two, start = (np.where(both, 0.0, array) for array in (one, two, start))
    gap = np.linalg.norm(one - two) / max(float(np.linalg.norm(two - start)), 1e-12)
    return float(gap) if np.isfinite(gap) else np.inf


def _hypers(optimizer: str, fixed: Mapping[str, float]) -> Iterator[dict[str, float]]:
    """Our settings where it takes them; what is usual where it has its own."""
    needed = {"sgd": ("lr",), "momentum": ("lr", "momentum"), "nag": ("lr", "momentum")}
    names = needed.get(
        optimizer, ("lr", "beta", "epsilon") if optimizer == "rmsprop" else ("lr", "beta1", "beta2", "epsilon")
    )
    choices = [(fixed[name],) if name in fixed else USUAL[name] for name in names]
    for values in itertools.product(*choices):
        yield {**HYPER, **dict(zip(names, values, strict=True))}
