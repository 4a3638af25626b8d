"""`handgrad data list | fetch | verify`."""

from handgrad import data
from handgrad.cli.parser import Parser
from handgrad.errors import CorruptDataError


def run(tokens: list[str]) -> int:
    """Show which data sets are on this machine, download one, or read every byte of one."""
    parser = Parser(
        "data",
        "The data sets that handgrad knows by name.",
        "  handgrad data list\n  handgrad data fetch mnist\n  handgrad data verify fashion_mnist",
    )
    parser.add_argument("action", choices=("list", "fetch", "verify"))
    parser.add_argument("name", nargs="?", help="mnist, fashion_mnist or digits (for fetch and verify)")
    arguments = parser.arguments(tokens)
    if arguments.action == "list":
        for status in data.statuses():
            print(_line(status))
        return 0
    if arguments.name is None:
        parser.error(f"data {arguments.action} needs the name of a data set: {', '.join(data.DATASETS)}")
    return _fetch(arguments.name) if arguments.action == "fetch" else _verify(arguments.name)


def _fetch(name: str) -> int:
    print(_line(data.fetch(name)))
    return 0


def _verify(name: str) -> int:
    verdicts = data.verify(name)
    for verdict in verdicts:
        print(f"{verdict.file}: {'ok' if verdict.ok else verdict.problem}  {verdict.path or ''}".rstrip())
    bad = [verdict for verdict in verdicts if not verdict.ok]
    if bad:
        raise CorruptDataError(f"{len(bad)} of {len(verdicts)} files of {name} are not what they should be")
    return 0


def _line(status: data.Status) -> str:
    where = status.problem or str(status.place or f"not here: handgrad data fetch {status.name}")
    return f"{status.name:<14}{status.images:>7,} images  {status.classes:>3} classes   {where}"
