"""From an experiment of a recipe to the configuration of its runs."""

from typing import Any

from handgrad.config import RunConfig
from handgrad.config.build import REPLACED_BY_LAYERS
from handgrad.config.lookup import field_spellings, squashed
from handgrad.errors import UsageError
from handgrad.recipes.document import Document


def config_of(document: Document, name: str, variant: str) -> RunConfig:
    """The configuration of an experiment's runs, their seed apart.

    For the document, then along `like`, then for the experiment: its `settings` as far as runs have them, `train`, and
    what the variant changes; later ones win.

    Raises  UsageError with the place, for settings that runs do not have or that do not go together.
    """
    config = RunConfig()
    for place, part in _parts(document, name):
        for key, changes in (("settings", _stated(part)), ("train", part.train), (variant, getattr(part, variant))):
            try:
                config = config.replaced(**changes) if changes else config
            except UsageError as error:
                raise UsageError(f"{place}{key}: {error}") from error
    return config


def _stated(part: Any) -> dict[str, Any]:
    """The settings that runs have, but for those of a network that `train` describes anew as `layers`."""
    table = field_spellings()
    dropped = REPLACED_BY_LAYERS if "layers" in part.train else ()
    names = {written: table.get(squashed(written)) for written in part.settings}
    return {each: value for each, value in part.settings.items() if names[each] and names[each] not in dropped}


def _parts(document: Document, name: str) -> list[tuple[str, Any]]:
    own = [(f"experiments.{each}.", document.experiments[each]) for each in document.lineage(name)]
    return [("", document), *own]
