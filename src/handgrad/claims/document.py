"""A document of claims: experiments with their settings and numbers as printed, and statements that compare them."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from handgrad import strict_yaml
from handgrad.claims.estimate import MEASURES, SCALES, canonical
from handgrad.claims.printed import ImageCounts, Printed, Spread
from handgrad.claims.questions import (
    VARIANTS,
    Choice,
    Found,
    Item,
    Part,
    Question,
    Quick,
    Search,
    Seeds,
    Text,
    choice,
    in_one_line,
)
from handgrad.claims.relations import Claim
from handgrad.config.lookup import setting_name
from handgrad.errors import UsageError

ONE_PAIR = 2


class Experiment(Part):
    """What was done (`settings`, on top of those of the experiment that it is `like`) and what came out.

    To reproduce it, `train` has the settings of runs that `settings` cannot express, and `open` those that the report
    leaves open. Retrained, it has on top what the sweep called `retrained` (its own, or the nearest along `like`, or
    the document's) chose on validation images; without printed numbers, only if it names one itself. An `ensemble`
    averages what the named experiments predict. One that is `found` has the settings that a sweep has found, under
    its own. With `test_fold`, its test images are those of that fold of the run's `fold`, counted from 0.
    """

    title: Text | None = None
    like: Text | None = None
    settings: dict[str, Any] = {}
    images: ImageCounts = ImageCounts()
    printed: Printed = Printed()
    runs: list[Text] = []
    train: dict[str, Any] = {}
    open: dict[str, Choice] = {}
    retrained: Text | None = None
    ensemble: list[Text] = []
    found: Found | None = None
    test_fold: Annotated[int, Field(strict=True, ge=0, le=1000)] | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.found and (self.like or self.runs or self.ensemble):
            raise ValueError("is found by a sweep, which has all its settings: leave out like, runs and ensemble")
        if self.runs and (self.settings or self.like or self.printed.model_fields_set):
            raise ValueError("has runs, whose settings and numbers are read: leave out settings, like and printed")
        if self.ensemble and (self.train or self.open or self.retrained):
            raise ValueError("is an ensemble, which is not trained itself: leave out train, open, retrained")
        return self


class Document(Part):
    """Experiments and claims by name; accuracies are in per cent unless `unit` says share.

    With `questions`, it is a recipe: all its experiments begin with its `settings`, `open` and `train`.
    """

    title: Text
    unit: Literal["percent", "share"] = "percent"
    images: ImageCounts = ImageCounts()
    settings: dict[str, Any] = {}
    experiments: dict[str, Experiment]
    claims: dict[str, Claim]
    train: dict[str, Any] = {}
    open: dict[str, Choice] = {}
    retrained: Text | None = None
    seeds: Seeds = 3
    quick: Quick = Quick()
    sweeps: dict[str, Search] = {}
    questions: list[Question] = []

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, experiment in self.experiments.items():
            _check_shares(f"experiments.{name}.printed", experiment.printed, self)
            self.settings_of(name)
        for name, claim in self.claims.items():
            for experiment_name in claim.experiments:
                if experiment_name not in self.experiments:
                    wrong = choice("experiment", experiment_name, self.experiments)
                    raise ValueError(f"claims.{name}.{claim.relation}: {wrong}")
        _check_ensembles(self)
        _check_open("", self, self)
        for name, experiment in self.experiments.items():
            _check_open(f"experiments.{name}.", experiment, self)
        _check_sweeps(self)
        _check_questions(self)
        return self

    @property
    def reports(self) -> bool:
        """Whether it is of a report that prints numbers, and not an experiment of its own."""
        return any(experiment.printed.model_fields_set for experiment in self.experiments.values())

    @property
    def scale(self) -> float:
        """What one whole is written as: 100 or 1."""
        return SCALES[self.unit]

    def settings_of(self, name: str) -> dict[str, Any]:
        """An experiment's settings: the document's, then along `like`, then its own.

        Raises  ValueError with the place, for an unknown or circular `like` and a value that a setting cannot have.
        """
        settings = canonical(self.settings, "settings")
        for each in self.lineage(name):
            settings |= canonical(self.experiments[each].settings, f"experiments.{each}.settings")
        return settings

    def choices(self, name: str) -> dict[str, Choice]:
        """The settings of an experiment that the report leaves open, by RunConfig's names: the document's, then along
        `like`; one that a later `settings` or `train` states is not open any more.
        """
        found: dict[str, Choice] = {}
        parts: list[Document | Experiment] = [self, *(self.experiments[each] for each in self.lineage(name))]
        for part in parts:
            stated = set(map(setting_name, [*part.settings, *part.train]))
            found = {setting: choice for setting, choice in found.items() if setting not in stated}
            found |= {setting_name(written): choice for written, choice in part.open.items()}
        return found

    def fitted(self, name: str) -> dict[str, Choice]:
        """The settings of an experiment that were fitted to printed numbers."""
        return {setting: choice for setting, choice in self.choices(name).items() if choice.fitted}

    def swept(self, claim_name: str) -> str | None:
        """The open setting at each of whose values a claim is judged, by all its experiments at that same value.

        Experiments without that setting, such as a support vector machine without a learning rate, stay as they are.
        None where no open setting has values for a sweep, or they are not the same for all experiments.
        """
        claim = self.claims[claim_name]
        untrained = [each for each in map(self.origin, claim.experiments) if each.ensemble or each.runs or each.found]
        if claim.measures or untrained:
            return None
        choices = {name: self.choices(name) for name in claim.experiments}
        for setting in dict.fromkeys(setting for each in choices.values() for setting in each if each[setting].sweep):
            swept = [each[setting].sweep for each in choices.values() if setting in each]
            stated = any(setting in self.settings_of(name) for name, each in choices.items() if setting not in each)
            if all(values == swept[0] for values in swept) and not stated:
                return setting
        return None

    def title_of(self, name: str) -> str:
        """An experiment as a reader calls it."""
        return self.experiments[name].title or name.replace("_", " ")

    def variants(self, name: str) -> tuple[str, ...]:
        """In which of the VARIANTS an experiment is trained; one that reports no number has none to reach."""
        experiment = self.experiments[name]
        if experiment.ensemble:
            return tuple(each for each in VARIANTS if any(each in self.variants(one) for one in experiment.ensemble))
        reports = bool(experiment.printed.model_fields_set) or experiment.retrained is not None
        return VARIANTS if reports and self.tuned_by(name) else VARIANTS[:1]

    def tuned_by(self, name: str) -> str | None:
        """The sweep whose best values an experiment has when it is retrained."""
        own = [self.experiments[each].retrained for each in self.lineage(name)]
        return next((each for each in reversed(own) if each), None if self.origin(name).found else self.retrained)

    def beside(self, name: str) -> str:
        """The experiment whose printed numbers stand beside an experiment's own: mostly itself."""
        found = self.experiments[name].found
        return found.beside if found and found.beside else name

    def origin(self, name: str) -> Experiment:
        """The experiment that one's settings begin with."""
        return self.experiments[self.lineage(name)[0]]

    def lineage(self, name: str) -> list[str]:
        """The experiments that one is made from along `like`, itself at the end.

        Raises  ValueError with the place, for an unknown or circular `like`.
        """
        chain: list[str] = []
        current: str | None = name
        while current is not None:
            if current in chain:
                raise ValueError(f"experiments.{name}.like: is circular: {' -> '.join([*chain, current])}")
            if current not in self.experiments:
                raise ValueError(f"experiments.{chain[-1]}.like: {choice('experiment', current, self.experiments)}")
            chain.append(current)
            current = self.experiments[current].like
        return chain[::-1]


def read_document(source: str | Path) -> Document:
    """The document in a YAML file (a Path) or text.

    Raises  UsageError in one line with the place in it; FileSystemError when the file cannot be read.
    """
    name = str(source) if isinstance(source, Path) else "claims"
    mapping = strict_yaml.load_mapping(source, name)
    try:
        document = Document(**mapping)
    except ValidationError as error:
        raise UsageError(f"{name}: {in_one_line(error)}") from None
    if not isinstance(source, Path):
        return document
    return document.model_copy(
        update={"sweeps": {key: each.seen_from(source.parent) for key, each in document.sweeps.items()}}
    )


def _check_shares(place: str, printed: Printed, document: Document) -> None:
    """Raises  ValueError for an accuracy outside of the unit's range."""
    for measure, value in printed.values():
        numbers = value if isinstance(value, list) else [value.mean if isinstance(value, Spread) else value]
        for number in numbers if MEASURES[measure].type == "share" else []:
            if not 0 <= number <= document.scale:
                other = "" if document.unit == "percent" or number < 0 else ", or write `unit: percent`"
                raise ValueError(f"{place}.{measure}: must be 0 to {document.scale:g}, got {number:g}{other}")
            if document.unit == "percent" and 0 < number <= 1 and "unit" not in document.model_fields_set:
                raise ValueError(f"{place}.{measure}: got {number:g}: say whether `unit` is share or percent")


def _check_ensembles(document: Document) -> None:
    """Raises  ValueError for an ensemble of less than two trained experiments."""
    for name, experiment in document.experiments.items():
        members = experiment.ensemble
        for member in members:
            _check_known(f"experiments.{name}.ensemble", member, document.experiments)
            if document.experiments[member].ensemble:
                raise ValueError(f"experiments.{name}.ensemble: {member} is an ensemble itself, name its members")
        if members and len(set(members)) < max(len(members), ONE_PAIR):
            raise ValueError(f"experiments.{name}.ensemble: must name two or more experiments, each once")


def _check_open(place: str, part: Document | Experiment, document: Document) -> None:
    """Raises  ValueError for an open setting that is stated as well, or is chosen by what is not there."""
    stated = set(map(setting_name, [*part.settings, *part.train]))
    for written, each in part.open.items():
        where = f"{place}open.{written}"
        if setting_name(written) in stated:
            raise ValueError(f"{where}: stands in settings or train as well: leave it out of one")
        _check_known(f"{where}.how", each.chosen_by, document.sweeps, "sweep")
        for name in each.fits:
            _check_known(f"{where}.fits", name, document.experiments)


def _check_sweeps(document: Document) -> None:
    """Raises  ValueError for a sweep that is not there, or one of an experiment that is not trained by itself."""
    _check_known("retrained", document.retrained, document.sweeps, "sweep")
    for name, search in document.sweeps.items():
        _check_known(f"sweeps.{name}.of", search.of, document.experiments)
        if search.of and (document.experiments[search.of].ensemble or document.origin(search.of).found):
            raise ValueError(f"sweeps.{name}.of: {search.of} has no settings of its own to begin with")
    for name, experiment in document.experiments.items():
        _check_known(f"experiments.{name}.retrained", experiment.retrained, document.sweeps, "sweep")
        found = experiment.found
        if found:
            _check_known(f"experiments.{name}.found.sweep", found.sweep, document.sweeps, "sweep")
            _check_known(f"experiments.{name}.found.beside", found.beside, document.experiments)
    for name, claim in document.claims.items():
        if claim.in_sweep:
            _check_known(f"claims.{name}.in_sweep.sweep", claim.in_sweep.sweep, document.sweeps, "sweep")


def _check_questions(document: Document) -> None:
    """Raises  ValueError for a question asked twice, or of what is not there."""
    seen: set[str] = set()
    for question in document.questions:
        place = f"questions.{question.id}"
        if question.id in seen:
            raise ValueError(f"{place}: stands twice, give each question an id of its own")
        seen.add(question.id)
        for name in question.experiments:
            _check_known(f"{place}.experiments", name, document.experiments)
        for name in question.claims:
            _check_known(f"{place}.claims", name, document.claims, "claim")
        for number, item in enumerate(question.show, 1):
            _check_item(f"{place}.show.{number}", item, question, document)


def _check_item(place: str, item: Item, question: Question, document: Document) -> None:
    """Raises  ValueError for an item of what is not there, or of nothing."""
    if item.sweep is not None:
        _check_known(f"{place}.sweep", item.sweep, document.sweeps, "sweep")
        _check_variant(place, item.sweep, item.variant, VARIANTS[:1])
    _check_known(f"{place}.trials", item.trials, document.sweeps, "sweep")
    names = item.experiments or question.experiments
    for name in item.experiments:
        _check_known(place, name, document.experiments)
    for name in names if item.of_experiments else ():
        _check_variant(place, name, item.variant, document.variants(name))
    if item.of_experiments and not names:
        raise ValueError(f"{place}: say which experiments it is `of`, the question has none")


def _check_variant(place: str, name: str, variant: str, variants: Collection[str]) -> None:
    if variant not in variants:
        raise ValueError(f"{place}: {name} has no variant {variant}, see docs/recipes.md")


def _check_known(place: str, name: str | None, names: Collection[str], what: str = "experiment") -> None:
    """Raises  ValueError for a name, where there is one, of nothing."""
    if name is not None and name not in names:
        raise ValueError(f"{place}: {choice(what, name, names)}")
