"""`handgrad sweep transfer NAME --dataset D`: good and diverse configurations on another data set."""

from rich.text import Text

from handgrad.cli.console import Screen, say
from handgrad.cli.evaluation_screen import show_points, show_table
from handgrad.cli.flags import ParsedFlags
from handgrad.cli.options import DEBUG, HELP, JOBS, SWEEPS_DIR, USE_WANDB, Option
from handgrad.cli.subcommands import Subcommand
from handgrad.cli.sweep_view import TransferView
from handgrad.cli.tracked import with_wandb
from handgrad.cli.watching_runs import watched
from handgrad.config.value_types import Whole
from handgrad.errors import UsageError
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.posthoc.test import first_of, ranking
from handgrad.sweeps.posthoc.transfer import (
    Outcome,
    choice_in_words,
    choose_for,
    open_transfer,
    outcome_of,
    pairs_in_words,
    save,
    table_of,
)
from handgrad.sweeps.search import run_sweep


def transfer(sweep: Sweep, parsed: ParsedFlags) -> int:
    """Choose, run what is missing, ask the networks about the test images, and tell."""
    if "dataset" not in parsed.given:
        raise UsageError("handgrad sweep transfer: to which data set? Give --dataset")
    options, settings = parsed.options, parsed.given
    if options["use_wandb"] is not None:
        settings = settings | {"track": with_wandb(parsed).track}
    entries = ranking(sweep)
    first_of(entries, options["top"])
    choice = choose_for(sweep, entries, options["top"], settings)
    there = open_transfer(sweep, choice.picks, settings, options["seeds"])
    run_sweep(there, options["jobs"], None, TransferView())
    outcome = outcome_of(sweep, there, choice, settings, watched)
    save(there.path, outcome)
    _show(Screen(highlight=False), outcome)
    say(f"written: {there.path / 'transfer.json'}, transfer.md")
    return 0


def _show(screen: Screen, outcome: Outcome) -> None:
    first, *rest = choice_in_words(outcome)
    screen.print("", Text(first), sep="\n")
    show_points(screen, rest)
    screen.print("", table_of(outcome).title, sep="\n")
    show_table(screen, table_of(outcome))
    screen.print()
    show_points(screen, pairs_in_words(outcome))


TRANSFER = Subcommand(
    "train a few good, different configurations on another data set",
    transfer,
    (
        Option("top", Whole(1), "number of configurations to transfer", ("n", "configurations"), default=3),
        Option("seeds", Whole(1, 10_000), "number of random seeds for each, from --seed on", ("n_seeds",), default=1),
        JOBS,
        USE_WANDB,
        SWEEPS_DIR,
        DEBUG,
        HELP,
    ),
    (
        "handgrad sweep transfer first --dataset mnist",
        "handgrad sweep transfer first --dataset mnist --top 5 --seeds 3 --jobs 2",
        "handgrad sweep transfer first --dataset photos/ --epochs 20",
    ),
    "Choose configurations of a sweep that are all good and as different as possible, train them on another data set, "
    "and evaluate their networks on its test images.\n"
    "--dataset and other settings, such as --epochs, apply to all of these trainings. If the command was stopped, the "
    "same command runs what is missing. Results are in NAME/transfer/DATASET.",
    settings=None,
)
