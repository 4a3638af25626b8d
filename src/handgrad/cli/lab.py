"""`handgrad lab NAME`: small experiments with a stated expectation, which is checked."""

import shlex
from functools import cache
from importlib.resources import files
from pathlib import Path

from rich.padding import Padding
from rich.text import Text

from handgrad.claims import read_document
from handgrad.claims.judge import HOLDS, HOLDS_NOT
from handgrad.claims.questions import choice
from handgrad.cli.arguments import Parser
from handgrad.cli.reproduce import carry_out, plan_of
from handgrad.errors import UsageError
from handgrad.reproduce.pages import own_verdict, reason
from handgrad.reproduce.results import Results, verdicts
from handgrad.reproduce.tasks import one_thread_each
from handgrad.screen import Screen

ROOT = Path("labs")
EXPECTED = {HOLDS: "as expected", HOLDS_NOT: "not as expected"}
COLOURS = {HOLDS: "green", HOLDS_NOT: "red"}


def run_lab(tokens: list[str]) -> int:
    """Run an experiment and print a verdict on each of its expectations; 1 where one is not met."""
    arguments = Parser("lab").arguments(tokens)
    if arguments.name is None:
        screen = Screen(highlight=False)
        for name, path in experiments().items():
            screen.print(f"[bold]{name:12}[/bold] {read_document(path).title}", soft_wrap=True)
        return 0
    one_thread_each()
    plan = plan_of(_file(arguments.name), arguments, ROOT)
    for question in plan.questions:
        Screen(highlight=False).print(f"{question.text}\n" if question.text else question.title, markup=False)
    done = carry_out(plan, shlex.join(["handgrad", "lab", *tokens]), arguments)
    return _judge(Results(*done)) if done else 0


@cache
def experiments() -> dict[str, Path]:
    """The experiments that come with handgrad, by name."""
    folder = Path(str(files("handgrad") / "recipes" / "lab"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _file(name: str) -> Path:
    if name in experiments() and not Path(name).is_file():
        return experiments()[name]
    if not Path(name).is_file():
        raise UsageError(f"{choice('experiment', name, experiments())}; or give a YAML file of your own")
    return Path(name)


def _judge(results: Results) -> int:
    screen, met, found = Screen(highlight=False), True, verdicts(results)
    for each in found.values():
        own = own_verdict(each) or each.printed
        met = met and own.verdict != HOLDS_NOT
        word = EXPECTED.get(own.verdict, own.verdict).upper()
        screen.print(f"\n[bold {COLOURS.get(own.verdict, 'yellow')}]{word}[/]  {each.printed.says}")
        screen.print(Padding(Text(reason(own)), (0, 0, 0, 4), expand=False))
    return 0 if met else 1
