"""The `command` of a sweep file: its fixed flags are settings of every run."""

from typing import Any

from handgrad.config import kind_of
from handgrad.config.kinds import Switch
from handgrad.config.lookup import Problems, field_spellings, shown
from handgrad.diagnostics import NOTE, Diagnostic
from handgrad.errors import UsageError
from handgrad.nearest import squashed


def command_settings(command: Any, notices: list[Diagnostic]) -> dict[str, Any]:
    """Canonical values by field, from words such as ["${program}", "--dataset", "mnist", "${args}"].

    Raises  UsageError when the command is no list, or a flag's value is refused.
    """
    if command is None:
        return {}
    if not isinstance(command, list) or not all(isinstance(word, str | int | float) for word in command):
        raise UsageError(f"command must be a list of words, got {shown(command)}")
    words = [str(word) for word in command]
    table = field_spellings()
    settings: dict[str, Any] = {}
    problems = Problems()
    for place, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if not flag.startswith("-"):
            continue
        field = table.get(squashed(flag))
        if field is None:
            notices.append(Diagnostic(NOTE, f"command: {flag} is ignored: it is no setting of a run"))
        else:
            settings[field] = problems.of(_value, field, flag, value if equals else _next(words, place))
    problems.refuse()
    rest = "what starts a run is ignored: handgrad trains by itself"
    used = f"; its flags are used: {', '.join(settings)}" if settings else ""
    notices.append(Diagnostic(NOTE, f"command: {rest}{used}"))
    return settings


def _next(words: list[str], place: int) -> str | None:
    following = words[place + 1] if place + 1 < len(words) else "-"
    return None if following.startswith(("-", "${")) else following


def _value(field: str, flag: str, value: str | None) -> Any:
    kind = kind_of(field)
    if value is None and not isinstance(kind, Switch):
        raise UsageError(f"command: {flag} needs a value")
    try:
        return kind(True if value is None else value)
    except ValueError as error:
        raise UsageError(f"command: {field} {error} ({flag})") from error
