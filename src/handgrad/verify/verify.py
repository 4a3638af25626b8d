"""Verify a folder: load it, find what is in it, run the checks that fit; and a class of them, each checked once."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.errors import CorruptDataError, FileSystemError, UsageError
from handgrad.files import atomic_write, read_json
from handgrad.verify.contracts import Contract, recognise
from handgrad.verify.gradients import draw
from handgrad.verify.hand_in_checks import decay_checks, program_checks, training_checks, weight_checks
from handgrad.verify.layer_checks import layer_checks, pairs
from handgrad.verify.losses import losses_of
from handgrad.verify.making import Member, Wanted, members_of
from handgrad.verify.more_checks import dropout_checks, loss_pair_checks, scalar_checks
from handgrad.verify.network_checks import (
    cases,
    difference_checks,
    forward_checks,
    gradient_checks,
    loss_checks,
)
from handgrad.verify.optimizer_checks import optimizer_checks
from handgrad.verify.outcome import NOTE, UNCHECKED, WRONG, Check, Outcome, merged, outcome_of
from handgrad.verify.sandbox import LOAD_SECONDS, LocalSession, ProcessSession, Session, StoppedError, TheirError
from handgrad.verify.saved_model import saved_checks
from handgrad.verify.subject import Subject, find, matched

LAYOUTS = ("(inputs, units)", "(units, inputs)")
Starter = Callable[[Path, bool], Session]
AT_A_TIME = 2
HASHED_BYTES = 1 << 20


def in_process(folder: Path, light: bool) -> Session:
    """For code that is ours: no process of its own, and no limits."""
    return LocalSession(folder, light)


def isolated(trust: bool) -> Starter:
    """A process with limits."""
    return lambda folder, light: ProcessSession(folder, light, trust)


def verify(folder: Path, start: Starter, seed: int | None = None) -> Outcome:
    """Everything that can be checked about a folder of code."""
    began = time.monotonic()
    outcome = Outcome(folder.name)
    try:
        session, loaded = _load(folder, start, outcome)
    except StoppedError as error:
        outcome.checks.append(Check("import", WRONG, str(error), mistake="import"))
        return outcome
    try:
        _remarks(outcome, session, loaded)
        contract = recognise(folder)
        outcome.contract = contract.name
        generator = np.random.default_rng(seed)
        _checks(outcome, folder, session, contract, generator)
    except StoppedError as error:
        outcome.checks.append(Check("process", WRONG, str(error), mistake="process ended"))
    finally:
        session.close()
        outcome.checks = merged(outcome.checks)
        outcome.seconds = time.monotonic() - began
    return outcome


def _load(folder: Path, start: Starter, outcome: Outcome) -> tuple[Session, Any]:
    """Import everything; where that ends the process or takes too long, only what defines something."""
    session = start(folder, False)
    try:
        return session, session.ask("load", LOAD_SECONDS)
    except (StoppedError, TheirError) as error:
        session.close()
        outcome.remarks.append(f"importing everything failed ({error}): only definitions were run")
    session = start(folder, True)
    try:
        return session, session.ask("load", LOAD_SECONDS)
    except (StoppedError, TheirError) as error:
        session.close()
        raise StoppedError(f"the folder cannot be imported: {error}") from error


def _remarks(outcome: Outcome, session: Session, loaded: Any) -> None:
    outcome.isolation = session.isolation
    if loaded["replaced"]:
        outcome.remarks.append(f"in the place of {', '.join(loaded['replaced'])} stood packages that do nothing")
    for name, why in session.left_out[:10]:
        outcome.remarks.append(f"not copied: {name} ({why})")
    for each in loaded["skipped"][:10]:
        line = f"{each['file']}:{each['line']}" if each["line"] else each["file"]
        text = f" `{each['text']}`" if each["text"] else ""
        outcome.remarks.append(f"left out: {line}{text}: {each['why']}")


def _checks(outcome: Outcome, folder: Path, session: Session, contract: Contract, generator: Any) -> None:
    members = members_of(session)
    subject, errors = _subject(session, members, generator)
    if subject:
        maker = subject.maker
        what = (
            f"{'class' if maker.is_class else 'module' if maker.is_module else 'function'} {maker.name or maker.module}"
        )
        biases = f", biases {' '.join(subject.biases)}" if subject.biases else ", no biases"
        outcome.found.append(
            f"network: {what} in {maker.file or maker.module}, widths {subject.chain.widths}, "
            f"weights {' '.join(subject.chain.paths)} as {LAYOUTS[subject.chain.transposed]}"
            f"{biases}, forward {subject.called[2]}, images in {'columns' if subject.column else 'rows'}"
        )
        outcome.checks += _network(subject, contract, generator)
    checks = merged(layer_checks(session, members, generator))
    if subject and subject.matches and len(subject.chain.paths) > 1:
        checks = [_within_network(check) for check in checks]
    checks += merged(loss_pair_checks(session, members, generator))
    checks += merged(dropout_checks(session, members))
    checks += merged(scalar_checks(session, members))
    checks += optimizer_checks(session, members, generator)
    outcome.checks += checks
    layers = list(dict.fromkeys(check.name for check in checks))
    outcome.found += [f"layers: {', '.join(layers)}"] if layers else []
    outcome.checks += program_checks(session, contract)
    outcome.checks += saved_checks(folder, subject, session, contract)
    if not outcome.checks:
        failed = "".join(f"; {name} fails with {error}" for name, error in list(errors.items())[:3])
        words = f"no network, layer, optimizer or scalar engine was found{failed}. --adapter writes a template"
        outcome.checks.append(Check("import", UNCHECKED, words))


def _within_network(check: Check) -> Check:
    """A layer's part of a convention, such as where 1/N is, is judged by the network's gradients, which are whole."""
    whole = any(word in check.name for word in ("norm", "convolution", "pooling", "dropout", "loss"))
    return check if whole or check.status != WRONG else replace(check, status=NOTE)


def _subject(
    session: Session, members: Sequence[Member], generator: np.random.Generator
) -> tuple[Subject | None, dict[str, str]]:
    """The first network that computes what one does, else the first that reacts to its weights; and what failed."""
    first, errors = None, dict[str, str]()
    layers = {pair.name for pair in pairs(members)}
    for subject in find(session, members, Wanted(), generator, errors):
        if subject.maker.name in layers and len(subject.chain.paths) == 1:
            continue  # a single layer: its own check says more
        if subject.matches:
            return subject, errors
        first = first or subject
    return first, errors


def _network(subject: Subject, contract: Contract, generator: np.random.Generator) -> list[Check]:
    checks: list[Check] = []
    for wanted in cases(subject):
        try:
            made = subject.made(wanted)
        except TheirError:
            continue
        if wanted.activation != subject.wanted.activation and subject.matches:
            made = _refitted(made, wanted, generator)
        try:
            checks += _case(made, contract, generator, first=wanted == subject.wanted)
        except TheirError as error:
            checks.append(
                Check("forward", WRONG, f"with {wanted.activation}: {error}", layer="unknown", mistake="crash")
            )
    return checks


def _refitted(subject: Subject, wanted: Wanted, generator: np.random.Generator) -> Subject:
    """The subject with the activation that it computes."""
    fitting = matched(subject, generator)
    return fitting or replace(subject, activation=wanted.activation, matches=False)


def _case(subject: Subject, contract: Contract, generator: np.random.Generator, first: bool) -> list[Check]:
    checks = list(forward_checks(subject, generator))
    if not subject.matches:
        return checks
    batch = draw(subject, generator)
    losses = losses_of(subject, batch)
    calls = tuple(each.call for each in losses if each.call and all(argument.role for argument in each.call[1]))
    subject = replace(subject, losses=calls)
    if first:
        checks += loss_checks(subject, losses)
    found, where, loss = gradient_checks(subject, losses, contract, generator)
    checks += found
    if first and where:
        checks += difference_checks(subject, generator, loss)
    if first and where and all(check.status != WRONG for check in checks):
        checks += decay_checks(subject, where, loss, generator)
    if first:
        checks += weight_checks(subject, contract, generator)
    if first and where and all(check.status != WRONG for check in checks):
        checks += training_checks(subject, where, loss, generator)
    return checks


def students(folder: Path) -> list[Path]:
    """The hand-ins of a class: its sub-folders."""
    found = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[:1] not in "._")
    if not found:
        raise UsageError(f"{folder} has no sub-folders, one a student (--class)")
    return found


def fingerprint(folder: Path) -> str:
    """Changes when a file of the folder does, or the version of handgrad."""
    found = hashlib.sha256(version("handgrad").encode())
    for top, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(top) / name
            status = path.lstat()
            found.update(f"{path.relative_to(folder)} {status.st_size}".encode())
            if path.suffix in (".py", ".ipynb") and path.is_file() and status.st_size < HASHED_BYTES:
                found.update(path.read_bytes())
    return found.hexdigest()


def check_class(folder: Path, results: Path, start: Starter, report: Callable[[Outcome, bool], None]) -> list[Outcome]:
    """Every student's outcome, by name; `report` gets each as it is there, and whether it was read from its file."""
    results.mkdir(parents=True, exist_ok=True)

    def one(path: Path) -> Outcome:
        target, mark = results / f"{path.name}.json", fingerprint(path)
        known = _known(target, mark)
        outcome = known or _checked(path, start)
        if not known:
            atomic_write(target, json.dumps({**outcome.mapping(), "fingerprint": mark}, indent=1) + "\n")
        report(outcome, known is not None)
        return outcome

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return list(pool.map(one, students(folder)))


def _checked(path: Path, start: Starter) -> Outcome:
    """One student never stops the others."""
    try:
        return verify(path, start)
    except Exception as error:
        return Outcome(
            path.name, checks=[Check("check", WRONG, f"the check itself failed: {error}", mistake="check failed")]
        )


def _known(path: Path, mark: str) -> Outcome | None:
    if not path.exists():
        return None
    try:
        content = read_json(path)
        return outcome_of(content) if content.get("fingerprint") == mark else None
    except (CorruptDataError, FileSystemError, TypeError, KeyError):
        return None
