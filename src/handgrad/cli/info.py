"""`handgrad info`, and `handgrad data list | show | fetch | verify | sample`."""

import sys
import textwrap
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.table import Column, Table

from handgrad import data, kernels
from handgrad.cli.commands import Parser
from handgrad.cli.console import read_dataset
from handgrad.config import RunConfig, build_split
from handgrad.config.layer_list import NAMED, named_network
from handgrad.config.lookup import value_name
from handgrad.data import statuses
from handgrad.errors import CorruptDataError, FileSystemError, UsageError
from handgrad.files import atomic_writer
from handgrad.machine import available_cores
from handgrad.optim import OPTIMIZERS
from handgrad.screen import Screen, echo, working
from handgrad.training.diagnose import heed, of_images

ACTIONS = ("list", "show", "fetch", "verify", "sample")
PACKAGES = ("numpy", "numba", "scipy", "scikit-learn", "matplotlib", "torch", "wandb", "tensorboard")


def run_info(tokens: list[str]) -> int:
    """Print what is installed and found, or one optimizer's exact rule, or the networks that have a name."""
    arguments = Parser("info", words={"optimizers": ", ".join(OPTIMIZERS)}).arguments(tokens)
    lines = _rule(arguments.optimizer) if arguments.optimizer else _models() if arguments.models else _facts()
    for line in lines:
        print(line)
    return 0


def _rule(text: str) -> list[str]:
    try:
        name = value_name("optimizer", text, OPTIMIZERS)
    except ValueError as error:
        raise UsageError(f"optimizer {error} (--optimizer)") from error
    optimizer = OPTIMIZERS[name]
    defaults = ", ".join(f"{field} {value:g}" for field, value in vars(optimizer()).items())
    lines = [f"{name}: {(optimizer.__doc__ or '').strip().splitlines()[0]}", "", "rule, at step t with gradient g:"]
    lines += [f"    {line}" for line in optimizer.rule.splitlines()]
    decay = "; w = w - learning_rate * weight_decay * w" if optimizer.decoupled else " + weight_decay * w"
    before = f"g = g * min(1, clip_norm / |g|) + l1 * sign(w){decay}"
    lines += [f"before it: {before}   (penalties: weights only, not biases)", f"defaults: {defaults}"]
    lines += [f"reference: {optimizer.reference}", f"differences: {optimizer.differences}"]
    return [part for line in lines for part in _wrapped(line)]


def _models() -> list[str]:
    lines = ["networks for `handgrad train --model NAME`, for 10 classes:"]
    for name in NAMED:
        said = named_network(name)
        size = f"{said['parameters']:,} parameters, for images of {'x'.join(map(str, said['input']))}"
        lines += [f"  {name:<14}{size}", f"    {said['about']}", f"    {said['paper']}"]
    return [part for line in lines for part in _wrapped(line)]


def _wrapped(line: str) -> list[str]:
    """A line cut to 80 columns, going on under its own beginning."""
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(line, 80, subsequent_indent=indent, break_on_hyphens=False) or [""]


def _facts() -> list[str]:
    lines = [f"handgrad {version('handgrad')}, Python {sys.version.split()[0]}"]
    lines += [f"{package:<14}{_version(package)}" for package in PACKAGES]
    lines.append(f"{'products':<14}handgrad's own, in vectors of {kernels.blocks.VECTOR_BYTES} bytes: no BLAS is used")
    lines.append(f"{'processor':<14}{kernels.processor.NAME}, {len(available_cores())} cores for this process")
    lines.append(f"{'threads':<14}--threads, or as many as pay, within OMP_NUM_THREADS; one result")
    lines.append(f"{'kernel cache':<14}{kernels.cache.cache_folder()}")
    lines.append("data sets:")
    for status in statuses():
        where = status.problem or status.place or "not here"
        lines.append(f"  {status.name:<14}{where}")
    return lines


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def run_data(tokens: list[str]) -> int:
    """Show which data sets are here, or what one holds; download, verify one, or take pictures out of it."""
    name_first = [token.startswith("-") for token in tokens[:2]] in ([False], [False, True])
    alone = name_first and tokens[0] not in ACTIONS
    taking = Parser("data", action=ACTIONS)
    arguments = taking.arguments(["show", *tokens] if alone else tokens)
    if arguments.action == "list":
        echo("\n".join(map(_line, data.statuses())))
        echo("`handgrad data fetch NAME` downloads what is not here")
        return 0
    if arguments.name is None:
        taking.error(f"data {arguments.action} needs the name of a data set: {', '.join(data.DATASETS)}")
    if arguments.action in ("fetch", "verify"):
        return (_fetch if arguments.action == "fetch" else _verify)(arguments.name)
    settings = {"skip_damaged": arguments.skip_damaged, "grey": arguments.grey, "resize": arguments.resize or None}
    config = RunConfig.from_mapping({"dataset": arguments.name, **settings})
    return _show(config) if arguments.action == "show" else _sample(config, arguments.out)


def _show(config: RunConfig) -> int:
    """What a data set holds, then what a training would warn of or refuse."""
    dataset = read_dataset(config)
    height, width = dataset.image_shape[-2:]
    colour = " in colour" if dataset.channels == 3 else ""
    train, test = dataset.y_train, dataset.y_test
    echo(f"{dataset.name}: {len(train):,} training and {len(test):,} test images of {height} x {width} pixels{colour}")
    if dataset.validation_images:
        echo(f"the last {dataset.validation_images:,} of the training images came as the validation set")
    low, high = dataset.pixel_range
    pixels = dataset.x_train
    echo(
        f"pixels: {pixels.min()} to {pixels.max()}, mean {pixels.mean():.1f}; {low:g} is black, {high:g} white in them"
    )
    table = Table("class", *(Column(head, justify="right") for head in ("training", "test")), box=None)
    for label, title in enumerate(dataset.class_names):
        table.add_row(title, f"{(train == label).sum():,}", f"{(test == label).sum():,}")
    Screen().print(table)
    heed(of_images(build_split(config, dataset), dataset.class_names, dataset))
    return 0


def _fetch(name: str) -> int:
    with working(f"fetching {name}"):
        status = data.fetch(name)
    echo(_line(status))
    return 0


def _verify(name: str) -> int:
    with working(f"reading {name} from end to end"):
        verdicts = data.verify(name)
    for verdict in verdicts:
        echo(f"{verdict.file}: {'ok' if verdict.ok else verdict.problem}  {verdict.path or ''}".rstrip())
    bad = [verdict for verdict in verdicts if not verdict.ok]
    if bad:
        raise CorruptDataError(f"{len(bad)} of {len(verdicts)} files of {name} are missing, damaged or wrong")
    return 0


def _sample(config: RunConfig, folder: Path) -> int:
    """Write the first test image of each class as a PNG file named after the class."""
    dataset = read_dataset(config)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for label, title in enumerate(dataset.class_names):
            for row in (dataset.y_test == label).nonzero()[0][:1]:
                path = folder / f"{title.replace('/', '-').replace(' ', '-')}.png"
                with atomic_writer(path) as file:
                    data.to_pillow(dataset.x_test[row]).save(file, "PNG")
                echo(str(path))
    except OSError as error:
        raise FileSystemError(f"cannot write to {folder}: {error.strerror}") from error
    return 0


def _line(status: data.Status) -> str:
    where = status.problem or str(status.place or "not here")
    return f"{status.name:<15}{status.images:>8,} images  {status.classes:>3} classes   {where}"
