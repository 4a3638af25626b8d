"""`handgrad sweep ensemble NAME`: an ensemble of the best configurations' networks."""

from collections.abc import Iterator

from handgrad.cli.console import Screen, say
from handgrad.cli.evaluation_screen import show_points, show_table, test_in_words, test_numbers
from handgrad.cli.flags import ParsedFlags
from handgrad.cli.options import DEBUG, HELP, SWEEPS_DIR, Option
from handgrad.cli.subcommands import Subcommand
from handgrad.cli.watching_runs import watched
from handgrad.config.value_types import Name, Whole
from handgrad.evaluation.tables import Table, ends, percent
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.posthoc.test import SELECTIONS, Outcome, evaluate_ensemble, first_of, outcome_file, ranking


def together(sweep: Sweep, parsed: ParsedFlags) -> int:
    """Choose by validation images, ask about the test images, and tell."""
    options = parsed.options
    entries = first_of(ranking(sweep), options["top"])
    outcome = evaluate_ensemble(sweep, entries, options["select"], say, watched)
    screen = Screen(highlight=False)
    show_points(screen, [f"trial {each.kept.trial.number}: {each.kept.run.name}" for each in outcome.members])
    screen.print()
    show_table(screen, table_of(outcome))
    screen.print()
    show_points(screen, [*points(outcome), f"kept in {outcome_file(sweep, outcome)}"])
    return 0


def table_of(outcome: Outcome) -> Table:
    """The ensemble, then its members by rank."""
    validation = outcome.validation
    total = sum(member.weight for member in outcome.members)
    own = percent(validation.mean) if validation else ""
    rows = [("ensemble", own, percent(outcome.test.mean), ends(outcome.test), str(total))]
    rows += [
        (
            f"trial {member.kept.trial.number}",
            percent(member.validation.mean),
            percent(member.test.mean),
            ends(member.test),
            str(member.weight),
        )
        for member in outcome.members
    ]
    columns = ("", "validation %", "test %", "95 % interval", "counts")
    return Table("Accuracy of the ensemble and its members", columns, tuple(rows))


def points(outcome: Outcome) -> Iterator[str]:
    """What there is to say of it, a sentence each."""
    yield from (member.kept.note for member in outcome.members if member.kept.note)
    best = f"trial {outcome.members[0].kept.trial.number}"
    if outcome.candidates > len(outcome.members):
        yield (
            f"{len(outcome.members)} of {outcome.candidates} networks: no other ensemble that was tried is better on "
            "the validation images, so that its accuracy there promises too much"
        )
    if outcome.validation is None:
        yield "the members held out different images, so that there is no validation accuracy of all together"
    yield (
        f"against {best}, its best member by validation: {test_in_words(outcome.gain, 'the ensemble', best)}; "
        f"{test_numbers(outcome.gain, None)} (McNemar's test, on test images)"
    )


ENSEMBLE = Subcommand(
    "average the predictions of the best networks",
    together,
    (
        Option("top", Whole(2), "number of the best configurations to choose from", ("n",), default=5),
        Option(
            "select",
            Name("select", tuple(SELECTIONS)),
            "all: each of them once; greedy: add, one by one, the member that improves the validation accuracy most",
            default="all",
        ),
        SWEEPS_DIR,
        DEBUG,
        HELP,
    ),
    ("handgrad sweep ensemble first", "handgrad sweep ensemble first --top 20 --select greedy"),
    "Average the probabilities of the networks of the best configurations, one network each. The validation images "
    "choose the members. The ensemble and its members are then evaluated on the test images, once.",
)
