"""`handgrad data list | fetch | verify | sample`."""

from pathlib import Path

from PIL import Image

from handgrad import data
from handgrad.cli.console import say, working
from handgrad.cli.parser import Parser
from handgrad.errors import CorruptDataError, FileSystemError
from handgrad.files import atomic_writer


def run(tokens: list[str]) -> int:
    """Show which data sets are on this machine, download one, read every byte of one, or take pictures out of one."""
    parser = Parser(
        "data",
        "The data sets that handgrad knows by name.",
        "  handgrad data list\n  handgrad data fetch mnist\n  handgrad data verify fashion_mnist\n"
        "  handgrad data sample digits --out samples    one test image a class, as PNG",
    )
    parser.add_argument("action", choices=("list", "fetch", "verify", "sample"))
    parser.add_argument("name", nargs="?", help="mnist, fashion_mnist or digits (not for list)")
    parser.add_argument(
        "--out", type=Path, default=Path("samples"), help="folder for the pictures of sample (default: samples)"
    )
    arguments = parser.arguments(tokens)
    if arguments.action == "list":
        for status in data.statuses():
            say(_line(status))
        return 0
    if arguments.name is None:
        parser.error(f"data {arguments.action} needs the name of a data set: {', '.join(data.DATASETS)}")
    if arguments.action == "sample":
        return _sample(arguments.name, arguments.out)
    return _fetch(arguments.name) if arguments.action == "fetch" else _verify(arguments.name)


def _fetch(name: str) -> int:
    with working(f"fetching {name}"):
        status = data.fetch(name)
    say(_line(status))
    return 0


def _verify(name: str) -> int:
    with working(f"reading {name} from end to end"):
        verdicts = data.verify(name)
    for verdict in verdicts:
        say(f"{verdict.file}: {'ok' if verdict.ok else verdict.problem}  {verdict.path or ''}".rstrip())
    bad = [verdict for verdict in verdicts if not verdict.ok]
    if bad:
        raise CorruptDataError(f"{len(bad)} of {len(verdicts)} files of {name} are not what they should be")
    return 0


def _sample(name: str, folder: Path) -> int:
    """Write the first test image of each class as a PNG file named after the class."""
    dataset = data.load(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for label, title in enumerate(dataset.class_names):
            for row in (dataset.y_test == label).nonzero()[0][:1]:
                path = folder / f"{title.replace('/', '-').replace(' ', '-')}.png"
                with atomic_writer(path) as file:
                    Image.fromarray(dataset.x_test[row]).save(file, "PNG")
                say(str(path))
    except OSError as error:
        raise FileSystemError(f"cannot write to {folder}: {error.strerror}") from error
    return 0


def _line(status: data.Status) -> str:
    where = status.problem or str(status.place or f"not here: handgrad data fetch {status.name}")
    return f"{status.name:<14}{status.images:>7,} images  {status.classes:>3} classes   {where}"
