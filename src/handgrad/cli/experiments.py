"""`handgrad ablate RUN CHANGE …`, what each change of a run does; `handgrad lab NAME`, what is expected and checked."""

import re
import shlex
from functools import cache
from importlib.resources import files
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import yaml
from rich.padding import Padding
from rich.text import Text

from handgrad.claims import read_document
from handgrad.claims.document import Document
from handgrad.claims.judge import HOLDS, HOLDS_NOT
from handgrad.claims.questions import Item, Question, choice
from handgrad.cli.commands import Parser
from handgrad.cli.evaluate import show_table
from handgrad.cli.reproduce import carry_out, check_counts, plan_of
from handgrad.config import RunConfig
from handgrad.config.describe import WITHOUT_INFLUENCE, brief
from handgrad.config.lookup import setting_name
from handgrad.config.presets import BEST, PRESETS
from handgrad.config.schema import value_type_of
from handgrad.config.value_types import Name, Switch
from handgrad.errors import UsageError
from handgrad.evaluation.tables import Table
from handgrad.reproduce.experiment_tables import HEADER, Effects, effects_of
from handgrad.reproduce.pages import own_verdict, reason
from handgrad.reproduce.plan import Choice, make_plan
from handgrad.reproduce.results import Results, verdicts
from handgrad.reproduce.tasks import one_thread_each
from handgrad.run_folder import run_path
from handgrad.runs import open_run
from handgrad.screen import Screen, echo

ABLATIONS = Path("ablations")
MOST = 16  # configurations of a whole factorial design; of more, each change alone and all together
CHANGE = re.compile(r"(?P<sign>[+-])(?P<name>[A-Za-z]\w{2,})|(?P<setting>[A-Za-z]\w*)=(?P<values>.*)")
FIGURES_OF_ALL = ("compare_test", "compare_loss", "compare_accuracy")
OFF = {"schedule": "constant"}

Levels = dict[str, list[Any]]
"""By setting the values that it is changed to."""

LABS = Path("labs")
EXPECTED = {HOLDS: "as expected", HOLDS_NOT: "not as expected"}
COLOURS = {HOLDS: "green", HOLDS_NOT: "red"}


def run_ablate(tokens: list[str]) -> int:
    """Train the controlled set, and print what each change does."""
    changes = [token for token in tokens if CHANGE.fullmatch(token)]
    arguments = Parser("ablate").arguments([token for token in tokens if token not in changes])
    check_counts(arguments)
    one_thread_each()
    run = open_run(run_path(arguments.run))
    if "start" in run.facts:
        raise UsageError(f"{run.path} began with weights of a file, which no other run of the set could share")
    levels = levels_of(run.config, [*changes, *arguments.changes])
    document = document_of(run.name, run.config, levels, arguments.seeds)
    sets = list(document.experiments)
    factorial = len(sets) == prod(len(values) + 1 for values in levels.values())
    which = (
        "every combination"
        if factorial
        else f"each change alone, and the first value of each together (more than {MOST} combinations)"
    )
    echo(f"{run.name} and {len(sets) - 1} changes of it, {which}: {len(sets) * arguments.seeds} runs")
    plan = make_plan(document, Choice(seeds=arguments.seeds), arguments.output or ABLATIONS / run.name)
    done = carry_out(plan, shlex.join(["handgrad", "ablate", *tokens]), arguments)
    found = effects_of(Results(*done), sets) if done else None
    if found:
        _print(found)
    return 0 if found or arguments.estimate else 1


def levels_of(config: RunConfig, changes: list[str]) -> Levels:
    """What each change of the command line stands for.

    Raises  UsageError for one that is none, changes nothing, or needs a value.
    """
    if not changes:
        raise UsageError("say what to change: +batch_norm, -dropout, or batch_size=32,64")
    levels: Levels = {}
    for change in changes:
        found = CHANGE.fullmatch(change)
        name = setting_name((found["name"] or found["setting"]) if found else change)
        if found is None or name not in type(config).model_fields or name in WITHOUT_INFLUENCE | {"seed"}:
            raise UsageError(f"{change} is no change: write +SETTING, -SETTING or SETTING=VALUE,VALUE of a setting")
        if name in levels:
            raise UsageError(f"{name} is changed twice: write {name}=VALUE,VALUE")
        written = (
            yaml.safe_load(f"[{found['values']}]") if found["setting"] else [_switched(config, name, found["sign"])]
        )
        values = [getattr(config.replaced(**{name: value}), name) for value in written]
        if getattr(config, name) in values or not values:
            raise UsageError(f"{change} changes nothing: {name} is {getattr(config, name)} in the run already")
        levels[name] = values
    return levels


def _switched(config: RunConfig, name: str, sign: str) -> Any:
    """What a setting is when it is turned on or off.  Raises  UsageError for one that is neither."""
    if isinstance(value_type_of(name), Switch):
        return sign == "+"
    if sign == "-" and (name in OFF or not isinstance(value_type_of(name), Name)):
        return OFF.get(name, 0)
    value = PRESETS[BEST].get(name, type(config).model_fields[name].default)
    if sign == "+" and isinstance(value, float) and value:
        return value
    raise UsageError(f"{sign}{name} does not say which value: write {name}=VALUE")


def document_of(title: str, config: RunConfig, levels: Levels, seeds: int) -> Document:
    """The controlled set as a recipe: the run, each change alone, and all combinations or, of many, all together."""
    apart = WITHOUT_INFLUENCE - {"preset", "log_every", "evaluate_every"}
    base = {name: value for name, value in config.to_mapping().items() if name not in apart}
    alone = [{name: value} for name, values in levels.items() for value in values]
    choices = [[None, *values] for values in levels.values()]
    if prod(map(len, choices)) <= MOST:
        rows = [dict(zip(levels, row, strict=True)) for row in product(*choices)]
        several = [{name: value for name, value in row.items() if value is not None} for row in rows]
        several = sorted((row for row in several if len(row) > 1), key=len)
    else:
        several = [{name: values[0] for name, values in levels.items()}]
    sets = {"base": {"title": "the run", "train": base}}
    for number, row in enumerate([*alone, *several], 1):
        sets[f"change_{number}"] = {"title": _titled(row), "like": "base", "train": row}
    show = [Item(table="effects"), *(Item(figure=figure) for figure in FIGURES_OF_ALL)]
    question = Question(id="1", title="What each change does", experiments=list(sets), show=show)
    content: dict[str, Any] = {"title": f"Changes of {title}", "experiments": sets, "claims": {}, "seeds": seeds}
    return Document(**content, questions=[question])


def _titled(row: dict[str, Any]) -> str:
    switched = {True: "+{}", False: "-{}"}
    each = (switched[v].format(name) if isinstance(v, bool) else f"{name} {brief(v)}" for name, v in row.items())
    return ", ".join(each)


def _print(found: Effects) -> None:
    screen = Screen(highlight=False)
    show_table(screen, Table("", HEADER, tuple(found.rows)))
    screen.print(found.words)
    for line in found.left_out:
        screen.print(line)


def run_lab(tokens: list[str]) -> int:
    """Run an experiment and print a verdict on each of its expectations; 1 where one is not met."""
    arguments = Parser("lab").arguments(tokens)
    if arguments.name is None:
        screen = Screen(highlight=False)
        for name, path in experiments().items():
            screen.print(f"[bold]{name:12}[/bold] {read_document(path).title}", soft_wrap=True)
        return 0
    one_thread_each()
    plan = plan_of(_file(arguments.name), arguments, LABS)
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
