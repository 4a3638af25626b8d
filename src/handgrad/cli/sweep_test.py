"""`handgrad sweep test NAME`: the test accuracy of what validation has chosen."""

from typing import Any

from handgrad.cli.console import Screen, say
from handgrad.cli.evaluation_screen import show_points, show_table
from handgrad.cli.flags import ParsedFlags
from handgrad.cli.options import DEBUG, HELP, SWEEPS_DIR, Option
from handgrad.cli.subcommands import Subcommand
from handgrad.cli.watching_runs import watched
from handgrad.config.value_types import Whole
from handgrad.evaluation import Interval
from handgrad.evaluation.tables import Table, ends, percent
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.posthoc.test import chosen_file, evaluate_on_test, first_of, of_trial, ranking, read_chosen


def test(sweep: Sweep, parsed: ParsedFlags) -> int:
    """Ask the networks of the best configurations about the test images, those that were not asked before."""
    ranked, number = ranking(sweep), parsed.options["trial"]
    entries = first_of(ranked, parsed.options["top"]) if number is None else [of_trial(ranked, number)]
    before = len(read_chosen(sweep))
    records = evaluate_on_test(sweep, entries, say, watched)
    tested = len(read_chosen(sweep))
    screen, metric = Screen(highlight=False), sweep.definition.metric.name
    show_points(screen, [f"trial {record['trial']}: {record['run']}" for record in records])
    screen.print()
    show_table(screen, table_of(records, metric))
    screen.print()
    notes = [each["note"] for record in records for each in record["networks"] if "note" in each]
    kept = "" if tested > before else ", all of them before"
    how_many = "1 configuration was" if tested == 1 else f"{tested} configurations were"
    show_points(screen, [*notes, f"{how_many} looked at on the test images{kept}: {chosen_file(sweep)}"])
    return 0


def table_of(records: list[dict[str, Any]], metric: str) -> Table:
    """A row for each configuration, by its rank when it was looked at."""
    share = metric.endswith("accuracy")
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
    return Table("Test accuracy of what validation has chosen", columns, rows)


TEST = Subcommand(
    "measure the test accuracy of the best configuration, once",
    test,
    (
        Option("top", Whole(1), "number of best configurations to test", ("n",), default=1),
        Option("trial", Whole(0), "test the configuration of this trial instead", ("number",)),
        SWEEPS_DIR,
        DEBUG,
        HELP,
    ),
    ("handgrad sweep test first", "handgrad sweep test first --top 3", "handgrad sweep test first --trial 17"),
    "Evaluate the networks of a sweep's best configurations on the test images. The validation images chose them; the "
    "test accuracy is never used to choose.\n"
    "NAME/chosen.json stores the results, and how many configurations were evaluated on the test images so far.",
)
