"""The report of a hand-in: the author's words, with numbers, verdicts, figures and tables of the runs in them."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from handgrad.claims.estimate import MEASURES, quantity, unit_of, written
from handgrad.claims.evidence import columns, measured
from handgrad.claims.judge import HOLDS, HOLDS_NOT, OVER_SEEDS, ClaimVerdict
from handgrad.claims.questions import TABLES, VARIANTS, Item, Question, choice, in_one_line
from handgrad.claims.relations import Claim
from handgrad.claims.wording import interval_words
from handgrad.errors import HandgradError, UsageError, raise_together
from handgrad.evaluation import Interval, mean_interval, wilson
from handgrad.figures import COMPARISONS, FIGURES
from handgrad.machine import available_cores, machine
from handgrad.reports.authored import PART, Chapter, Inline, Paragraphs, plain
from handgrad.reports.blocks import Block, Code, Note, Points, Report, Section, Table, Text, Words, spelled
from handgrad.reproduce.handin import Opened, command_of, is_about
from handgrad.reproduce.pages import Made, build_pages
from handgrad.reproduce.question_blocks import QuestionBlocks
from handgrad.reproduce.results import Results, verdicts
from handgrad.run_folder import WORDS, YAML
from handgrad.runs import Run
from handgrad.runs.comparison import differing, setup_of
from handgrad.runs.predictions import predictions_of

VARIANT = VARIANTS[0]  # of the runs that a hand-in speaks of
COMPARED = re.compile(
    r"(?P<first>[\w.-]+)\s*(?P<sign>[<>=])\s*(?P<second>[\w.-]+)(?P<more>(?:\s+(?:on|by|within)\s+\S+)*)"
)
RELATIONS = {">": "higher", "<": "lower", "=": "equal"}
FORMS = "`relu > tanh on test_accuracy`, `… < …`, `… > … by 2`, `… = … within 0.5`, or the name of a claim"

NUMBER = re.compile(r"([\w.-]+)\.(\w+(?:@[\d.e-]+)?)\s*(?::\s*(\S+))?(?:\s*%)?")
COLUMNS = ("test_accuracy", "train_accuracy", "test_loss", "parameters")
OWN_TABLES = ("numbers", "claims", "choices")  # those that are no table of single experiments
FIELDS = ("title", "author", "roll_number", "course", "date", "declaration")
EXPECTED = (
    f"figures, table, question, equations or omit with a colon, claim: …, NAME.measure, or one of {', '.join(FIELDS)}"
)
READING = (
    "Numbers in square brackets are 95 % intervals: Student's over seeds, Wilson's over images where there is one run. "
    "⚠ marks what the runs do not bear out."
)


class Statement(NamedTuple):
    """What the author states in a line of the file, the verdict of the runs on it, and why, in one sentence."""

    line: int
    words: str
    verdict: str
    sentence: str

    @property
    def holds(self) -> bool:
        """Whether the runs bear it out."""
        return self.verdict == HOLDS


def check_measure(measure: str) -> None:
    """Raises  UsageError for a name that is no measure."""
    if measure.partition("@")[0] not in MEASURES:
        raise UsageError(choice("measure", measure, MEASURES))


def interval_of(results: Results, name: str, measure: str) -> Interval:
    """The mean over seeds with Student's interval, or one run's share of images with Wilson's, in the document's unit.

    Raises  UsageError where it was not measured; as `predictions_of`.
    """
    reached, scale, role = results.reached(name, VARIANT), results.document.scale, quantity(measure)
    if reached is not None:
        more = columns([measured(run, scale, (measure,)) for run in reached.runs])
        reached = reached._replace(values=reached.values | more)
    values = {**reached.values, **results.evidence(name, reached).values}.get(measure) if reached else None
    if not reached or not values:
        raise UsageError(f"{name} has no {role.words}: its runs did not measure it")
    found = mean_interval(values)
    if len(values) == 1 and role.part and reached.runs:
        right = predictions_of(reached.runs[0], role.part).right
        share = wilson(int(right.sum()), len(right))
        return Interval(found.mean, scale * share.low, scale * share.high, len(right))
    return found.within(0, scale) if role.part else found


def number_words(found: Interval, measure: str, scale: float) -> str:
    """As in "97.21 % [97.05, 97.37]"; without brackets where nothing tells how sure it is."""
    mean, low, high = ("" if math.isnan(each) else written(each, measure, scale) for each in found[:3])
    return f"{mean}{' %' if unit_of(measure, scale) else ''}{f' [{low}, {high}]' if low != high else ''}"


def state_number(results: Results, line: int, name: str, measure: str, stated: str) -> Statement:
    """Whether a number is what the runs say when both are written with its digits, or lies within their interval.

    Raises  UsageError for what is no number; as `interval_of`.
    """
    try:
        value = float(stated.replace(",", ""))
    except ValueError:
        raise UsageError(f"{stated!r} is no number: write {name}.{measure}: 97.2, or leave it out") from None
    found, scale = interval_of(results, name, measure), results.document.scale
    low, high = (float(written(end, measure, scale).replace(",", "")) if end == end else end for end in found[1:3])
    holds = low <= value <= high or round(found.mean, len(stated.partition(".")[2])) == value
    sentence = f"the runs say {number_words(found, measure, scale)}"
    return Statement(line, f"{name}.{measure}: {stated}", HOLDS if holds else HOLDS_NOT, sentence)


def read_claim(text: str) -> Claim:
    """A comparison such as "relu > tanh on test_accuracy by 2", or "a = b within 0.5".

    Raises  UsageError, ValidationError.
    """
    match = COMPARED.fullmatch(text)
    words = match["more"].split() if match else []
    options = dict(zip(words[::2], words[1::2], strict=True))
    if match is None or len(options) * 2 != len(words):
        raise UsageError(f"claim {text!r} is not understood: write {FORMS}")
    measure, _, level = options.pop("on", "test_accuracy").partition("@")
    check_measure(measure)
    try:
        numbers = {name: float(word) for name, word in [*options.items(), *([("level", level)] if level else [])]}
    except ValueError as error:
        raise UsageError(f"claim {text!r}: {str(error).partition(': ')[2]} is no number") from None
    pair = {RELATIONS[match["sign"]]: [match["first"], match["second"]]}
    return Claim.model_validate({"says": text, "measure": measure, **numbers, **pair})


def judged(results: Results, claims: Mapping[str, Claim]) -> dict[str, ClaimVerdict]:
    """The verdicts of our runs, or of printed numbers where a claim is about these."""
    if not claims:
        return {}
    document = results.document.model_copy(update={"claims": dict(claims)})
    requested = Question(id="claims", title="claims of the author", claims=list(claims))
    own = Results(results.plan._replace(document=document, questions=[requested]), {})
    found = {name: each.seeds.get(VARIANT) or each.printed for name, each in verdicts(own).items()}
    return {name: each._replace(verdict=OVER_SEEDS.get(each.verdict, each.verdict)) for name, each in found.items()}


class Part(NamedTuple):
    """What a placeholder on its own asks for: a question, items to show, or a table of some experiments."""

    role: str
    question: Question | None = None
    items: tuple[Item, ...] = ()
    names: tuple[str, ...] = ()


class Rendered(NamedTuple):
    """A chapter of the author's, and the question that it answers, if any."""

    title: str
    blocks: list[Words | Part]
    written: bool
    question: Question | None


class Woven:
    """A hand-in whose placeholders are read and judged; `home` is where its report will be, for Markdown's images.

    Raises  UsageError with all that is wrong with them, each with its line; as `predictions_of`.
    """

    def __init__(self, opened: Opened, home: Path | None = None) -> None:
        self.folder, self.hand_in, self.words, self.results = opened
        self.statements: list[Statement] = []
        self._faults: list[HandgradError] = []
        self.found: dict[int, Inline | Part | Claim] = {}
        self.names = self.results.plan.experiments or list(self.results.document.experiments)
        for place, (body, line, closed) in enumerate(self.words.placeholders):
            with self._collecting(f"{self.words.path}:{line}: "):
                self.found[place] = self._understood(body, line, closed)
        raise_together(self._faults)
        claims = {place: each for place, each in self.found.items() if isinstance(each, Claim)}
        verdicts = judged(self.results, {f"claim {place}": claim for place, claim in claims.items()})
        for place, claim in claims.items():
            verdict, line = verdicts[f"claim {place}"], self.words.placeholders[place].line
            why = (verdict.sentence or " ".join(verdict.arithmetic)).removesuffix(".")
            statement = Statement(line, claim.says, verdict.verdict, why)
            self.found[place] = self._stated(statement, f"{verdict.verdict}: {self._brief(claim, verdict) or why}")
        self.statements.sort(key=lambda statement: statement.line)
        self.chapters = [self._rendered(chapter, home or self.folder) for chapter in self.words.chapters]
        raise_together(self._faults)

    def _brief(self, claim: Claim, verdict: ClaimVerdict) -> str:
        """The difference that a claim which holds rests on, where it is one."""
        if verdict.verdict != HOLDS or len(verdict.differences) != 1:
            return ""
        (measure, *_), scale, (found,) = claim.quantities, self.results.document.scale, verdict.differences
        size = f"{written(found.value, measure, scale)}{unit_of(measure, scale)}"
        return size if math.isnan(found.low) else f"{size}, {interval_words(measure, scale, found)}"

    @contextmanager
    def _collecting(self, place: str) -> Iterator[None]:
        try:
            yield
        except ValidationError as error:
            self._faults.append(UsageError(f"{place}{in_one_line(error)}"))
        except HandgradError as error:
            self._faults.append(UsageError(f"{place}{error}"))

    def _understood(self, body: str, line: int, closed: bool) -> Inline | Part | Claim:
        """What a placeholder asks for.  Raises  UsageError, ValidationError."""
        part, number, claim = PART.fullmatch(body), NUMBER.fullmatch(body), body.removeprefix("claim:").strip()
        if not closed:
            raise UsageError("{{ is not closed by }} in the same paragraph")
        if part:
            return self._part(part["kind"].rstrip("s"), part["what"].strip())
        if body.startswith("claim:"):
            if re.fullmatch(r"[\w-]+", claim):
                return self.results.document.claims[self._known("claim", claim, self.results.document.claims)]
            found = read_claim(claim)
            for name in found.experiments:
                self._known("experiment", name, self.names)
            return found
        if body in FIELDS:
            words = getattr(self.hand_in, body)
            return Inline(words or f"(author: fill in {YAML})", bool(words))
        if number is None:
            raise UsageError(f"{{{{ {body} }}}} is not understood: expected {EXPECTED}")
        name, measure, stated = number.groups()
        check_measure(measure)
        self._known("experiment", name, self.names)
        if stated is None:
            return Inline(number_words(interval_of(self.results, name, measure), measure, self.results.document.scale))
        statement = state_number(self.results, line, name, measure, stated)
        return self._stated(statement, stated if statement.holds else f"{stated} ({statement.sentence})")

    def _known(self, what: str, name: str, names: Iterable[str]) -> str:
        if name not in names:
            raise UsageError(choice(what, name, names))
        return name

    def _stated(self, statement: Statement, words: str) -> Inline:
        self.statements.append(statement)
        return Inline(words, statement.holds)

    def _part(self, role: str, what: str) -> Part:
        if role in ("question", "omit"):
            questions = {question.id: question for question in self.results.plan.questions}
            return Part(role, questions[self._known("question", what, questions)])
        wanted, of = (re.findall(r"[^,\s]+", words) for words in (what + " of ").split(" of ", 2)[:2])
        if role == "equation":
            return Part(
                role, items=tuple(Item(equations=self._known("experiment", name, self.names)) for name in wanted)
            )
        names = [self._known("experiment", name, self.names) for name in of] or self.names
        for name in wanted:
            self._known(role, name, [*FIGURES, *COMPARISONS] if role == "figure" else [*OWN_TABLES, *TABLES])
        items = [Item.model_validate({role: name, "of": names}) for name in wanted if name not in OWN_TABLES]
        return Part(next((name for name in wanted if name in OWN_TABLES), role), None, tuple(items), tuple(names))

    def _rendered(self, chapter: Chapter, home: Path) -> Rendered:
        def fill(place: int) -> Inline:
            found, (body, line, _) = self.found[place], self.words.placeholders[place]
            if isinstance(found, Inline):
                return found
            where = "must stand in a paragraph of its own, outside of lists and tables"
            self._faults.append(UsageError(f"{self.words.path}:{line}: {{{{ {body} }}}} {where}"))
            return Inline("")

        blocks: list[Words | Part] = []
        for part in chapter.parts:
            with self._collecting(""):
                found = self.words.words(part, fill, home) if isinstance(part, Paragraphs) else self.found[part]
                blocks += [found] if isinstance(found, Words | Part) else []
        title = plain(chapter.title, fill)
        questions = [question for question in self.results.plan.questions if is_about(question, title)]
        return Rendered(title, blocks, chapter.written, questions[0] if questions else None)

    @property
    def blanks(self) -> list[str]:
        """What the author has not written yet, each with its place."""
        fields = self.hand_in.facts | {"declaration": self.hand_in.declaration}
        found = [f"{self.folder / YAML}: {name} is empty" for name, value in fields.items() if not value]
        lines = [(each.line, each.title) for each in self.words.chapters if not each.written]
        return found + [f"{self.words.path}:{line}: nothing is written below {title!r}" for line, title in lines]

    @property
    def unplaced(self) -> list[Question]:
        """The questions that no section answers, and no placeholder shows or leaves out."""
        named = [part.question for part in self.found.values() if isinstance(part, Part)]
        named += [chapter.question for chapter in self.chapters]
        return [question for question in self.results.plan.questions if question not in named]

    def report(self, tsne_images: int, log: Callable[[str], None]) -> Report:
        """The author's sections, then the questions that have none, then how to get it all again.

        Raises  HandgradError for runs that cannot be read.
        """
        made = Generated(self, QuestionBlocks(self.results, tsne_images, log), log)
        sections: list[Section] = []
        for title, parts, has_words, question in self.chapters:
            missing = Note(f"(author: write this section in {WORDS})")
            blocks: list[Block] = [] if has_words or question else [missing]
            for part in parts:
                blocks += made.part(part) if isinstance(part, Part) else [part]
            if question and not any(isinstance(part, Part) for part in parts):
                blocks += made.question(question)
            sections.append(Section(f"section-{len(sections) + 1}", title, blocks))
        for question in self.unplaced:
            sections.append(
                Section(f"question-{question.id}", f"{question.id}: {question.title}", made.question(question))
            )
        sections += made.rest({part.role for part in self.found.values() if isinstance(part, Part)})
        facts = [(name, value or f"(author: fill in {YAML})") for name, value in self.hand_in.facts.items()]
        return Report(self.hand_in.title, "", facts, [section for section in sections if section.blocks])


@dataclass
class Generated:
    """The parts of a report that are made from the runs."""

    woven: Woven
    writer: QuestionBlocks
    log: Callable[[str], None]

    def part(self, part: Part) -> list[Block]:
        """What a placeholder asks for."""
        if part.question is not None:
            return [] if part.role == "omit" else self.question(part.question)
        blocks: list[Block] = [self._numbers(part.names)] if part.role == "numbers" else self._section(part.role)
        return blocks + self.writer.blocks(Question(id="part", title="part", show=list(part.items)))

    def question(self, question: Question) -> list[Block]:
        """All that a recipe shows of a question; or the numbers and figures of one configuration, or several."""
        if self.woven.hand_in.reproduction:
            return self._section(f"question-{question.id}")
        names = question.experiments
        differences = [self._differences(names)] if len(names) > 1 else []
        return [self._numbers(names), *differences, *self.writer.blocks(question)]

    def _numbers(self, names: Sequence[str]) -> Table:
        """A row for each experiment: how many runs, and what they reached."""
        results, rows = self.woven.results, []
        for name in names:
            reached = results.reached(name, VARIANT)
            known = [measure if reached and measure in reached.values else "" for measure in COLUMNS]
            numbers = [m and number_words(interval_of(results, name, m), m, results.document.scale) for m in known]
            rows.append(
                [results.document.title_of(name), str(len(self._runs(name))), *(each or "–" for each in numbers)]
            )
        header = ("experiment", "runs", *(quantity(measure).words for measure in COLUMNS))
        return Table(header, rows, "What the runs reached, with 95 % intervals", header[:1])

    def _differences(self, names: Sequence[str]) -> Table:
        """The settings in which experiments differ."""
        setups = [setup_of(self._runs(name)[0]) for name in names]
        found = dict.fromkeys(name for setup in setups[1:] for name in differing(setups[0], setup))
        rows = [(name.replace("_", " "), *(spelled(setup.value(name)) for setup in setups)) for name in found]
        header = ("setting", *map(self.woven.results.document.title_of, names))
        return Table(header, rows, "What differs", header)

    def rest(self, placed: set[str]) -> list[Section]:
        """How to get the report again; before it, of a recipe, its claims and choices where they are not `placed`."""
        if self.woven.hand_in.reproduction:
            kept = {"claims", "choices", "reproduce"} - placed
            *others, last = [section for section in self._pages.sections if section.anchor in kept]
            return [*others, replace(last, blocks=[*last.blocks, Text(READING)])]
        commands = [setup_of(run).command() for name in self.woven.names for run in self._runs(name)]
        words = "These commands train the same networks again, and `handgrad report` writes this report again:"
        blocks: list[Block] = [Text(words), Code("\n".join(commands)), Text(READING)]
        blocks += [Text("Not shown here:"), Points(self.writer.left_out)] if self.writer.left_out else []
        return [Section("reproduce", "How to reproduce it", blocks)]

    def _runs(self, name: str) -> list[Run]:
        reached = self.woven.results.reached(name, VARIANT)
        return list(reached.runs) if reached else []

    def _section(self, anchor: str) -> list[Block]:
        """The blocks of a section of the recipe's report."""
        sections = self._pages.sections if self.woven.hand_in.reproduction else ()
        return [block for section in sections if section.anchor == anchor for block in section.blocks]

    @cached_property
    def _pages(self) -> Report:
        requested, results = self.woven.hand_in.reproduction, self.woven.results
        assert requested is not None
        runs = {run.path: run for name in self.woven.names for run in self._runs(name)}
        seconds = sum(run.metrics.get("seconds", 0.0) for run in runs.values()) + results.searching_seconds
        made = Made(command_of(requested, self.woven.folder), seconds, len(available_cores()), machine())
        return build_pages(results, verdicts(results), made, self.log)
