"""Whether the flags ask for a tracker."""

from handgrad.cli.flags import ParsedFlags
from handgrad.config import RunConfig
from handgrad.config.describe import TURN_WANDB_ON


def with_wandb(parsed: ParsedFlags, always: bool = False) -> RunConfig:
    """W&B is on where it is asked for, or where a project or an entity is named; --no_wandb has the last word."""
    wanted = parsed.options["use_wandb"]
    if wanted is None:
        wanted = always or bool(set(TURN_WANDB_ON) & set(parsed.given))
        wanted = wanted or "wandb" in parsed.config.track
    others = [name for name in parsed.config.track if name != "wandb"]
    return parsed.config.replaced(track=[*others, "wandb"] if wanted else others)
