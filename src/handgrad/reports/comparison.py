"""Several runs side by side."""

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

from handgrad.evaluation import Interval
from handgrad.evaluation.tables import Table as Numbers
from handgrad.evaluation.tables import ends, p_value, percent, test_in_words
from handgrad.figures import RunData
from handgrad.reports.blocks import Block, Code, Headline, Note, Points, Report, Section, Table, Text, spelled
from handgrad.reports.run_report import Gallery, single
from handgrad.runs import Run
from handgrad.runs.comparison import Comparison, Configuration, Member, Pair, compare

CURVES = ("compare_loss", "compare_accuracy", "compare_roc", "compare_top3")


def results_section(comparison: Comparison, gallery: Gallery) -> Section:
    """One row a configuration, and the bars with their intervals."""
    table = results_table(comparison.configurations)
    caption = (
        "Configurations on the test images; of a single run with Wilson's interval over images, of the mean of several "
        "seeds with Student's over seeds"
    )
    rows = Table(("", *table.columns[1:]), table.rows, caption, ("",))
    blocks: list[Block] = [rows, *gallery.pictures("compare_test")]
    # The accuracy of the best configuration, and which runs it is of
    best = max(comparison.configurations, key=lambda each: each.accuracy.mean)
    mean, low, high, seeds = best.accuracy
    of = f", the mean over {seeds} seeds" if len(best.replicates) > 1 else ""
    interval = "" if math.isnan(low) else f" (95 % interval {100 * low:.2f} to {100 * high:.2f})"
    several = len(comparison.configurations) > 1
    which = f" by {best.letter}, the best of {len(comparison.configurations)} configurations" if several else ""
    words = f"of the test images are classified correctly{which}{of}{interval}."
    return Section("results", "Results", [Headline(f"{100 * mean:.2f} %", words), *blocks])


def results_table(configurations: Sequence[Configuration]) -> Numbers:
    """A row a run, and the mean of several seeds."""
    rows = []
    for each in configurations:
        for member in each.members:
            counts = [(member.parameters, ","), (member.epochs, ""), (member.seconds, ".1f")]
            written = ["" if count is None else format(count, form) for count, form in counts]
            rows.append((each.letter, str(member.seed), *_scores(member.summary.accuracy, [member]), *written))
        if len(each.members) > 1:
            seeds = each.replicates
            rows.append(("mean", f"of {len(seeds)}", *_scores(each.accuracy, seeds), "", "", ""))
    columns = ("", "seed", "accuracy %", "95 % interval", "F1 %", "loss", "params", "epochs", "seconds")
    return Numbers("Test accuracy, macro F1, cross-entropy", columns, tuple(rows))


def _scores(accuracy: Interval, members: Sequence[Member]) -> tuple[str, ...]:
    """The accuracy and its interval, and the means of F1 and loss."""
    f1 = fmean(member.summary.classes.macro.f1 for member in members)
    losses = [member.summary.cross_entropy for member in members if member.summary.cross_entropy is not None]
    return percent(accuracy.mean), ends(accuracy), percent(f1), f"{fmean(losses):.4f}" if losses else ""


def settings_section(comparison: Comparison) -> Section:
    """What differs, and nothing else."""
    letters = [configuration.letter for configuration in comparison.configurations]
    if not comparison.settings:
        return Section("settings", "What differs", [Text("Nothing but the seed: the runs are replicates.")])
    runs = (", ".join(member.run.name for member in each.members) for each in comparison.configurations)
    rows = [("runs", *runs), *((name, *map(spelled, values)) for name, values in comparison.settings.items())]
    return Section("settings", "What differs", [Table(("setting", *letters), rows, words=("setting", *letters))])


def pairs_section(comparison: Comparison) -> Section:
    """Each pair: by how much, how sure, and whether the difference has one cause or several."""
    blocks: list[Block] = []
    for pair in comparison.pairs:
        blocks += _pair_blocks(pair)
    if not blocks:
        blocks = [Text("There is one configuration, so there is no pair to compare.")]
    return Section("pairs", "What the differences show", blocks)


def _pair_blocks(pair: Pair) -> list[Block]:
    heading = f"{pair.first.letter} against {pair.second.letter}: {pair.verdict}."
    blocks: list[Block] = [Text(heading), Points(list(pair_lines(pair)))]
    if pair.controlled:
        return blocks
    blocks.append(Note("Several settings differ, so this does not show which of them made the difference."))
    if pair.missing:
        commands = "\n".join(missing.command for missing in pair.missing)
        blocks += [Text("The runs that would separate these settings:"), Code(commands)]
    return blocks


def pair_lines(pair: Pair) -> Iterator[str]:
    """By how much, how sure, and where the two disagree."""
    first, second = pair.first.letter, pair.second.letter
    low, high = (f"{100 * end:+.2f}" for end in (pair.difference.low, pair.difference.high))
    interval = f", 95 % interval [{low}, {high}]" if pair.over else ""
    yield f"accuracy of {first} less that of {second}: {100 * pair.difference.mean:+.2f} points{interval}"
    if pair.over == "seeds":
        yield pair.how
    elif pair.test:
        yield test_in_words(pair.test, first, second)
        changed = pair.adjusted if pair.adjusted != pair.test.p else None
        holm = f", corrected for all pairs (Holm) p {p_value(changed)}" if changed else ""
        yield f"McNemar's test: p {p_value(pair.test.p)}{holm}"
        yield "one seed each: other seeds may answer otherwise"
    else:
        yield f"no interval, {pair.how}"


def several(runs: Sequence[Run], tsne_images: int, log: Callable[[str], None]) -> Report:
    """What each reached, what differs, what that tells, and the curves on top of each other."""
    comparison = compare(runs)
    gallery = Gallery([RunData(run, tsne_images, log=log) for run in runs])
    sections = [
        results_section(comparison, gallery),
        pairs_section(comparison),
        settings_section(comparison),
        Section("curves", "Training and predictions", gallery.pictures(*CURVES)),
    ]
    left_out = [Note(f"Not shown: {reason}") for reason in gallery.left_out]
    commands = "\n".join(each.setup.command() for one in comparison.configurations for each in one.members)
    words = Text("These commands train the same networks again:")
    sections.append(Section("reproduce", "How to reproduce it", [words, Code(commands), *left_out]))
    datasets = ", ".join(sorted({run.config.dataset for run in runs}))
    count = len(comparison.configurations)
    facts = [("runs", str(len(runs))), ("configurations", str(count)), ("data set", datasets)]
    title = f"{len(runs)} runs compared"
    return Report(title, "Trained by handgrad", facts, sections)


def build_report(runs: Sequence[Run], tsne_images: int, log: Callable[[str], None]) -> Report:
    """The report of one run, or the comparison of several; `log` gets what takes long.

    Raises  UsageError for runs without a network, or not to be compared; FileSystemError, CorruptDataError.
    """
    if len(runs) == 1:
        return single(runs[0], tsne_images, log)
    return several(runs, tsne_images, log)
