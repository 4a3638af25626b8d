"""`handgrad evaluate RUN`."""

from pathlib import Path

from rich.table import Table

from handgrad.cli.console import Screen
from handgrad.cli.parser import Parser
from handgrad.config import build_dataset
from handgrad.errors import UsageError
from handgrad.evaluation import confusion_matrix, measure
from handgrad.runs import open_run


def run(tokens: list[str]) -> int:
    """Print accuracy, loss and the accuracy of each class on the test set."""
    parser = Parser(
        "evaluate", "Measure a run's network on the test set, class by class.", "  handgrad evaluate runs/NAME"
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument("--dataset", help="another data set of the same shape and classes (default: the run's own)")
    arguments = parser.arguments(tokens)
    folder = open_run(arguments.run)
    network = folder.load_model()
    dataset = build_dataset(folder.config, arguments.dataset)
    if dataset.classes != network.classes:
        raise UsageError(f"{dataset.name} has {dataset.classes} classes, but the network {network.classes} (--dataset)")
    result = measure(network, dataset.x_test, dataset.y_test)
    counts = confusion_matrix(network, dataset.x_test, dataset.y_test)
    print(f"{folder.name} on {len(dataset.y_test)} test images of {dataset.name}")
    print(f"accuracy {100 * result.accuracy:.2f} %   loss {result.loss:.4f}")
    table = Table("class", "images", "right", "accuracy", "most often taken for", box=None)
    for index, name in enumerate(dataset.class_names):
        row = counts[index]
        total, right = int(row.sum()), int(row[index])
        others = row.copy()
        others[index] = 0
        wrong = f"{dataset.class_names[others.argmax()]} ({others.max()})" if others.any() else ""
        table.add_row(name, str(total), str(right), f"{100 * right / total:.1f} %" if total else "", wrong)
    Screen().print(table)
    return 0
