"""A hand-in: what its YAML file says of author and runs, the runs it is about, and the two files to begin with."""

import json
import os
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from jinja2 import Environment, PackageLoader
from pydantic import Field, ValidationError, model_validator

from handgrad import strict_yaml
from handgrad.claims import find_document, read_document
from handgrad.claims.document import Document, Experiment
from handgrad.claims.questions import Item, Part, Question, Seeds, Text, in_one_line
from handgrad.claims.relations import Claim
from handgrad.errors import HandgradError, UsageError, collecting, raise_together
from handgrad.files import atomic_write
from handgrad.reports.authored import Authored
from handgrad.reports.blocks import spelled
from handgrad.reproduce.plan import Choice, Plan, make_plan
from handgrad.reproduce.results import Results
from handgrad.reproduce.tasks import over
from handgrad.run_folder import WORDS, YAML
from handgrad.runs import Run, open_run
from handgrad.runs.comparison import Setup, differing, setup_of
from handgrad.text import markdown_line, squashed

FIELDS = {"author": "author", "roll_number": "roll number", "course": "course", "date": "date"}
LEFT_OUT = "-"  # in place of what a course does not ask for
OF_ONE = [Item(figure=name) for name in ("loss", "accuracy", "confusion")]
OF_ONE += [Item(table=name) for name in ("averages", "confusions")]
OF_SEVERAL = [Item(figure=f"compare_{name}") for name in ("test", "loss", "accuracy", "roc")]
LONGEST_NAME = 40
Field_ = Annotated[str | None, Field(strict=True, max_length=2000)]


class Reproduction(Part):
    """Which recipe, in which folder it was run, and with which flags of `handgrad reproduce`."""

    recipe: Text
    folder: Text
    questions: list[Text] = []
    quick: bool = False
    seeds: Seeds | None = None
    dataset: Text | None = None


class HandIn(Part):
    """The title block, and what the report is about: a reproduction, or experiments with their run folders."""

    title: Text
    author: Field_ = None
    roll_number: Field_ = None
    course: Field_ = None
    date: Field_ = None
    links: dict[str, Field_] = {}
    declaration: Field_ = None
    reproduction: Reproduction | None = None
    experiments: dict[str, Experiment] = {}
    claims: dict[str, Claim] = {}
    formats: list[Literal["html", "md", "pdf", "latex"]] = ["html"]

    @model_validator(mode="after")
    def _about_something(self) -> Self:
        if bool(self.reproduction) == bool(self.experiments):
            raise ValueError("give either `experiments` with their runs, or a `reproduction`")
        return self

    @property
    def facts(self) -> dict[str, str | None]:
        """What stands under the title, None for what the author has not filled in."""
        fields = {words: getattr(self, name) for name, words in FIELDS.items()}
        return {name: value or None for name, value in (fields | self.links).items() if value != LEFT_OUT}


class Opened(NamedTuple):
    """A hand-in with its words, and what its runs reached."""

    folder: Path
    hand_in: HandIn
    words: Authored
    results: Results


def open_hand_in(path: Path) -> Opened:
    """Everything that its folder says.

    Raises  UsageError with all that is wrong, FileSystemError.
    """
    folder = path if path.is_dir() else path.parent
    try:
        hand_in = HandIn(**strict_yaml.load_mapping(folder / YAML))
        results = _reproduced(hand_in, folder) if hand_in.reproduction else _of_folders(hand_in, folder)
    except ValidationError as error:
        said = in_one_line(error).replace("a document of claims", "a hand-in").replace("claims.md", "hand-in.md")
        raise UsageError(f"{folder / YAML}: {said}") from None
    return Opened(folder, hand_in, Authored(folder / WORDS), results)


def _of_folders(hand_in: HandIn, folder: Path) -> Results:
    """Raises  UsageError for every run that is not there, has not ended, or stands twice."""
    faults: list[HandgradError] = []
    seen: set[Path] = set()
    experiments = {}
    for name, experiment in hand_in.experiments.items():
        paths = [(folder / path).resolve() for path in experiment.runs]
        for path in paths:
            with collecting(faults):
                _check_run(path, seen, f"{folder / YAML}: experiments.{name}.runs")
            seen.add(path)
        if not paths:
            faults.append(UsageError(f"{folder / YAML}: experiments.{name} has no runs: list their folders"))
        experiments[name] = experiment.model_copy(update={"runs": list(map(str, paths))})
    raise_together(faults)
    questions = questions_of(experiments)
    document = Document(title=hand_in.title, experiments=experiments, claims=hand_in.claims, questions=questions)
    return Results(make_plan(document, Choice(), folder), {})


def _check_run(path: Path, seen: set[Path], place: str) -> None:
    if path in seen:
        raise UsageError(f"{place}: {path} stands twice")
    try:
        ended = bool(open_run(path).metrics)
    except HandgradError as error:
        raise UsageError(f"{place}: {error}") from error
    if not ended:
        raise UsageError(f"{place}: {path} has not ended: finish it with `handgrad resume {path}`")


def questions_of(experiments: dict[str, Experiment]) -> list[Question]:
    """One for each experiment with runs, and one to compare them."""
    requested = [(each.title or name, [name], OF_ONE) for name, each in experiments.items()]
    requested += [("Comparison", list(experiments), OF_SEVERAL)] if len(experiments) > 1 else []
    return [
        Question(id=str(id), title=title, experiments=names, show=show)
        for id, (title, names, show) in enumerate(requested, 1)
    ]


def _reproduced(hand_in: HandIn, folder: Path) -> Results:
    """Raises  UsageError where something is yet to be trained, with the command that does it."""
    requested = hand_in.reproduction
    assert requested is not None
    plan = planned(requested, folder)
    if hand_in.claims:
        document = plan.document.model_copy(update={"claims": plan.document.claims | hand_in.claims})
        plan = plan._replace(document=document)
    missing = [task for task in plan.tasks if not over(task)]
    if missing or plan.lacking:
        command = command_of(requested, folder)
        what = f"{len(missing)} of {len(plan.tasks)} runs and sweeps" if missing else "what a sweep finds"
        raise UsageError(f"{folder / YAML}: {what} of {requested.recipe} not trained yet: {command}")
    return Results(plan, {})


def planned(requested: Reproduction, folder: Path) -> Plan:
    """The plan of a reproduction; a recipe and its folder are looked for from the hand-in's."""
    document = read_document(find_document(_recipe(requested, folder)))
    chosen = Choice(tuple(requested.questions), requested.quick, requested.seeds, requested.dataset)
    return make_plan(document, chosen, Path(os.path.relpath(folder / requested.folder)))


def _recipe(requested: Reproduction, folder: Path) -> str:
    beside = folder / requested.recipe
    return os.path.relpath(beside) if beside.is_file() else requested.recipe


def command_of(requested: Reproduction, folder: Path) -> str:
    """What trains it, from here."""
    flags = [f"--question {each}" for each in requested.questions] + (["--quick"] if requested.quick else [])
    flags += [
        f"--{name} {value}" for name, value in (("seeds", requested.seeds), ("dataset", requested.dataset)) if value
    ]
    output = os.path.relpath(folder / requested.folder)
    return " ".join(["handgrad reproduce", _recipe(requested, folder), *flags, "-o", output])


def grouped(runs: Sequence[Run], folder: Path) -> dict[str, Experiment]:
    """Runs by configuration, those that differ in their seed together, with names from what differs."""
    groups: list[tuple[Setup, list[Run]]] = []
    for run in runs:
        setup = setup_of(run)
        home = next((members for other, members in groups if not differing(other, setup)), None)
        groups += [] if home else [(setup, [run])]
        (home or []).append(run)
    names = list(dict.fromkeys(name for setup, _ in groups for name in differing(groups[0][0], setup)))
    found: dict[str, Experiment] = {}
    for setup, members in groups:
        values = {name: re.sub(r"[^\w.-]+", "-", spelled(setup.value(name))) for name in names}
        title = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items()) or members[0].name
        words = [value if value[0].isalpha() else f"{name}-{value}" for name, value in values.items()]
        name = ("-".join(words) or squashed(members[0].name) or "run")[:LONGEST_NAME].strip("-")
        paths = [os.path.relpath(run.path.resolve(), folder.resolve()) for run in members]
        found[name if name not in found else f"{name}-{len(found) + 1}"] = Experiment(title=title, runs=paths)
    return found


def is_about(question: Question, title: str) -> bool:
    """Whether a heading is that of a question: by its number, or its title."""
    numbered = rf"(?:question\s+)?{re.escape(question.id)}(?:[:.)](?!\d).*)?"
    return bool(re.fullmatch(numbered, title.strip(), re.IGNORECASE)) or squashed(title) == squashed(question.title)


def write_skeleton(folder: Path, title: str, about: dict[str, Any], questions: Sequence[Question]) -> str:
    """Write the files that are not there yet; returns what could be added to those that are, which are the author's.

    Raises  FileSystemError, UsageError for files that cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = Environment(loader=PackageLoader("handgrad.reports"), keep_trailing_newline=True, trim_blocks=True)
    made.filters |= {"line": markdown_line, "quoted": partial(json.dumps, ensure_ascii=False)}
    names = [name for question in questions for name in question.experiments] or ["NAME"]
    added = []
    if (folder / WORDS).exists():
        there = [chapter.title for chapter in Authored(folder / WORDS).chapters]
        questions = [question for question in questions if not any(is_about(question, each) for each in there)]
        added += [made.get_template("questions.md.j2").render(questions=questions)] if questions else []
    else:
        text = made.get_template("hand-in.md.j2").render(questions=questions, first=names[0], other=names[-1])
        atomic_write(folder / WORDS, text)
    if (folder / YAML).exists():
        about = _not_in(strict_yaml.load_mapping(folder / YAML), about, folder)
        added += [strict_yaml.dump(about)] if about else []
    else:
        text = made.get_template("hand-in.yaml.j2").render(title=title, about=strict_yaml.dump(about))
        atomic_write(folder / YAML, text)
    return "\n".join(added)


def _not_in(known: dict[str, Any], about: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The experiments of which a run is not listed yet, or the reproduction where there is none."""

    def runs(experiment: Any) -> set[Path]:
        return {(folder / str(run)).resolve() for run in dict(experiment).get("runs", ())}

    if "reproduction" in known:
        return {}
    listed = {run for experiment in known.get("experiments", {}).values() for run in runs(experiment)}
    new = {name: each for name, each in about.get("experiments", {}).items() if not runs(each) <= listed}
    return {"experiments": new} if new else about if "reproduction" in about else {}
