"""`handgrad data list | show | fetch | verify | sample`."""

from pathlib import Path

from rich.table import Column, Table

from handgrad import data
from handgrad.cli.arguments import Parser
from handgrad.cli.console import read_dataset
from handgrad.config import RunConfig, build_split
from handgrad.errors import CorruptDataError, FileSystemError
from handgrad.files import atomic_writer
from handgrad.screen import Screen, echo, working
from handgrad.training.diagnose import heed, of_images

ACTIONS = ("list", "show", "fetch", "verify", "sample")


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
