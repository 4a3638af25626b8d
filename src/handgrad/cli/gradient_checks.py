"""`handgrad gradcheck` and `handgrad lockstep`: the hand-written engine against finite differences and PyTorch."""

import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np
from rich.progress import track
from rich.table import Table

from handgrad.cli.console import echo_additions, echo_notes, read_dataset
from handgrad.cli.flags import DASHES, parse_or_help
from handgrad.config import RunConfig, build_split
from handgrad.config.value_types import Names
from handgrad.nn import Network, gradcheck
from handgrad.runs import build_network, diagnose_run, open_run, prepare
from handgrad.screen import Screen, echo, working
from handgrad.torch_port import TorchTrainer
from handgrad.torch_port.discrepancies import DISCREPANCIES
from handgrad.torch_port.lockstep import Lockstep, Parting, lockstep
from handgrad.training import Trainer
from handgrad.training.diagnose import heed, of_images

BOUND = 1e-7
IMAGES = 8
ELEMENTS = 50
STAGES = ("output", "statistics", "gradient", "weights")
PLACES = {
    "output": "in the output of",
    "statistics": "in the running statistics of",
    "loss": "in the loss, from equal outputs",
    "gradient": "in the gradient of",
    "update": "in the update of",
}


def run_gradcheck(tokens: list[str]) -> int:
    """Print the relative error of each parameter's gradient; exit code 1 when one is above 1e-7."""
    parsed = parse_or_help(tokens, "gradcheck")
    echo_additions(parsed.config, ("batch_norm", "dropout"))  # what is no part of the network has no gradient to check
    echo_notes(parsed.notes)
    config = parsed.config.replaced(dtype="float64")
    dataset = read_dataset(config)
    heed(of_images(build_split(config, dataset), dataset.class_names, dataset))
    network = build_network(config, dataset, np.arange(len(dataset.y_train)))
    batch = dataset.x_train[:IMAGES], dataset.y_train[:IMAGES]
    with working("taking every gradient by finite differences"):
        checks = gradcheck(network, batch, elements=ELEMENTS, key=config.seed + 1)
    table = Table("parameter", "relative error", "elements", "on a kink", "", box=None)
    for check in checks:
        verdict = "ok" if check.relative_error <= BOUND else "WRONG"
        table.add_row(check.name, f"{check.relative_error:.1e}", str(check.checked), str(check.on_kink), verdict)
    Screen().print(table)
    worst = max(check.relative_error for check in checks)
    passed = all(check.relative_error <= BOUND for check in checks)  # also False where nothing could be checked: NaN
    print(f"largest relative error {worst:.1e}, bound {BOUND:.0e}: {'passed' if passed else 'FAILED'}")
    return int(not passed)


def run_lockstep(tokens: list[str]) -> int:
    """Print how far both drift apart, and where and why one step parts them; exit code 1 when one does."""
    start, tokens = _start(tokens)
    parsed = parse_or_help(tokens, "lockstep", _discrepancies(), torch=Names("torch", DISCREPANCIES))
    echo_additions(parsed.config)
    echo_notes(parsed.notes)
    config, discrepancies = parsed.config, parsed.options["torch"] or ()
    dataset = read_dataset(config)
    heed(diagnose_run(config, dataset))

    def make(trainer: type[Trainer], dtype: str) -> Trainer:
        return trainer(*prepare(config.replaced(dtype=dtype), dataset), device=config.device)

    result = lockstep(make, config.dtype, parsed.options["steps"], discrepancies, start, _watched)
    network = make(TorchTrainer, config.dtype).network
    _print(result, network, config, discrepancies)
    return int(result.parting is not None)


def _start(tokens: list[str]) -> tuple[Network | None, list[str]]:
    """The network of the run that comes first, if one does, with its settings put before the flags."""
    if not tokens or tokens[0][0] in DASHES:
        return None, tokens
    folder = open_run(tokens[0])
    return folder.load_model(), ["--config", str(folder.config_file), *tokens[1:]]


def _watched(steps: Iterable[int]) -> Iterable[int]:
    console = Screen()
    if console.is_terminal:
        yield from track(list(steps), "comparing", console=console, transient=True)
    else:
        with working("comparing step by step"):
            yield from steps


def _discrepancies() -> str:
    rows = [f"  {name:<26}{discrepancy.meaning}" for name, discrepancy in DISCREPANCIES.items()]
    return "\n".join(["", "variants of the PyTorch code (--torch); lockstep explains their differences:", *rows, ""])


def _print(result: Lockstep, network: Network, config: RunConfig, discrepancies: tuple[str, ...]) -> None:
    echo(f"{result.steps} steps from the same weights, batches and masks, in {config.dtype}")
    for name in discrepancies:
        echo(f"PyTorch's side with {name}: {DISCREPANCIES[name].meaning}")
    echo("largest relative difference of the two trainings, and its step:")
    table = Table("layer", *STAGES, box=None)
    for number, layer in enumerate(network.layers):
        if number in result.drifts:
            peaks = result.drifts[number].peaks
            table.add_row(f"{number} {type(layer).__name__}", *(_peak(peaks.get(stage)) for stage in STAGES))
    table.add_row("loss", _peak(result.drifts[-1].peaks["loss"]))
    Screen().print(table)
    text = _together(result) if result.parting is None else _apart(result.parting, network)
    echo("\n".join(line for part in text for line in textwrap.wrap(part, 80)))


def _peak(peak: Any) -> str:
    return "" if peak is None else f"{peak.value:.1e} @{peak.step}"


def _together(result: Lockstep) -> list[str]:
    together = (
        f"Both trainings agree: started from PyTorch's weights, each of the {result.steps} steps gives PyTorch's "
        f"result; the difference is at most {100 * result.closest:.0f} % of the bound for rounding. The table shows "
        "rounding errors that grew during training."
    )
    kinks = (
        f"{result.crossings:,} times, only rounding decided on which side of a ReLU's kink a number was: after that, "
        "the difference grows faster."
    )
    return [together, kinks] if result.crossings else [together]


def _apart(parting: Parting, network: Network) -> list[str]:
    layer = f" layer {parting.layer} ({type(network.layers[parting.layer]).__name__})" if parting.layer >= 0 else ""
    where = (
        f"They first differ at step {parting.step}, {PLACES[parting.stage]}{layer}: by {parting.difference:.1e} of it."
    )
    known = [cause for cause in parting.causes if cause.unexplained <= 1]
    if not known:
        tried = ", ".join(cause.name for cause in parting.causes) or "none is known for this place"
        return [where, f"Why: nothing that was tried explains it ({tried})."]
    best, *others = known
    lines = [where, f"Why: {best.meaning}. This explains the numbers to within rounding."]
    if others:
        lines.append(f"So would: {', '.join(cause.name for cause in others)}; more --steps may distinguish them.")
    return lines
