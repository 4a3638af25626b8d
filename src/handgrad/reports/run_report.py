"""The sections of a run's report, in order: result, training, mistakes, inside, equations, how to reproduce it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from handgrad.classical import CLASSICAL
from handgrad.config import validates_on_test
from handgrad.config.describe import WITHOUT_INFLUENCE, idle, resolved, title
from handgrad.config.schema import departures
from handgrad.derivation import derive_run, to_html
from handgrad.derivation.document import latex_chapters, markdown_chapters
from handgrad.errors import HandgradError
from handgrad.evaluation import Summary, summarise
from handgrad.evaluation.tables import class_table
from handgrad.figures import COMPARISONS, FIGURES, RunData
from handgrad.figures.base import NOT_DRAWN
from handgrad.figures.gallery import to_bytes, to_svg
from handgrad.plugins import can_draw
from handgrad.reports.blocks import (
    Block,
    Code,
    Details,
    Equations,
    Headline,
    Note,
    Picture,
    Points,
    Report,
    Section,
    Table,
    Text,
    number,
    percent,
    spelled,
)
from handgrad.runs import Run
from handgrad.runs.predictions import kept_weights
from handgrad.training.layer_statistics import dead_units

PARTS = {"test": "test", "validation": "validation", "train": "training"}
ENDINGS = {
    "finished": "",
    "patience": "Training stopped early: validation had not improved for the number of epochs that patience allows.",
    "time limit": "Training was stopped by its time limit before the last epoch.",
    "interrupted": "Training was interrupted; the numbers are those of the network at that moment.",
    "diverged": "Training diverged; the numbers are those of the best network before.",
}
LEVEL = 3  # of the headings within a section
REGISTRY = FIGURES | COMPARISONS
MOST_ROWS = 40
INSIDE = ("explanation", "dense_filters", "conv_filters", "feature_maps", "tsne")


class Gallery:
    """Draws the figures that a report asks for; `left_out` collects why one could not be drawn."""

    def __init__(self, runs: Sequence[RunData]) -> None:
        self.runs = runs
        self.left_out: list[str] = []

    def pictures(self, *names: str) -> list[Picture]:
        """The figures of those names that apply: of the first run, or comparisons of all of them."""
        if not can_draw():
            self.left_out = [f"figures: {NOT_DRAWN}"]
            return []
        drawn = [self._picture(name) for name in names]
        return [picture for picture in drawn if picture is not None]

    def folded(self, *names: str) -> list[Details]:
        """The same, each under a line that says what it is."""
        return [Details(picture.alt, [picture]) for picture in self.pictures(*names)]

    def _picture(self, name: str) -> Picture | None:
        spec = REGISTRY.get(name)
        if spec is None:
            self.left_out.append(f"{name}: there is no such figure")
            return None
        try:
            drawn = spec.drawn(name, self.runs[0] if name in FIGURES else self.runs)
        except HandgradError as reason:  # also where a model was not kept, or a file cannot be read
            self.left_out.append(f"{spec.summary}: {reason}")
            return None
        alt, pdf = spec.summary[0].upper() + spec.summary[1:], partial(to_bytes, drawn, "pdf")
        return Picture(name, to_svg(drawn), drawn.caption, alt, pdf=pdf)


def result_section(data: RunData, summary: Summary, gallery: Gallery) -> Section:
    """Accuracy on the test images first, then on all three parts, then what is taken for what."""
    rows = [
        (title, percent(data.metrics[part]["accuracy"]), number(data.metrics[part]["loss"]))
        for part, title in PARTS.items()
        if part in data.metrics
    ]
    error = f"; expected calibration error {percent(summary.calibration.ece)} (15 bins)" if summary.calibration else ""
    macro, top = percent(summary.classes.macro.f1), percent(summary.top3)
    caption = f"The model that was kept. On the test images: macro F1 {macro}; top-3 accuracy {top}{error}"
    blocks: list[Block] = [_headline(data, summary), Table(("part", "accuracy", "loss"), rows, caption, ("part",))]
    blocks += [*_words(summary), *gallery.pictures("confusion")]
    ending = ENDINGS.get(str(data.metrics.get("stopped")), "")
    blocks[1:1] = [Note(text) for text in (ending, data.metrics.get("warning")) if text]
    return Section("result", "Summary", blocks)


def _headline(data: RunData, summary: Summary) -> Headline:
    _, low, high, images = summary.accuracy
    return Headline(
        percent(summary.accuracy.mean),
        f"of {images:,} test images of {data.dataset.name} are classified correctly "
        f"(95 % interval {100 * low:.2f} to {100 * high:.2f}, Wilson, over images).",
    )


def derivation_section(data: RunData, log: Callable[[str], None]) -> Section:
    """Every equation with the error that was measured of it; nothing where the run has no network."""
    if not data.run.model_file.exists():
        return Section("derivation", "", [])
    derivation = derive_run(data.run, log)
    equations = Equations(to_html(derivation, LEVEL), markdown_chapters(derivation, LEVEL), latex_chapters(derivation))
    title = "Back-propagation through this network"
    checks = [check for chapter in derivation.chapters for each in chapter.sections for check in each.checks]
    failed = len(derivation.failed)
    outcome = f"{failed} of {len(checks)} checks failed" if failed else f"{len(checks)} checks, none of which failed"
    return Section("derivation", title, [Details(f"Symbols, every equation, and {outcome}", [equations])])


def reproduce_section(data: RunData, left_out: list[str]) -> Section:
    """The command, the versions that its last bits depend on, and what this report leaves out."""
    facts = data.run.facts
    blocks: list[Block] = [
        Text("This command trains the same network again; on the same machine and versions, to the last bit:"),
        Code(str(facts.get("command", data.config.command()))),
    ]
    if "start" in facts:
        blocks.append(Text(f"It started from the weights in {facts['start']}."))
    if facts.get("environment"):
        blocks.append(versions(facts["environment"]))
    if left_out:
        blocks += [Text("Not shown here:"), Points(left_out)]
    return Section("reproduce", "How to reproduce it", blocks)


def versions(environment: Mapping[str, Any]) -> Details:
    """The versions and the machine that the last bits of a result depend on."""
    rows = [(name.replace("_", " "), str(value)) for name, value in environment.items()]
    return Details("Versions and machine", [Table(("what", "value"), rows, words=("what", "value"))])


def trained_section(data: RunData, gallery: Gallery) -> Section:
    """Architecture, data and settings."""
    # What this run makes use of, and what can change its result
    fields = type(data.config).model_fields
    unused = idle(data.config) | WITHOUT_INFLUENCE
    used = [(name, value) for name, value in resolved(data.config) if name not in unused and value not in (None, {})]
    rows = [(name, spelled(value, 6), str(fields[name].description)) for name, value in used]
    differing = departures(data.config)
    changed = frozenset(place for place, (name, *_) in enumerate(rows) if name in differing)
    caption = f"Settings that this run makes use of; in bold what differs from the preset {data.config.preset}"
    header = ("setting", "value", "meaning")
    blocks: list[Block] = [
        *gallery.pictures("architecture"),
        _data_words(data),
        Details("Images of each class", [_data_table(data)]),
        *gallery.folded("samples"),
        Details("Every setting that this run makes use of", [Table(header, rows, caption, header, changed)]),
    ]
    return Section("trained", "What was trained", blocks)


def _data_words(data: RunData) -> Text:
    dataset, config = data.dataset, data.config
    pixels = " × ".join(map(str, dataset.image_shape))
    held = f"{100 * config.validation_fraction:g} %" if config.validation_fraction else "none"
    own = f"of the training images, {held} were held out for validation, drawn class by class with seed {config.seed}"
    came = f"the {dataset.validation_images:,} images of its validation part were used for validation"
    validated = came if dataset.validation_images else own
    parts = (
        f"{validated[0].upper()}{validated[1:]}; the test images were not used for training, nor to choose anything."
    )
    if validates_on_test(config):
        parts = (
            f"{len(data.split.validation_rows):,} of the test images were looked at after each epoch (fold "
            f"{config.fold}), and are the validation images of this page. They chose nothing: the last epoch was kept."
        )
    return Text(
        f"{dataset.name}: images of {pixels} pixels in {dataset.classes} classes. {parts} "
        f"SHA-256 of the whole data set: {dataset.fingerprint[:16]}…"
    )


def _data_table(data: RunData) -> Table:
    dataset, split = data.dataset, data.split
    labels = {
        "training": split.y_train,
        "validation (of the test images)" if validates_on_test(data.config) else "validation": split.y_validation,
        "test": dataset.y_test,
    }
    counts = {part: np.bincount(values, minlength=dataset.classes) for part, values in labels.items()}
    rows = [(name, *(f"{counts[part][index]:,}" for part in labels)) for index, name in enumerate(dataset.class_names)]
    rows.append(("all", *(f"{count.sum():,}" for count in counts.values())))
    return Table(("class", *labels), rows, "Images of each class", ("class",), frozenset((len(rows) - 1,)))


def course_section(data: RunData, gallery: Gallery) -> Section:
    """Curves, then the epochs in numbers, then what went on inside the layers."""
    blocks: list[Block] = [
        *gallery.pictures("loss"),
        *gallery.folded("accuracy", "learning_rate"),
        *([Details("Every epoch in numbers", [_epochs_table(data)])] if data.metrics.get("epochs") else []),
        *gallery.folded("activations", "histograms", "gradients"),
        *_dead_words(data),
    ]
    return Section("training", "How training went", blocks)


def _dead_words(data: RunData) -> list[Text]:
    """How many units of each layer learned nothing any more at the end."""
    found = [str(each) for each in dead_units(data.history.statistics, data.network)]
    if not found:
        return []
    what = "units (of a convolution, channels) whose output lies where next to no gradient comes through, for every one"
    return [Text(f"Dead units at the end of training: {'; '.join(found)}. These are {what} of the images looked at.")]


def _epochs_table(data: RunData) -> Table:
    epochs = data.metrics["epochs"]
    every = -(-len(epochs) // MOST_ROWS)
    best = data.metrics.get("best_epoch")
    selected = [row for row in epochs if row["epoch"] % every == 0 or row["epoch"] in (1, best, len(epochs))]
    rows = [
        (
            *(str(row["epoch"]), number(row["train_loss"]), percent(row["train_accuracy"])),
            *(number(row["validation_loss"]), percent(row["validation_accuracy"])),
            *(f"{row['learning_rate']:.3g}", f"{row['seconds']:.2f}"),
        )
        for row in selected
    ]
    caption = "Epochs; training numbers are means over an epoch, while the weights were changing"
    if best:
        caption += f". Epoch {best} was the best on validation"
    header = ("epoch", "training loss", "accuracy", "validation loss", "accuracy ", "learning rate", "seconds")
    marked = frozenset(place for place, row in enumerate(selected) if row["epoch"] == best)
    return Table(header, rows, caption, (), marked)


def _words(summary: Summary) -> list[Block]:
    if not summary.confusions:
        return [Text("Not one test image was taken for another class.")]
    wrong = summary.images - round(summary.accuracy.mean * summary.images)
    most = f"The most frequent of the {wrong:,} mistakes on {summary.images:,} test images:"
    return [Text(most), Points([confusion.sentence for confusion in summary.confusions])]


def single(run: Run, tsne_images: int, log: Callable[[str], None]) -> Report:
    """Result, training, mistakes, insides, equations, and how to get it all again."""
    data = RunData(run, tsne_images, log=log, title=title(run.config))
    gallery = Gallery([data])
    summary = summarise(data.predictions())
    _, columns, rows = class_table(summary)
    averages = frozenset((len(rows) - 2, len(rows) - 1))
    each = Table(columns, rows, "Class by class on the test images", columns[:1], averages)
    mistakes: list[Block] = [
        *gallery.pictures("predictions"),
        Details("Precision, recall and F1 of each class", [each]),
        *[Note(f"Undefined: {line}.") for line in summary.classes.undefined],
        *gallery.folded("confusion_train", "roc", "reliability"),
    ]
    network = data.config.model not in CLASSICAL
    sections = [
        result_section(data, summary, gallery),
        *([course_section(data, gallery)] if network else []),
        Section("mistakes", "Right and wrong", mistakes),
        *([Section("inside", "Inside the network", gallery.folded(*INSIDE))] if network else []),
        trained_section(data, gallery),
        *([derivation_section(data, log)] if network else []),
        reproduce_section(data, gallery.left_out),
    ]
    return Report(data.name, f"A classifier of {data.dataset.name} images, trained by handgrad", _facts(data), sections)


def _facts(data: RunData) -> list[tuple[str, str]]:
    metrics, facts = data.metrics, data.run.facts
    environment: dict[str, Any] = facts.get("environment", {})
    return [
        ("run", data.run.name),
        ("data set", data.dataset.name),
        ("parameters", f"{metrics['parameters']:,}" if metrics.get("parameters") else ""),
        ("epochs", str(len(metrics.get("epochs", [])) or "")),
        ("weights kept", kept_weights(data.run) if metrics.get("epochs") else ""),
        ("seed", str(data.config.seed)),
        ("training", f"{metrics['seconds']:.1f} s" if metrics.get("seconds") else ""),
        ("processor", str(environment.get("processor", ""))),
        ("handgrad", str(environment.get("handgrad", ""))),
    ]
