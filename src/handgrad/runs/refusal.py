"""What a run folder says that its training began with, and what a user can do who has edited its settings since."""

import logging
import shlex
from itertools import count
from typing import Any

from handgrad.config import RunConfig
from handgrad.errors import HandgradError
from handgrad.runs.folder import Run
from handgrad.runs.origin import Differences, spelled
from handgrad.training.checkpoint import newest_origin

log = logging.getLogger("handgrad")

# With other values of these, a network has other weights.
SHAPING = {"dataset", "resize", "features", "model", "layers", "num_layers", "hidden_size", "batch_norm", "activation"}


def began_with(run: Run, over: bool) -> dict[str, Any]:
    """What run.json says, or else the newest checkpoint.

    A warning tells what is damaged; one, unless the run is `over`, that an older version made it and nothing can be
    checked.
    """
    facts: dict[str, Any] = {}
    try:
        facts, why = run.facts, "" if run.facts else f"{run.facts_file} is missing"
    except HandgradError as error:
        why = str(error)
    if "config" in facts or over:
        return facts
    origin = newest_origin(run.checkpoints) or {}
    if why:
        source = "what the newest checkpoint says" if origin else "config.yaml and the data as they are now"
        log.warning("%s: going on with %s", why, source)
    elif not origin:
        log.warning(
            "%s was begun by an older version, which did not write down its settings: whether they, or its "
            "history, were changed since cannot be checked",
            run.path,
        )
    return {**facts, **origin}


def refusal(run: Run, config: RunConfig, found: Differences, start: str | None) -> str:
    """One line: what differs, and the commands that lead on."""
    anew = ["handgrad", "train", "--config", str(run.config_file), "--name", _free_name(run)]
    if str(run.path.parent) != config.runs_dir:
        anew += ["--runs_dir", str(run.path.parent)]
    ways = [f"to train anew with them: {shlex.join(anew + (['--model_path', start] if start else []))}"]
    weights = next((path for path in (run.model_file, run.best_file) if path.exists()), None)
    if weights and not found.keys() & SHAPING:
        ways.append(f"to start from its weights: {shlex.join([*anew, '--model_path', str(weights)])}")
    return f"{run.config_file} was edited since the run began: {spelled(found)}. Undo that to resume; {'; '.join(ways)}"


def _free_name(run: Run) -> str:
    names = (f"{run.name}-{number}" for number in count(2))
    return next(name for name in names if not (run.path.parent / name).exists())
