"""Several runs side by side."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from handgrad.figures import RunData
from handgrad.reports.blocks import Block, Code, Headline, Note, Report, Section, Table, Text, percent
from handgrad.reports.run_report import Gallery, single
from handgrad.runs import Run
from handgrad.runs.comparison import Comparison, Configuration, Pair, compare


def results_section(comparison: Comparison, gallery: Gallery) -> Section:
    """One row a configuration, and the bars with their intervals."""
    rows = [_row(configuration) for configuration in comparison.configurations]
    header = ("", "runs", "seeds", "test accuracy", "95 % interval", "macro F1", "parameters", "seconds")
    caption = (
        "Configurations on the test images. Of several seeds: the mean, with Student's interval over seeds; of a "
        "single run: its accuracy, with Wilson's interval over images"
    )
    table = Table(header, rows, caption, ("", "runs"))
    blocks: list[Block] = [table, *gallery.pictures("compare_test")]
    return Section("results", "Results", [*_headline(comparison), *blocks])


def _headline(comparison: Comparison) -> list[Block]:
    """The answer at a glance where all runs are of one configuration; of several, the table is."""
    if len(comparison.configurations) > 1:
        return []
    mean, low, high, seeds = comparison.configurations[0].accuracy
    words = f"of the test images are classified correctly, the mean over {seeds} seeds"
    ends = "" if math.isnan(low) else f" (95 % interval {100 * low:.2f} to {100 * high:.2f}, Student's t)"
    return [Headline(percent(mean), f"{words}{ends}.")]


def _row(configuration: Configuration) -> tuple[str, ...]:
    first, accuracy = configuration.members[0], configuration.accuracy
    f1 = sum(member.summary.classes.macro.f1 for member in configuration.members) / len(configuration.members)
    return (
        configuration.letter,
        ", ".join(member.run.name for member in configuration.members),
        str(len(configuration.replicates)),
        percent(accuracy.mean),
        "–" if math.isnan(accuracy.low) else f"{100 * accuracy.low:.2f} to {100 * accuracy.high:.2f}",
        percent(f1),
        "–" if first.parameters is None else f"{first.parameters:,}",
        "–" if first.seconds is None else f"{first.seconds:.1f}",
    )


def settings_section(comparison: Comparison) -> Section:
    """What differs, and nothing else."""
    letters = [configuration.letter for configuration in comparison.configurations]
    if not comparison.settings:
        return Section("settings", "What differs", [Text("Nothing but the seed: the runs are replicates.")])
    rows = [(name, *map(_value, values)) for name, values in comparison.settings.items()]
    return Section("settings", "What differs", [Table(("setting", *letters), rows, words=("setting", *letters))])


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def pairs_section(comparison: Comparison) -> Section:
    """Each pair: by how much, how sure, and whether the difference has one cause or several."""
    blocks: list[Block] = []
    for pair in comparison.pairs:
        blocks += _pair_blocks(pair)
    if not blocks:
        blocks = [Text("There is one configuration, so there is no pair to compare.")]
    return Section("pairs", "What the differences show", blocks)


def _pair_blocks(pair: Pair) -> list[Block]:
    words = f"{pair.first.letter} against {pair.second.letter}: {_difference(pair)} {_test(pair)}".strip()
    if pair.controlled:
        return [Text(f"{words} This is a {pair.verdict}.")]
    blocks: list[Block] = [
        Text(words),
        Note(f"This comparison is {pair.verdict}, so it does not show which of them made the difference."),
    ]
    if pair.missing:
        commands = "\n".join(missing.command for missing in pair.missing)
        blocks += [Text("The runs that would separate these settings:"), Code(commands)]
    return blocks


def _difference(pair: Pair) -> str:
    mean, low, high, _ = pair.difference
    points = f"{100 * mean:+.2f} points of test accuracy"
    if math.isnan(low):
        return f"{points}; one seed on a side gives no interval."
    verdict = "more than chance explains" if low > 0 or high < 0 else "not distinguishable from chance"
    return f"{points}, 95 % interval {100 * low:+.2f} to {100 * high:+.2f} over {pair.over}: {verdict}."


def _test(pair: Pair) -> str:
    if pair.test is None:
        return ""
    adjusted = "" if pair.adjusted is None else f", {pair.adjusted:.3g} after Holm's correction"
    return (
        f"McNemar's test: {pair.test.b:,} images only the first has right, {pair.test.c:,} only the second, "
        f"p = {pair.test.p:.3g}{adjusted}."
    )


def curves_section(gallery: Gallery) -> Section:
    """Curves overlaid, and the same images through all of them."""
    return Section(
        "curves",
        "Training and predictions",
        gallery.pictures("compare_loss", "compare_accuracy", "compare_roc", "compare_top3"),
    )


def commands_section(comparison: Comparison, left_out: list[str]) -> Section:
    """How to get each run again."""
    members = [member for configuration in comparison.configurations for member in configuration.members]
    blocks: list[Block] = [
        Text("These commands train the same networks again:"),
        Code("\n".join(member.setup.command() for member in members)),
    ]
    blocks += [Note(f"Not shown: {reason}") for reason in left_out]
    return Section("reproduce", "How to reproduce it", blocks)


def several(runs: Sequence[Run], tsne_images: int, log: Callable[[str], None]) -> Report:
    """What each reached, what differs, what that tells, and the curves on top of each other."""
    comparison = compare(runs)
    gallery = Gallery([RunData(run, tsne_images, log=log) for run in runs])
    sections = [
        results_section(comparison, gallery),
        settings_section(comparison),
        pairs_section(comparison),
        curves_section(gallery),
        commands_section(comparison, gallery.left_out),
    ]
    datasets = ", ".join(sorted({run.config.dataset for run in runs}))
    count = len(comparison.configurations)
    facts = [("runs", str(len(runs))), ("configurations", str(count)), ("data set", datasets)]
    title = f"{len(runs)} runs compared"
    return Report(title, "Trained by handgrad", facts, [section for section in sections if section.blocks])


def build_report(runs: Sequence[Run], tsne_images: int, log: Callable[[str], None]) -> Report:
    """The report of one run, or the comparison of several; `log` gets what takes long.

    Raises  UsageError for runs without a network, or not to be compared; FileSystemError, CorruptDataError.
    """
    if len(runs) == 1:
        return single(runs[0], tsne_images, log)
    return several(runs, tsne_images, log)
