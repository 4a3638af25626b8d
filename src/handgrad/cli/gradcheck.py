"""`handgrad gradcheck`."""

import numpy as np
from rich.table import Table

from handgrad.cli.console import Screen, say_beyond, say_notes, working
from handgrad.cli.flags import parse
from handgrad.cli.help_text import help_text
from handgrad.cli.options import CONFIG, HELP
from handgrad.cli.watching import read_dataset
from handgrad.config import build_split
from handgrad.nn import gradcheck
from handgrad.runs import build_network
from handgrad.training.diagnose import heed, of_images

BOUND = 1e-7
IMAGES = 8
ELEMENTS = 50
EXAMPLES = ("handgrad gradcheck --dataset digits -a gelu", "handgrad gradcheck --config my.yaml")


def run(tokens: list[str]) -> int:
    """Print the relative error of each parameter's gradient; exit code 1 when one is above 1e-7."""
    parsed = parse(tokens, (CONFIG, HELP))
    if parsed.options["help"]:
        print(help_text("handgrad gradcheck", EXAMPLES, (CONFIG, HELP)), end="")
        return 0
    say_beyond(parsed.config, ("batch_norm", "dropout"))  # what is no part of the network has no gradient to check
    say_notes(parsed.notes)
    config = parsed.config.replaced(dtype="float64")
    dataset = read_dataset(config)
    heed(of_images(build_split(config, dataset), dataset.class_names, dataset))
    network = build_network(config, dataset, np.arange(len(dataset.y_train)))
    batch = dataset.x_train[:IMAGES], dataset.y_train[:IMAGES]
    with working("taking every gradient by finite differences"):
        checks = gradcheck(network, batch, elements=ELEMENTS, key=config.seed + 1)
    table = Table("parameter", "relative error", "elements", "on a kink", "", box=None)
    for check in checks:
        verdict = "ok" if check.relative_error <= BOUND else "WRONG"
        table.add_row(check.name, f"{check.relative_error:.1e}", str(check.checked), str(check.on_kink), verdict)
    Screen().print(table)
    worst = max(check.relative_error for check in checks)
    passed = all(check.relative_error <= BOUND for check in checks)  # also False where nothing could be checked: NaN
    print(f"largest relative error {worst:.1e}, bound {BOUND:.0e}: {'passed' if passed else 'FAILED'}")
    return int(not passed)
