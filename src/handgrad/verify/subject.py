"""Somebody's network as one can use it: made, given weights, asked for outputs and for gradients.

Nothing is known by name alone: what a class is for, which arrays are its weights and how they lie is found by trying.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.verify.arithmetic import ACTIVATIONS, OUTPUT_NAMES, Net, forward
from handgrad.verify.making import (
    Chain,
    Member,
    Wanted,
    at,
    chains,
    label_forms,
    last_name,
    leaves,
    make,
    making_values,
    one_hot,
    vectors,
)
from handgrad.verify.mistakes import LEARNING_RATE, distance, explain_forward
from handgrad.verify.naming import Plan, does, fill, plans, tables
from handgrad.verify.sandbox import Handle, Session, TheirError

Array = NDArray[Any]
ALWAYS = (
    *("flags", "sizes", "input_size", "output_size", "hidden", "depth", "activation", "loss", "learning_rate"),
    *("weight_decay", "seed", "batch_norm", "dropout", "weight_init", "optimizer"),
)
ROUGH = 2e-4  # relative, for numbers in float32
EXACT = 1e-7
ADAPTER = "handgrad_adapter"  # a module that says how everything is called


Target = tuple[Handle | None, str | None, str]  # an object, None for the network itself; its method; a name in words
NO_CHAIN = Chain((), False, ())


@dataclass(frozen=True)
class Subject:
    """A network that was made: the object that its arrays hang on, its weights, and how it is called."""

    session: Session
    maker: Member
    making: Plan
    wanted: Wanted
    root: Handle
    shapes: Mapping[str, tuple[int, ...]]
    members: Sequence[Member]
    called: Target = (None, None, "")  # forward
    plan: Plan = ()
    where: tuple[str, ...] = ()  # the output's place in what forward returns
    column: bool = False  # images are columns
    chain: Chain = NO_CHAIN
    biases: tuple[str, ...] = ()
    activation: str = "relu"
    output: str = "softmax"
    rough: bool = False
    matches: bool = True  # whether forward computes what a fully connected network does
    names: tuple[str, ...] = field(default=(), compare=False)  # of what forward returns
    losses: tuple[tuple[Target, Plan], ...] = ()  # methods that leave the labels for a backward that takes none

    @property
    def bound(self) -> float:
        """The largest relative distance of equal numbers."""
        return ROUGH if self.rough else EXACT

    def put(self, net: Net) -> None:
        """Give it weights."""
        values = {}
        for path, weight in zip(self.chain.paths, net.weights, strict=True):
            values[path] = weight.T if self.chain.transposed else weight
        for path, bias in zip(self.biases, net.biases, strict=False):
            values[path] = bias.reshape(self.shapes[path])
        self.session.ask("put", target=self.root, values=values)

    def net(self, generator: np.random.Generator) -> Net:
        """Weights that it could have."""
        widths = self.chain.widths
        pairs = list(pairwise(widths))
        weights = [generator.normal(0, 1.2 / np.sqrt(a), (a, b)) for a, b in pairs]
        biases = [generator.normal(0, 0.5, b) if self.biases else np.zeros(b) for _, b in pairs]
        return Net(weights, biases, self.activation, self.output)

    def values(self, x: Array, extra: Mapping[str, Sequence[Any]] | None = None, known: Any = None) -> Any:
        """What a parameter can be given, by its role and name."""
        more, named = extra or {}, known or {}
        inputs = [x.T, x] if self.column else [x, x.T]
        offered = {"inputs": inputs, "mode": [True, False], "parameters": [self.root], "activation": [self.activation]}
        offered |= {
            "biases": [],
            "learning_rate": [LEARNING_RATE],
            "weight_decay": [self.wanted.weight_decay],
            "depth": [len(self.biases)],
        }
        offered |= {"dropout": [0.0], "batch_size": [len(x)], "epochs": [1]} | dict(more)

        def values(role: str, name: str) -> Any:
            if name in named:
                return [named[name]]
            if role in ("parameters", "biases") and "[0]" in named:
                return [named["[0]"], self.root] if role == "parameters" else [named["[1]"]]
            return offered.get(role, more.get("unknown", inputs if not extra else ()))

        return values

    def forward(self, x: Array, hold: bool = False) -> tuple[Array, Any]:
        """Their output, images in rows, and everything that came with it."""
        result = self.call(self.called, self.plan, self.forward_values(x), hold)
        out = at(result["result"], self.where)
        return (out.T if self.column else out), result

    def forward_values(self, x: Array) -> Any:
        """What a parameter of a forward pass can be given; one of unknown name gets the images."""
        offered = {"labels": self._labels_of(x), "unknown": [x.T if self.column else x]}
        return self.values(x, offered, self.weights_by_name())

    def _labels_of(self, x: Array) -> list[Any]:
        return label_forms(one_hot(np.arange(len(x)), self.chain.widths[-1] if self.chain.widths else 4), self.column)

    def weights_by_name(self) -> dict[str, Any]:
        """Weights for functions that take them one by one: by the names under which they were returned or are kept."""
        if self.root.type in ("tuple", "list"):
            items = [self.session.ask("get", target=self.root, name=k, hold=True) for k in range(self.length)]
            names = self.maker.returns if len(self.maker.returns) == len(items) else []
            return dict(zip(names, items, strict=False)) | {"[0]": items[0], "[1]": items[-1]}
        if self.root.type in ("module", "dict"):
            arrays = self.session.ask("walk", target=self.root)
            return {last_name(path): array for path, array in arrays.items() if last_name(path)}
        return {}

    def functions(self, task: str) -> list[tuple[Target, Any, Sequence[str]]]:
        """Methods of the network, or functions beside it, whose names speak of a task, the likeliest first.

        With each its parameters, and the names of what it returns.
        """
        rows: list[tuple[Target, Any, Sequence[str]]]
        if self.maker.is_class:
            returns = self.maker.returns
            rows = [((None, name, name), takes, returns.get(name, [])) for name, takes in self.maker.methods.items()]
        else:
            known = [m for m in self.members if not m.is_class and not m.is_module and m.name != self.maker.name]
            rows = [((m.object, None, m.name), m.parameters, m.returns) for m in known]
        words = tables()["does"][task].split("|")
        speaking = [row for row in rows if does(task, row[0][2])]
        return sorted(speaking, key=lambda row: next(k for k, w in enumerate(words) if re.search(w, row[0][2].lower())))

    @property
    def length(self) -> int:
        """How many items a tuple of weights has."""
        return len({path.split("]")[0] for path in self.shapes})

    def call(self, target: Target, plan: Plan, values: Any, hold: bool = False) -> Any:
        """The reply to a planned call.  Raises  TheirError."""
        by_place, by_name = fill(plan, values)
        owner = target[0] or self.root
        return self.session.ask("call", target=owner, name=target[1], values=by_place, named=by_name, hold=hold)

    def reset(self) -> None:
        """Set gradients to zero, by the method that it has for that."""
        for name, parameters in self.maker.methods.items():
            if re.match("(zero|reset|clear)_?grad", name) and all(p["optional"] for p in parameters):
                self.session.call(self.root, name)

    def made(self, wanted: Wanted) -> "Subject":
        """The same network made once more, with other settings.  Raises  TheirError."""
        root = make(self.session, self.maker, self.making, wanted, self.members)
        return replace(self, root=root, wanted=wanted)

    def resized(self, widths: tuple[int, ...]) -> "Subject":
        """The same network made once more, with other widths, as far as it takes them.

        Raises  TheirError; KeyError, IndexError where its arrays have other names or shapes then.
        """
        made = self.made(replace(self.wanted, widths=widths))
        arrays = self.session.ask("walk", target=made.root)
        shapes = [arrays[path].shape[:: -1 if self.chain.transposed else 1] for path in made.chain.paths]
        chain = made.chain._replace(widths=(shapes[0][0], *(shape[1] for shape in shapes)))
        return replace(made, shapes={path: array.shape for path, array in arrays.items()}, chain=chain)


def find(
    session: Session, members: Sequence[Member], wanted: Wanted, generator: Any, errors: dict[str, str]
) -> Iterator[Subject]:
    """Every network of the folder that has weights and a forward pass, the likeliest first.

    `errors` gets what went wrong where a class could not be made, by its name.
    """
    for maker in _makers(members):
        made = _made(session, maker, wanted, members, errors)
        for subject in made:
            found = _with_forward(subject, generator)
            if found:
                yield found
                break


def _makers(members: Sequence[Member]) -> list[Member]:
    def rank(member: Member) -> int:
        backs = any(does("backward", name) for name in member.methods)
        forwards = any(does("forward", name) for name in member.methods)
        netlike = any(word in member.name.lower() for word in ("net", "nn", "mlp", "model", "perceptron", "ann"))
        return 8 * (member.module == ADAPTER) + 4 * backs + 2 * forwards + netlike

    classes = [m for m in members if m.is_class and any(does("forward", name) for name in m.methods)]
    functions = [m for m in members if not m.is_class and not m.is_module and does("create", m.name)]
    modules = [m for m in members if m.is_module]
    return [*sorted(classes, key=lambda m: -rank(m)), *functions, *modules]


def _made(
    session: Session, maker: Member, wanted: Wanted, members: Sequence[Member], errors: dict[str, str]
) -> Iterator[Subject]:
    """What a constructor makes that has weights: first as it is wanted, then of other widths."""
    other = []
    values = making_values(wanted, members)
    for plan in [()] if maker.is_module else plans(maker.parameters, values, ALWAYS):
        try:
            root = make(session, maker, plan, wanted, members)
            for name in [name for name in maker.methods if does("create", name) and name != "__init__"]:
                if not [p for p in maker.methods[name] if not p["optional"]] and not _chain(session, root, wanted):
                    session.call(root, name)
            arrays = session.ask("walk", target=root)
        except TheirError as error:
            errors.setdefault(maker.name, str(error))
            continue
        shapes = {path: array.shape for path, array in arrays.items()}
        subject = Subject(session, maker, plan, wanted, root, shapes, members)
        fitting = next(chains(arrays, (wanted.widths[0], wanted.widths[-1])), None)
        if fitting and fitting.widths == wanted.widths:
            yield subject
            return
        other.append((not fitting, subject))
    yield from (subject for _, subject in sorted(other, key=lambda item: item[0])[:6])


def _chain(session: Session, root: Handle, wanted: Wanted) -> Chain | None:
    arrays = session.ask("walk", target=root)
    return next(chains(arrays, (wanted.widths[0], wanted.widths[-1])), None)


def _with_forward(subject: Subject, generator: np.random.Generator) -> Subject | None:
    """A way to call the forward pass, and the weights it uses: where its numbers are ours, else where it reacts."""
    arrays = subject.session.ask("walk", target=subject.root)
    ends = (subject.wanted.widths[0], subject.wanted.widths[-1])
    reacting, fresh = None, dict(arrays)
    seen: set[Any] = set()
    for chain in chains(arrays, ends):
        if (chain.paths, chain.transposed) in seen or len(seen) > 12:
            continue
        seen.add((chain.paths, chain.transposed))
        if reacting and len(chain.paths) < len(reacting.chain.paths):
            break
        for target, plan, names in _callables(subject, chain):
            for biases in [*list(vectors(arrays, chain.widths[1:]))[:6], ()]:
                trial = replace(subject, chain=chain, called=target, plan=plan, biases=biases, names=tuple(names))
                found = matched(trial, generator)
                if found and found.matches:
                    idle = [] if biases else [v for v in vectors(fresh, chain.widths[1:]) if all(map(_is_bias, v))]
                    return replace(found, biases=idle[0], matches=False) if idle else found
                reacting = reacting or found
    return reacting


def _callables(subject: Subject, chain: Chain) -> Iterator[tuple[Any, Plan, Any]]:
    """Methods, or functions, that could be the forward pass, each with the arguments that do not make it fail."""
    x = np.random.default_rng(3).normal(size=(8, chain.widths[0]))
    for target, parameters, names in subject.functions("forward"):
        if does("backward", target[2]):
            continue
        for column in (False, True):
            trial = replace(subject, chain=chain, column=column)
            values = trial.forward_values(x)
            for plan in plans(parameters, values):
                if any(argument.role == "inputs" and argument.option for argument in plan):
                    continue
                try:
                    result = trial.call(target, plan, values)["result"]
                except TheirError:
                    continue
                if any(shape_fits(a, len(x), chain.widths[-1], column) for _, a in leaves(result)):
                    yield target, plan, names
                    break


def matched(subject: Subject, generator: np.random.Generator) -> Subject | None:
    """The subject with the output, orientation and activation that fit; None where these weights change nothing."""
    x = generator.normal(size=(8, subject.chain.widths[0]))
    results = []
    for _ in range(2):
        net = subject.net(generator)
        for column in (False, True):
            trial = replace(subject, column=column, where=())
            try:
                subject.put(net)
                values = trial.forward_values(x)
                result = trial.call(subject.called, subject.plan, values)["result"]
            except (TheirError, ValueError):
                continue
            outs = {p: a for p, a in leaves(result) if shape_fits(a, len(x), subject.chain.widths[-1], column)}
            if outs:
                results.append((net, column, outs))
                break
    if len(results) < 2:
        return None
    (net, column, outs), (_, _, before) = results[1], results[0]
    rough = any(a.dtype == np.float32 for a in outs.values())
    for output in OUTPUT_NAMES:
        for name in ACTIVATIONS:
            ours = forward(net._replace(activation=name, output=output), x).out
            for where, out in outs.items():
                if distance(out.T if column else out, ours) <= (ROUGH if rough else EXACT):
                    fitting = replace(subject, column=column, where=where, activation=name, output=output, rough=rough)
                    spoiled = _spoiled(fitting, outs, where, x, net._replace(activation=name, output="softmax"))
                    if output != "identity" or spoiled is None:
                        return fitting
                    return replace(fitting, where=spoiled, matches=False)
    moved = [where for where in outs if where in before and not np.allclose(outs[where], before[where])]
    if not moved:
        return None
    return replace(
        subject, column=column, where=moved[0], rough=rough, matches=False, activation=subject.wanted.activation
    )


def _is_bias(path: str) -> bool:
    """Whether the name of an array says that it is a bias."""
    return last_name(path).lower().startswith("b")


def _spoiled(
    subject: Subject, outs: Mapping[tuple[str, ...], Array], where: tuple[str, ...], x: Array, net: Net
) -> Any:
    """Beside the last sums, what a wrong softmax made of them: the place of the real output."""
    for other, out in outs.items():
        rows = out.T if subject.column else out
        beside = len(other) <= len(where) and other != where and not np.allclose(out, outs[where])
        if beside and (explain_forward(net, x, rows, ROUGH) or np.all(rows >= 0)):
            return other
    return None


def shape_fits(array: Array, rows: int, width: int, column: bool) -> bool:
    """Whether it can be the output of a batch."""
    return array.shape == ((width, rows) if column else (rows, width))
