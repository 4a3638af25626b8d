"""What a hand-in needs beside its gradients: weights that come back, decay, and a command line."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.verify.arithmetic import Loss
from handgrad.verify.contracts import Contract
from handgrad.verify.gradients import Found, call_backward, draw, take
from handgrad.verify.mistakes import distance
from handgrad.verify.network_checks import place_of, with_loss
from handgrad.verify.outcome import NOTE, RIGHT, WRONG, Check
from handgrad.verify.sandbox import Session, TheirError
from handgrad.verify.subject import Subject

Array = NDArray[Any]
DECAY = 0.25


def decay_checks(subject: Subject, found: Found, loss: Loss, generator: np.random.Generator) -> Iterator[Check]:
    """With weight decay on: what is added to dW, and that nothing is added to db."""
    if not any(argument.role in ("weight_decay", "flags") for argument in subject.making):
        return
    try:
        made = subject.made(replace(subject.wanted, weight_decay=DECAY))
        target = (made.root, *found.target[1:]) if found.target[0] == subject.root else found.target
        batch = with_loss(draw(made, generator), loss)
        numbers = call_backward(made, target, found.plan, batch, loss)
    except TheirError:
        return
    theirs, true = take(made, found, numbers, batch), batch.true(loss)
    where, layers = place_of(subject, found.target[2]), len(batch.net.weights)
    extra = {name: theirs[name] - true[name] for name in theirs}
    sizes = {name: float(np.linalg.norm(extra[name])) / float(np.linalg.norm(true[name])) for name in theirs}
    if max(sizes.values()) <= made.bound:
        return  # decay is the optimizer's business here
    factors = {f"W{k}": _factor(extra[f"W{k}"], batch.net.weights[k]) for k in range(layers)}
    factors |= {f"b{k}": _factor(extra[f"b{k}"], batch.net.biases[k]) for k in range(layers) if f"b{k}" in theirs}
    biases = [name for name in factors if name[0] == "b" and sizes[name] > made.bound]
    ratios = {round(factors[name] / DECAY, 5) for name in factors if name[0] == "W"}
    usual = {1.0: "lambda W", 2.0: "2 lambda W", round(1 / 8, 5): "lambda W / N", round(1 / 4, 5): "2 lambda W / N"}
    if biases:
        worst = max(sizes[name] for name in biases)
        yield Check("weight decay", WRONG, "the biases decay as well", worst, "all layers",
                    "weight decay on biases", None, where)  # fmt: skip
    if len(ratios) == 1 and (ratio := ratios.pop()) in usual:
        yield Check("weight decay", RIGHT, f"dW has {usual[ratio]} added in every layer", where=where)
    elif not biases:
        odd = [name for name in factors if name[0] == "W" and round(factors[name] / DECAY, 5) not in usual]
        words = f"what weight decay adds to {', '.join(f'd{name}' for name in odd) or 'dW'} is no usual multiple of W"
        yield Check("weight decay", WRONG, words, None, "all layers", "weight decay", None, where)


def _factor(extra: Array, weight: Array) -> float:
    return float(np.vdot(extra, weight) / np.vdot(weight, weight)) if extra.shape == weight.shape else np.nan


def weight_checks(subject: Subject, contract: Contract, generator: np.random.Generator) -> Iterator[Check]:
    """Weights taken out of one network and put into another one give the same outputs."""
    methods = subject.maker.methods
    if not {"get_weights", "set_weights"} <= {*methods}:
        if contract.weights:
            yield Check("weights", NOTE, f"{contract.title} wants get_weights and set_weights: they are missing")
        return
    where = place_of(subject, "set_weights")
    batch = draw(subject, generator)
    subject.put(batch.net)
    try:
        reply = subject.session.ask("call", target=subject.root, name="get_weights", hold=True)
        other = subject.made(subject.wanted)
        subject.session.call(other.root, "set_weights", reply["held"])
        subject.put(subject.net(generator))  # a copy, not the same arrays
        error = distance(other.forward(batch.x)[0], batch.run.out)
    except TheirError as failure:
        yield Check("weights", WRONG, f"{failure}", None, "all layers", "weights not restored",
                    None, where)  # fmt: skip
        return
    taken = reply["result"]
    keys = set(taken) if isinstance(taken, dict) else set()
    wanted = {f"{n}{k}" for k in range(len(batch.net.weights)) for n in "Wb"}
    if error > subject.bound:
        words = "weights from get_weights, given to set_weights of a second network, do not give the same outputs"
        yield Check("weights", WRONG, words, error, "all layers", "weights not restored", None, where)
    elif contract.weights and keys != wanted:
        words = f"the names are {', '.join(sorted(keys)[:8]) or type(taken).__name__}; {contract.title} wants W0, b0, …"
        yield Check("weights", NOTE, words, where=where)
    else:
        yield Check("weights", RIGHT, "get_weights and set_weights give the same outputs in a second network", error,
                    where=where)  # fmt: skip


def program_checks(session: Session, contract: Contract) -> Iterator[Check]:
    """--help of the programs that the course asks for, and the flags it names."""
    for program in contract.programs:
        path = program["path"]
        try:
            result = session.ask("program", path=path, arguments=["--help"])
        except TheirError as error:
            yield Check("command line", NOTE, f"{path}: {error}")
            continue
        if result["error"].startswith("FileNotFoundError"):
            yield Check("command line", NOTE, f"{contract.title} wants {path}: it is missing")
            continue
        lacking = [flag for flag in program.get("flags") or [] if not re.search(rf"(?<![\w-]){flag}\b", result["out"])]
        if result["code"] or result["error"]:
            yield Check("command line", NOTE, f"{path} --help: {result['error'] or result['out'].strip()[-120:]}")
        elif lacking:
            yield Check("command line", NOTE, f"{path} --help does not know {', '.join(lacking)}")
        else:
            yield Check("command line", RIGHT, f"{path} --help")
