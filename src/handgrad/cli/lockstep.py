"""`handgrad lockstep`: the hand-written engine and PyTorch side by side."""

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.progress import track
from rich.table import Table

from handgrad.cli.console import Screen, say, say_beyond, say_notes, working
from handgrad.cli.flags import DASHES, parse
from handgrad.cli.help_text import help_text
from handgrad.cli.options import CONFIG, HELP, Option
from handgrad.cli.watching import read_dataset
from handgrad.config import RunConfig
from handgrad.config.value_types import Names, Whole
from handgrad.nn import Network
from handgrad.runs import diagnose_run, open_run, prepare
from handgrad.torch_port import TorchTrainer
from handgrad.torch_port.discrepancies import DISCREPANCIES
from handgrad.torch_port.lockstep import Lockstep, Parting, lockstep
from handgrad.training import Trainer
from handgrad.training.diagnose import heed

OPTIONS = (
    CONFIG,
    Option("steps", Whole(1, 100_000), "number of training steps to compare", ("n_steps",), default=100),
    Option(
        "torch",
        Names("torch", DISCREPANCIES),
        "variants of the PyTorch code, see below",
        default=(),
    ),
    HELP,
)
EXAMPLES = (
    "handgrad lockstep --dataset digits --dtype float64",
    "handgrad lockstep --dataset mnist -o adam --torch epsilon_inside",
    "handgrad lockstep runs/NAME --steps 500          from a run's weights on",
)
STAGES = ("output", "statistics", "gradient", "weights")
PLACES = {
    "output": "in the output of",
    "statistics": "in the running statistics of",
    "loss": "in the loss, from equal outputs",
    "gradient": "in the gradient of",
    "update": "in the update of",
}


def run(tokens: list[str]) -> int:
    """Print how far both drift apart, and where and why one step parts them; exit code 1 when one does."""
    start, tokens = _start(tokens)
    parsed = parse(tokens, OPTIONS)
    if parsed.options["help"]:
        print(_help(), end="")
        return 0
    say_beyond(parsed.config)
    say_notes(parsed.notes)
    config, discrepancies = parsed.config, parsed.options["torch"]
    dataset = read_dataset(config)
    heed(diagnose_run(config, dataset))

    def make(kind: type[Trainer], dtype: str) -> Trainer:
        return kind(*prepare(config.replaced(dtype=dtype), dataset), device=config.device)

    result = lockstep(make, config.dtype, parsed.options["steps"], discrepancies, start, _watched)
    network = make(TorchTrainer, config.dtype).network
    _print(result, network, config, discrepancies)
    return int(result.parting is not None)


def _start(tokens: list[str]) -> tuple[Network | None, list[str]]:
    """The network of the run that comes first, if one does, with its settings put before the flags."""
    if not tokens or tokens[0][0] in DASHES:
        return None, tokens
    folder = open_run(Path(tokens[0]))
    return folder.load_model(), ["--config", str(folder.config_file), *tokens[1:]]


def _watched(steps: Iterable[int]) -> Iterable[int]:
    console = Screen()
    if console.is_terminal:
        yield from track(list(steps), "comparing", console=console, transient=True)
    else:
        with working("comparing step by step"):
            yield from steps


def _help() -> str:
    rows = [f"  {name:<26}{discrepancy.meaning}" for name, discrepancy in DISCREPANCIES.items()]
    ways = "variants of the PyTorch code (--torch), whose differences lockstep then explains:\n" + "\n".join(rows)
    return help_text("handgrad lockstep [RUN]", EXAMPLES, OPTIONS) + f"\n{ways}\n"


def _print(result: Lockstep, network: Network, config: RunConfig, discrepancies: tuple[str, ...]) -> None:
    say(f"{result.steps} steps from the same weights, batches and masks, in {config.dtype}")
    for name in discrepancies:
        say(f"PyTorch's side with {name}: {DISCREPANCIES[name].meaning}")
    say("largest relative difference of the two trainings, and its step:")
    Screen().print(_table(result, network))
    text = _together(result) if result.parting is None else _apart(result.parting, network)
    say("\n".join(line for part in text for line in textwrap.wrap(part, 80)))


def _table(result: Lockstep, network: Network) -> Table:
    table = Table("layer", *STAGES, box=None)
    for number, layer in enumerate(network.layers):
        if number in result.drifts:
            peaks = result.drifts[number].peaks
            table.add_row(f"{number} {type(layer).__name__}", *(_peak(peaks.get(stage)) for stage in STAGES))
    table.add_row("loss", _peak(result.drifts[-1].peaks["loss"]))
    return table


def _peak(peak: Any) -> str:
    return "" if peak is None else f"{peak.value:.1e} @{peak.step}"


def _together(result: Lockstep) -> list[str]:
    together = (
        f"They stay together: put where PyTorch stands, each of the {result.steps} steps by hand ends where PyTorch's "
        f"does; at most {100 * result.closest:.0f} % of the bound for rounding is used. What drifted in the table is "
        "rounding that training made grow."
    )
    kinks = (
        f"Rounding alone decided {result.crossings:,} times on which side of a ReLU's kink a number fell: from there "
        "on drift grows faster."
    )
    return [together, kinks] if result.crossings else [together]


def _apart(parting: Parting, network: Network) -> list[str]:
    layer = f" layer {parting.layer} ({type(network.layers[parting.layer]).__name__})" if parting.layer >= 0 else ""
    where = f"They part at step {parting.step}, {PLACES[parting.stage]}{layer}: by {parting.difference:.1e} of it."
    known = [cause for cause in parting.causes if cause.unexplained <= 1]
    if not known:
        tried = ", ".join(cause.name for cause in parting.causes) or "none is known for this place"
        return [where, f"Why: nothing that was tried explains it ({tried})."]
    best, *others = known
    lines = [where, f"Why: {best.meaning}. This explains the numbers to within rounding."]
    if others:
        lines.append(f"So would: {', '.join(cause.name for cause in others)}; more --steps may tell them apart.")
    return lines
