"""`handgrad evaluate RUN …`, also of a file of weights with the settings that stand beside it."""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import rich.table
from rich.text import Text

from handgrad.cli.commands import Parser
from handgrad.cli.console import echo_notes, one_by_one
from handgrad.cli.flags import parse
from handgrad.config import RunConfig, build_dataset, build_loss, build_split
from handgrad.config.build import build_scaling
from handgrad.config.layer_list import build_layer
from handgrad.config.presets import PLAIN
from handgrad.data import Dataset
from handgrad.errors import CorruptDataError, UsageError
from handgrad.evaluation import (
    McNemar,
    PairTest,
    Predictions,
    Summary,
    ensemble,
    measure,
    pairwise,
    predict,
    shares_of_true_class,
    summarise,
)
from handgrad.evaluation.tables import (
    Table,
    class_table,
    confusion_table,
    ends,
    latex,
    markdown,
    models_table,
    p_value,
    percent,
    test_in_words,
    write_csv,
)
from handgrad.files import write_object
from handgrad.nn import Network
from handgrad.runs import Run, open_run
from handgrad.runs.execution import build_network
from handgrad.runs.predictions import PARTS, agreeing, images_of
from handgrad.screen import Screen
from handgrad.training.models import SUFFIXES, load_model, load_weights, read_arrays, settings_file
from handgrad.training.numpy_weights import dense_pairs

NAME_WIDTH = 14  # of classes, in the confusion matrix
LEAST_ROOM = 4  # of a number in it, where there is that much
MANY = 40  # classes, above which the worst ones are shown
OFTEN, VERY_OFTEN = 0.01, 0.05  # shares of a class from which a confusion is coloured
FORMATS: dict[str, Callable[[Table], str]] = {"md": markdown, "latex": latex}


class Evaluation(NamedTuple):
    """What is printed and written: a summary for each run; `joint` stands for the ensemble, against its best member."""

    runs: list[Run]
    predictions: list[Predictions]
    summaries: list[Summary]
    tests: list[PairTest]
    joint: Summary | None
    best: int
    gain: PairTest | None


def run_evaluate(tokens: list[str]) -> int:
    """Print all numbers of a run, or of several side by side; write them as JSON and CSV when asked to."""
    arguments = Parser("evaluate", on=PARTS, format=("text", *FORMATS)).arguments(tokens)
    files = [path for path in arguments.runs if path.suffix in SUFFIXES]
    if files:
        if len(arguments.runs) > 1:
            raise UsageError(f"{files[0]} is a file of weights: evaluate it alone")
        return _evaluate_weights(files[0], arguments)
    if arguments.activation or arguments.config:
        raise UsageError("--activation and --config are for a file of weights: a run has its own settings")
    runs = [open_run(path) for path in arguments.runs]
    if arguments.ensemble and len(runs) < 2:
        raise UsageError("--ensemble needs two runs or more")
    predictions = agreeing(runs, arguments.on, arguments.dataset, one_by_one)
    evaluation = _evaluate(runs, predictions, arguments)
    about = {"part": arguments.on, "dataset": arguments.dataset or runs[0].config.dataset}
    if arguments.format in FORMATS:
        print("\n".join(map(FORMATS[arguments.format], _tables(evaluation, arguments.percent))), end="")
    else:
        _show(Screen(highlight=False), evaluation, about, arguments.percent)
    if arguments.json:
        write_object(arguments.json, about | _mapping(evaluation))
    if arguments.csv:
        _write_csv(arguments.csv, evaluation)
    return 0


def _evaluate_weights(path: Path, arguments: Any) -> int:
    predictions, dataset, loss, loss_name = predictions_of_weights(path, arguments)
    summary, screen = summarise(predictions, arguments.top), Screen(highlight=False)
    means = "   ".join(f"{name} {percent(value)} %" for name, value in summary.classes.macro._asdict().items())
    screen.print(f"{path} on {summary.images} {arguments.on} images of {dataset}", soft_wrap=True)
    screen.print(f"macro averages: {means}   loss {loss:.4f} ({loss_name})", soft_wrap=True)
    show_summary(screen, summary, arguments.percent)
    if arguments.json:
        about = {"weights": str(path), "part": arguments.on, "dataset": dataset, "loss": loss}
        write_object(arguments.json, about | summary.to_mapping())
    if arguments.csv:
        write_csv(arguments.csv, predictions, summary)
    return 0


def _evaluate(runs: list[Run], predictions: list[Predictions], arguments: Any) -> Evaluation:
    summaries = [summarise(each, arguments.top) for each in predictions]
    tests = pairwise([each.right for each in predictions])
    best = max(range(len(runs)), key=lambda place: summaries[place].accuracy.mean)
    if not arguments.ensemble:
        return Evaluation(runs, predictions, summaries, tests, None, best, None)
    together = ensemble(predictions)
    gain = pairwise([together.right, predictions[best].right])[0]
    return Evaluation(runs, predictions, summaries, tests, summarise(together, arguments.top), best, gain)


def _names(evaluation: Evaluation) -> list[str]:
    """Numbers for the runs, as the legend gives them."""
    return [str(place) for place in range(1, len(evaluation.runs) + 1)] + (["all"] if evaluation.joint else [])


def _show(screen: Screen, evaluation: Evaluation, about: dict[str, str], in_percent: bool) -> None:
    where = f"on {evaluation.summaries[0].images} {about['part']} images of {about['dataset']}"
    if len(evaluation.runs) == 1:
        screen.print(f"{evaluation.runs[0].name} {where}", soft_wrap=True)
        show_summary(screen, evaluation.summaries[0], in_percent)
        return
    names = _names(evaluation)
    screen.print(f"{len(evaluation.runs)} runs {where}", soft_wrap=True)
    for name, each in zip(names, evaluation.runs, strict=False):
        screen.print(f"  {name}  {each.path}", soft_wrap=True)
    screen.print()
    show_models(screen, names, _summaries(evaluation))
    screen.print()
    screen.print("McNemar's test (mid-p), each difference with its 95 % interval")
    for pair in evaluation.tests:
        screen.print(*pair_lines(pair, names, len(evaluation.tests) > 1), sep="\n")
    if evaluation.gain:
        screen.print(f"the ensemble against the best of them on these images, {names[evaluation.best]}")
        screen.print(*pair_lines(evaluation.gain, ["all", names[evaluation.best]], False), sep="\n")


def _summaries(evaluation: Evaluation) -> list[Summary]:
    return [*evaluation.summaries, *([evaluation.joint] if evaluation.joint else [])]


def _tables(evaluation: Evaluation, in_percent: bool) -> Sequence[Table]:
    if len(evaluation.runs) > 1:
        names = [each.name for each in evaluation.runs] + ["ensemble"] * bool(evaluation.joint)
        return [models_table(names, _summaries(evaluation))]
    summary = evaluation.summaries[0]
    matrices = [confusion_table(summary.confusion, summary.class_names, each) for each in (False, True)]
    return [
        models_table([evaluation.runs[0].name], [summary]),
        class_table(summary),
        *matrices[: 2 if in_percent else 1],
    ]


def _write_csv(folder: Path, evaluation: Evaluation) -> None:
    """Into `folder`; of several runs, each into a folder of its own in there."""
    trios = zip(evaluation.runs, evaluation.predictions, evaluation.summaries, strict=True)
    for place, (each, predictions, summary) in enumerate(trios, 1):
        write_csv(folder if len(evaluation.runs) == 1 else folder / f"{place}_{each.name}", predictions, summary)


def _mapping(evaluation: Evaluation) -> dict[str, Any]:
    runs = evaluation.runs
    tests = [
        {"first": runs[pair.first].name, "second": runs[pair.second].name, "p_holm": pair.adjusted}
        | pair.test.to_mapping()
        for pair in evaluation.tests
    ]
    joint = None
    if evaluation.joint and evaluation.gain:
        against = {"best": runs[evaluation.best].name} | evaluation.gain.test.to_mapping()
        joint = evaluation.joint.to_mapping() | {"against_best": against}
    each = [
        {"run": one.name, "path": str(one.path)} | summary.to_mapping()
        for one, summary in zip(runs, evaluation.summaries, strict=True)
    ]
    return {"runs": each, "tests": tests, "ensemble": joint}


def show_summary(screen: Screen, summary: Summary, in_percent: bool) -> None:
    """Everything about one model."""
    for line in headline(summary):
        screen.print(line)
    screen.print()
    show_table(screen, shortened(class_table(summary)))
    screen.print()
    show_confusions(screen, summary, in_percent)
    for line in summary.classes.undefined[:MANY]:
        screen.print(f"undefined: {line}", style="yellow")


def headline(summary: Summary) -> Iterator[str]:
    """Accuracy, and what needs no class."""
    accuracy = summary.accuracy
    right = round(accuracy.mean * accuracy.size)
    yield (
        f"accuracy {percent(accuracy.mean)} %   95 % interval {ends(accuracy)} %   {right:,} of {accuracy.size:,} right"
    )
    parts = [] if summary.cross_entropy is None else [f"loss {summary.cross_entropy:.4f} (cross-entropy)"]
    parts += [f"top-3 accuracy {percent(summary.top3)} %"] if len(summary.class_names) > 3 else []
    parts += [f"calibration error {summary.calibration.ece:.4f}"] if summary.calibration else []
    yield "   ".join(parts)


def shortened(table: Table) -> Table:
    """The classes of the lowest F1 and the averages, where there are many classes."""
    *classes, macro, weighted = table.rows
    if len(classes) <= MANY:
        return table
    worst = sorted(classes, key=lambda row: float(row[3]))[:MANY]
    title = f"The {MANY} classes of the lowest F1, of {len(classes)}"
    return table._replace(title=title, rows=(*worst, macro, weighted))


def show_table(screen: Screen, table: Table) -> None:
    """Names to the left, numbers to the right."""
    rich_table = rich.table.Table(box=None, pad_edge=False, title=None)
    for place, column in enumerate(table.columns):
        rich_table.add_column(column, justify="right" if place else "left", overflow="fold")
    for row in table.rows:
        rich_table.add_row(*map(Text, row), style="bold" if row[0].endswith("average") else None)
    screen.print(rich_table)


def show_points(screen: Screen, lines: Iterable[str]) -> None:
    """Sentences, each on lines of its own that are indented from the second on."""
    for line in lines:
        text = textwrap.fill(
            f"- {line}", screen.width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
        screen.print(Text(text), soft_wrap=True)


def show_confusions(screen: Screen, summary: Summary, in_percent: bool) -> None:
    """The matrix, in per cent too when asked for, and its most frequent confusions in words."""
    for each in (False, True) if in_percent else (False,):
        table = confusion_table(summary.confusion, summary.class_names, each)
        screen.print(table.title)
        lines = matrix_lines(table, summary, screen.width)
        screen.print(*lines or [Text("  too wide for this window: --csv FOLDER has it")], sep="\n")
        screen.print()
    screen.print("most frequent confusions" if summary.confusions else "no confusions")
    for confusion in summary.confusions:
        screen.print(f"  {confusion.sentence}")


def matrix_lines(table: Table, summary: Summary, width: int) -> list[Text]:
    """The matrix with names cut to fit, its diagonal bold, zeros as dots; no lines when `width` is too narrow."""
    needed = max(len(cell) for row in table.rows for cell in row[1:])
    left = min(NAME_WIDTH, max(map(len, summary.class_names)))
    room = (width - left) // len(summary.class_names) - 1
    if room < needed:
        return []
    room = min(room, max(needed, LEAST_ROOM, *map(len, summary.class_names)))
    shares = shares_of_true_class(summary.confusion)
    lines = [Text(" " * left + "".join(f" {name[:room]:>{room}}" for name in summary.class_names), style="dim")]
    for true, (name, *cells) in enumerate(table.rows):
        line = Text(f"{name[:left]:<{left}}", style="")
        for predicted, cell in enumerate(cells):
            zero = not summary.confusion[true, predicted]
            style = "bold" if true == predicted else _shade(shares[true, predicted])
            line.append(f" {'.' if zero else cell:>{room}}", style="dim" if zero else style)
        lines.append(line)
    return lines


def _shade(share: float) -> str:
    return "red" if share >= VERY_OFTEN else "yellow" if share >= OFTEN else ""


def show_models(screen: Screen, names: Sequence[str], summaries: Sequence[Summary]) -> None:
    """One line a model."""
    show_table(screen, models_table(names, summaries))


def pair_lines(pair: PairTest, names: Sequence[str], several: bool) -> Iterator[str]:
    """A test in words, and its number."""
    first, second = names[pair.first], names[pair.second]
    yield f"{first} against {second}: {test_in_words(pair.test, first, second)}"
    yield f"  {test_numbers(pair.test, pair.adjusted if several else None)}"


def test_numbers(test: McNemar, adjusted: float | None) -> str:
    """The difference in points, its interval and the p-value, with Holm's beside it among several pairs."""
    low, high = (f"{100 * end:+.2f}" for end in (test.difference.low, test.difference.high))
    holm = "" if adjusted is None else f" (Holm {p_value(adjusted)})"
    return f"difference {100 * test.difference.mean:+.2f} points [{low}, {high}], p {p_value(test.p)}{holm}"


def predictions_of_weights(path: Path, arguments: Any) -> tuple[Predictions, str, float, str]:
    """What a file of weights predicts, for which data set, and its mean loss with the name of that.

    Settings are those that the flags, `--config` or a file beside the weights give; what is guessed is said.

    Raises  UsageError where they do not fit the images, or nothing says which these are; CorruptDataError.
    """
    places = [settings_file(path), path.with_name("best_config.json")]
    source = arguments.config or next((place for place in places if place.is_file()), None)
    flags = {"--config": source, "--dataset": arguments.dataset, "--activation": arguments.activation}
    parsed = parse([word for flag, value in flags.items() if value for word in (flag, str(value))], start=PLAIN)
    notes = [f"{path}: its settings are those in {source}"] if source else []
    if not source and not arguments.dataset:
        raise UsageError(f"{path} does not say which images it is for: give --dataset, or --config best_config.json")
    if not source and not arguments.activation and path.suffix != ".safetensors":
        notes.append(f"{path} does not say its activation: {parsed.config.activation} is taken (--activation)")
    dataset = build_dataset(parsed.config)
    network = _network(path, parsed.config, dataset)
    images, labels = images_of(parsed.config, dataset, arguments.on)
    predictions = predict(network, images, labels, dataset.class_names)
    echo_notes([*notes, *parsed.notes])
    return predictions, dataset.name, measure(network, images, labels).loss, parsed.config.loss


def _network(path: Path, config: RunConfig, dataset: Dataset) -> Network:
    """The network of the settings with the weights; where there are only W0, b0, ..., dense layers of their sizes.

    Raises  UsageError where they do not fit the images; CorruptDataError.
    """
    if path.suffix == ".safetensors":
        return load_model(path)
    arrays, rows = read_arrays(path), build_split(config, dataset).train_rows
    try:
        pairs = dense_pairs(arrays) if isinstance(arrays, dict) and "." not in "".join(arrays) else []
    except ValueError as error:
        raise CorruptDataError(f"{path}: {error}") from None
    if not pairs:
        if isinstance(arrays, dict) and "." not in "".join(arrays):
            got = ", ".join(list(arrays)[:5]) or "nothing"
            raise CorruptDataError(f"{path} holds no weights: expected arrays W0, b0, W1, ..., got {got}")
        network = build_network(config, dataset, rows)
    else:
        inputs, outputs, pixels = len(pairs[0][0]), pairs[-1][1].size, prod(dataset.input_shape)
        if (inputs, outputs) != (pixels, dataset.classes):
            what = f"{path} takes {inputs} numbers and has {outputs} classes"
            raise UsageError(
                f"{what}, but {dataset.name} has {pixels} pixels and {dataset.classes} classes (--dataset)"
            )
        hidden = [layer for _, bias in pairs[:-1] for layer in (f"dense:{bias.size}", config.activation)]
        network = Network(
            [build_layer(layer) for layer in ("flatten", *hidden, f"dense:{outputs}")],
            dataset.input_shape,
            loss=build_loss(config),
            scaling=build_scaling(config, dataset, rows),
        )
    load_weights(network, path)
    return network
