"""From an experiment of a recipe to the configuration of its runs."""

from typing import Any

from handgrad.config import RunConfig
from handgrad.config.build import REPLACED_BY_LAYERS
from handgrad.config.lookup import field_spellings
from handgrad.errors import UsageError
from handgrad.nearest import squashed
from handgrad.recipes.document import Document
from handgrad.recipes.settings import canonical_name


def config_of(document: Document, name: str, variant: str, found: RunConfig | None = None) -> RunConfig:
    """The configuration of an experiment's runs, their seed apart; what a sweep has `found` is in the document's place.

    Raises  UsageError with the place, for settings that runs do not have or that do not go together.
    """
    own = [(f"experiments.{each}.", document.experiments[each]) for each in document.lineage(name)]
    return _laid(_laid(RunConfig(), [("", document)], variant) if found is None else found, own, variant)


def sweep_base(document: Document, name: str, variant: str) -> tuple[RunConfig, list[str]]:
    """What a sweep leaves open: the document's settings, under those that the sweep holds still, which are named.

    Raises  UsageError with the place.
    """
    search = document.sweeps[name]
    config = _laid(RunConfig(), [("", document)], variant)
    held: dict[str, Any] = {}
    for key, changes in (("settings", search.settings), (variant, getattr(search, variant) or {})):
        config = _replaced(config, changes, f"sweeps.{name}.{key}")
        held |= changes
    return config, [canonical_name(each) for each in held]


def _laid(config: RunConfig, parts: list[tuple[str, Any]], variant: str) -> RunConfig:
    """For each part its `settings` as far as runs have them, `train`, and what the variant changes; later ones win."""
    for place, part in parts:
        for key, changes in (("settings", _stated(part)), ("train", part.train), (variant, getattr(part, variant))):
            config = _replaced(config, changes or {}, f"{place}{key}")
    return config


def _replaced(config: RunConfig, changes: dict[str, Any], place: str) -> RunConfig:
    try:
        return config.replaced(**changes) if changes else config
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error


def _stated(part: Any) -> dict[str, Any]:
    """The settings that runs have, but for those of a network that `train` describes anew as `layers`."""
    table = field_spellings()
    dropped = REPLACED_BY_LAYERS if "layers" in part.train else ()
    names = {written: table.get(squashed(written)) for written in part.settings}
    return {each: value for each, value in part.settings.items() if names[each] and names[each] not in dropped}
