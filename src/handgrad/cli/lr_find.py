"""`handgrad lr_find`: a learning rate for a configuration, from a short training whose rate rises."""

import os
from pathlib import Path

from handgrad.classical import CLASSICAL
from handgrad.cli.console import echo_additions, echo_notes, read_dataset
from handgrad.cli.flags import DASHES, parse_or_help
from handgrad.errors import UsageError
from handgrad.figures import RESULTS
from handgrad.figures.gallery import save
from handgrad.runs import diagnose_run, open_run, prepare
from handgrad.screen import echo, working
from handgrad.torch_port import BACKENDS
from handgrad.training.diagnose import heed
from handgrad.training.lr_find import lr_find


def run_lr_find(tokens: list[str]) -> int:
    """Print the suggestion, and draw the losses it follows from; exit code 1 where there is none."""
    if tokens and tokens[0][0] not in DASHES:  # a run comes first
        tokens = ["--config", str(open_run(Path(tokens[0])).config_file), *tokens[1:]]
    parsed = parse_or_help(tokens, "lr_find")
    config, options = parsed.config, parsed.options
    if config.model in CLASSICAL:
        raise UsageError(f"model {config.model} has no learning rate to be found (--model)")
    echo_additions(config)
    idle = [name for name in ("learning_rate", "schedule", "epochs", "patience") if name in parsed.stated]
    echo_notes([*parsed.notes, *([f"no effect here: {', '.join(idle)}"] if idle else [])])
    dataset = read_dataset(config)
    heed(diagnose_run(config, dataset))
    limits = {name: options[name] for name in ("lowest", "highest", "steps")}
    with working("training with a rising learning rate"):
        network, parts, settings = prepare(config, dataset)
        found = lr_find(network, parts, settings=settings, **limits, engine=BACKENDS[config.backend])
    echo(f"{found.sentence} of {dataset.name}")
    drawn = RESULTS["lr_find"].drawn("lr_find", (config.auto_name(), found))
    files = save(drawn, Path(os.path.expanduser(options["out"] or "lr_find")), "svg")
    echo(f"written: {', '.join(map(str, files))}")
    if found.suggestion is not None:
        echo(f"next: {config.replaced(learning_rate=float(f'{found.suggestion:.2g}'), name=None).command()}")
    return int(found.suggestion is None)
