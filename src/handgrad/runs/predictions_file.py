"""What a model that is not kept said of its images: scores and labels by part, in one safetensors file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from handgrad.errors import CorruptDataError
from handgrad.evaluation import Predictions
from handgrad.text import visible_name
from handgrad.training.tensor_file import read_tensors, write_tensors

FORMAT = 1


def write_predictions(path: Path, predictions: Mapping[str, Predictions]) -> None:
    """Write those of each part, such as "test".

    Raises  FileSystemError when it cannot be written.
    """
    one = next(iter(predictions.values()))
    document = {
        "kind": "predictions",
        "format": FORMAT,
        "parts": list(predictions),
        "class_names": one.class_names,
        "probabilistic": one.probabilistic,
    }
    tensors = {f"{part}.scores": np.ascontiguousarray(each.scores) for part, each in predictions.items()}
    labels = {f"{part}.labels": np.ascontiguousarray(each.labels) for part, each in predictions.items()}
    write_tensors(path, tensors | labels, document)


def read_predictions(path: Path) -> dict[str, Predictions]:
    """The predictions of each part.

    Raises  FileSystemError when it cannot be read; CorruptDataError when it is torn, altered or something else.
    """
    tensors, document = read_tensors(path, "predictions")
    if document.get("format") != FORMAT:
        raise CorruptDataError(
            f"{path} has format {document.get('format')}, this version reads {FORMAT}: update handgrad"
        )
    try:
        names, probabilistic = tuple(map(visible_name, document["class_names"])), bool(document["probabilistic"])
        return {
            part: Predictions(tensors[f"{part}.scores"], tensors[f"{part}.labels"], names, probabilistic)
            for part in document["parts"]
        }
    except (KeyError, TypeError) as error:
        raise CorruptDataError(f"{path} lacks something of predictions: {error!r}") from error
