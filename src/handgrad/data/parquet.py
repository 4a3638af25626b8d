"""Parquet files as Hugging Face keeps images: a column of {bytes, path}, or of bytes, and one of labels."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from handgrad.data.arrays import IMAGES, LABELS, PARTS, TEST, TRAIN, VALIDATION, Array, number, read_name
from handgrad.data.dataset import Dataset
from handgrad.data.folder import Size, read_all, settle
from handgrad.data.images import MAX_DATASET_BYTES, Picture, read_levels
from handgrad.data.splits import Part, assemble
from handgrad.errors import CorruptDataError, HandgradError, UsageError
from handgrad.plugins import how_to_install, is_installed

REMEDY = "Download it again"


class _Table(NamedTuple):
    """Of one file: what reads each image, the labels, and the names of the classes where the file has them."""

    pictures: Sequence[Callable[[], Picture]]
    labels: Array
    names: tuple[str, ...] | None


def read_pictures(path: Path) -> Array:
    """All images of one file, whatever else is in it; labels are not needed.  Shapes  -> (N, H, W) or (N, 3, H, W)

    Raises  as `load_parquet`.
    """
    damaged = list[HandgradError]()
    images, read, _ = read_all(path.name, _read(path, None, labelled=False).pictures, damaged)
    settle(path.name, damaged, len(read), False)
    return images


def load_parquet(place: Path, files: list[Path], resize: Size | None = None, skip_damaged: bool = False) -> Dataset:
    """The data set in Parquet files whose names say their parts; several of one part belong together.

    Raises  UsageError where pyarrow is missing; CorruptDataError for other columns, or what is no image.
    """
    tables = {path: _read(path, resize) for path in files}
    part_of = {path: read_name(path.stem).part for path in files}
    damaged = list[HandgradError]()
    images, read, pixels = read_all(place.name, [each for table in tables.values() for each in table.pictures], damaged)
    settle(place.name, damaged, len(read), skip_damaged)
    names = next((table.names for table in tables.values() if table.names), None)
    numbered = number(place.name, {str(path): table.labels for path, table in tables.items()}, names)
    labels = np.concatenate(numbered.labels)[read]
    owner = np.repeat(list(part_of.values()), [len(table.labels) for table in tables.values()])[read]
    parts = {part: Part(images[owner == part], labels[owner == part]) for part in PARTS if part in owner}
    if TRAIN not in parts:
        raise CorruptDataError(f"{place}: no training part in {', '.join(path.name for path in files)}. {REMEDY}")
    whole = assemble(place.name, parts[TRAIN], parts.get(TEST), numbered.class_names, parts.get(VALIDATION))
    return replace(whole, pixel_range=pixels)


def _read(path: Path, resize: Size | None, labelled: bool = True) -> _Table:
    if not is_installed("pyarrow"):
        raise UsageError(f"{path}: Parquet files need pyarrow: {how_to_install('parquet')}")
    import pyarrow.parquet as parquet

    try:
        file = parquet.ParquetFile(path)
        size = sum(file.metadata.row_group(group).total_byte_size for group in range(file.num_row_groups))
        if size > MAX_DATASET_BYTES:
            raise CorruptDataError(f"{path}: unpacks to {size:,} bytes, expected at most {MAX_DATASET_BYTES:,}")
        roles: dict[str | None, str] = {}
        for name in file.schema_arrow.names:
            roles.setdefault(read_name(name).role, name)
        wanted = (IMAGES, LABELS) if labelled else (IMAGES,)
        if not roles.keys() >= set(wanted):
            listed = ", ".join(file.schema_arrow.names)
            expected = "image and label" if labelled else "image"
            raise CorruptDataError(f"{path}: columns are {listed}, expected {expected}, as Hugging Face has them")
        images, *labels = file.read(columns=[roles[role] for role in wanted]).to_pydict().values()
        about = json.loads((file.schema_arrow.metadata or {}).get(b"huggingface", b"{}"))
        names = about.get("info", {}).get("features", {}).get(roles.get(LABELS), {}).get("names")
    except (OSError, ValueError, AttributeError) as error:
        raise CorruptDataError(
            f"{path}: not a whole Parquet file ({' '.join(str(error).split())}). {REMEDY}"
        ) from error
    contents: list[Any] = [each.get("bytes") if isinstance(each, dict) else each for each in images]
    if not all(isinstance(each, bytes) for each in contents):
        raise CorruptDataError(f"{path}: {roles[IMAGES]} holds no bytes of images in some row. {REMEDY}")
    pictures = [partial(read_levels, Path(f"{path}:{row}"), resize, each) for row, each in enumerate(contents, 1)]
    return _Table(pictures, np.array(labels[0] if labelled else []), tuple(map(str, names)) if names else None)
