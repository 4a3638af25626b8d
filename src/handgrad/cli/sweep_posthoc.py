"""What follows a sweep: `handgrad sweep test | ensemble | transfer NAME`.

The networks that validation has chosen are evaluated on test images, one by one or as an ensemble, and good
configurations are trained on another data set.
"""

from collections.abc import Iterator

from rich.text import Text

from handgrad.cli.console import one_by_one
from handgrad.cli.evaluate import show_points, show_table, test_numbers
from handgrad.cli.flags import ParsedFlags
from handgrad.cli.sweep_report import TransferView
from handgrad.config.metrics import is_share
from handgrad.errors import UsageError
from handgrad.evaluation import Interval
from handgrad.evaluation.tables import Table, ends, percent, test_in_words
from handgrad.screen import Screen, echo
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.posthoc import test, transfer
from handgrad.sweeps.search import run_sweep


def test_best(sweep: Sweep, parsed: ParsedFlags) -> int:
    """Evaluate the networks of the best configurations on the test images, unless that was done before."""
    ranked, number = test.ranking(sweep), parsed.options["trial"]
    entries = test.first_of(ranked, parsed.options["top"]) if number is None else [test.of_trial(ranked, number)]
    before = len(test.read_chosen(sweep))
    records = test.evaluate_on_test(sweep, entries, echo, one_by_one)
    tested = len(test.read_chosen(sweep))
    screen, metric = Screen(highlight=False), sweep.definition.metric.name
    show_points(screen, [f"trial {record['trial']}: {record['run']}" for record in records])
    screen.print()
    # A row for each configuration, by its rank when it was looked at
    share = is_share(metric)
    rows = tuple(
        (
            str(record["trial"]),
            percent(record["objective"]) if share else f"{record['objective']:.4f}",
            percent(record["test_accuracy"]),
            ends(Interval(record["test_accuracy"], record["low"], record["high"], record["images"])),
            f"{record['images']:,} images" if record["over"] == "images" else f"{len(record['networks'])} seeds",
        )
        for record in records
    )
    columns = ("trial", f"{metric.replace('_accuracy', '')}{' %' * share}", "test %", "95 % interval", "over")
    show_table(screen, Table("Test accuracy of what validation has chosen", columns, rows))
    screen.print()
    notes = [each["note"] for record in records for each in record["networks"] if "note" in each]
    kept = "" if tested > before else ", all of them before"
    how_many = "1 configuration was" if tested == 1 else f"{tested} configurations were"
    show_points(screen, [*notes, f"{how_many} looked at on the test images{kept}: {test.chosen_file(sweep)}"])
    return 0


def test_ensemble(sweep: Sweep, parsed: ParsedFlags) -> int:
    """Choose by validation images, evaluate on the test images, and print."""
    entries = test.first_of(test.ranking(sweep), parsed.options["top"])
    outcome = test.evaluate_ensemble(sweep, entries, parsed.options["select"], echo, one_by_one)
    screen = Screen(highlight=False)
    show_points(screen, [f"trial {each.kept.trial.number}: {each.kept.run.name}" for each in outcome.members])
    screen.print()
    show_table(screen, _ensemble_table(outcome))
    screen.print()
    show_points(screen, [*_ensemble_points(outcome), f"kept in {test.outcome_file(sweep, outcome)}"])
    return 0


def _ensemble_table(outcome: test.Outcome) -> Table:
    """The ensemble, then its members by rank."""
    whole = ("ensemble", outcome.validation, outcome.test, sum(member.weight for member in outcome.members))
    each = ((f"trial {m.kept.trial.number}", m.validation, m.test, m.weight) for m in outcome.members)
    rows = tuple(
        (name, percent(validation.mean) if validation else "", percent(tested.mean), ends(tested), str(count))
        for name, validation, tested, count in (whole, *each)
    )
    columns = ("", "validation %", "test %", "95 % interval", "counts")
    return Table("Accuracy of the ensemble and its members", columns, rows)


def _ensemble_points(outcome: test.Outcome) -> Iterator[str]:
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


def transfer_best(sweep: Sweep, parsed: ParsedFlags) -> int:
    """Choose, run what is missing, evaluate the networks on the test images, and print."""
    if "dataset" not in parsed.stated:
        raise UsageError("handgrad sweep transfer: to which data set? Give --dataset")
    options, settings = parsed.options, parsed.stated
    if options["use_wandb"] is not None:
        settings = settings | {"track": parsed.with_wandb().track}
    entries = test.ranking(sweep)
    test.first_of(entries, options["top"])
    choice = transfer.choose_for(sweep, entries, options["top"], settings)
    there = transfer.open_transfer(sweep, choice.picks, settings, options["seeds"])
    run_sweep(there, options["jobs"], None, TransferView())
    outcome = transfer.outcome_of(sweep, there, choice, settings, one_by_one)
    transfer.save(there.path, outcome)
    screen = Screen(highlight=False)
    first, *rest = transfer.choice_in_words(outcome)
    screen.print("", Text(first), sep="\n")
    show_points(screen, rest)
    table = transfer.table_of(outcome)
    screen.print("", table.title, sep="\n")
    show_table(screen, table)
    screen.print()
    show_points(screen, transfer.pairs_in_words(outcome))
    echo(f"written: {there.path / 'transfer.json'}, transfer.md")
    return 0
