"""What a run began with, and in what the settings that it is to go on with differ from that."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handgrad.config import RunConfig
from handgrad.config.influence import WITHOUT_INFLUENCE, effective_differences
from handgrad.data import Dataset
from handgrad.errors import CorruptDataError, UsageError
from handgrad.files import read_file
from handgrad.optim import SCHEDULES

# Besides what has no influence: how long one session may last, and what PyTorch computes on, of which the checkpoint's
# own environment warns.
FREE = WITHOUT_INFLUENCE | {"time_limit", "device"}
KEYS = ("config", "data", "start", "start_digest")

Differences = dict[str, tuple[Any, Any]]


def origin_of(config: RunConfig, dataset: Dataset, start: Path | None) -> dict[str, Any]:
    """All that a training depends on: its settings, the fingerprint of its data, the file of its first weights."""
    origin: dict[str, Any] = {"config": config.to_mapping(), "data": dataset.fingerprint}
    return origin | ({"start": str(start.resolve()), "start_digest": _digest(start)} if start else {})


def require_weights(origin: Mapping[str, Any]) -> Path | None:
    """The file of the first weights, if there was one.

    Raises  FileSystemError when it cannot be read; CorruptDataError when it holds others by now.
    """
    if "start" not in origin:
        return None
    path = Path(origin["start"])
    if origin.get("start_digest") not in (None, _digest(path)):
        raise CorruptDataError(f"the weights in {path} are not those that the run began with: restore them to resume")
    return path


def edits(origin: Mapping[str, Any], config: RunConfig, data: str = "", over: bool = False) -> Differences:
    """The settings that decide a training and differ from those that it began with, each with both values.

    More epochs are none where the learning rate does not depend on their number, unless the training is `over`: it is
    the same one, for longer. A data set of another name is the same one when `data`, its fingerprint, is.
    """
    if "config" not in origin:
        return {}
    try:
        began = RunConfig.from_mapping(origin["config"])
    except UsageError:  # a name that this version does not know any more
        values = config.to_mapping()
        return {name: (old, values.get(name)) for name, old in origin["config"].items() if values.get(name) != old}
    found = {name: values for name, values in effective_differences(began, config).items() if name not in FREE}
    if data and data == origin.get("data"):
        found.pop("dataset", None)
    rule = SCHEDULES[config.schedule].rule
    if "epochs" in found and config.epochs > began.epochs and rule and "T" not in rule and not over:
        found.pop("epochs")
    return found


def spelled(found: Differences) -> str:
    """Differences in words."""
    return "; ".join(f"{name} was {old}, is {new}" for name, (old, new) in found.items())


def _digest(path: Path) -> str:
    return hashlib.sha256(read_file(path)).hexdigest()
