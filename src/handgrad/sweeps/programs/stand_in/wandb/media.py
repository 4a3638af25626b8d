"""Tables, pictures, artifacts: kept as files of the trial's folder."""

import hashlib
import io
import json
import math
import os
import shutil
import struct
import zlib
from pathlib import Path


def plain(value, folder):
    """What JSON can hold of a logged value; pictures and tables become files in `folder`, named by their path in it."""
    media = Path(folder) / "media"
    if isinstance(value, Media):
        return value.kept(media)
    if isinstance(value, dict):
        return {str(key): plain(item, folder) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item, folder) for item in value]
    if isinstance(value, (str, bool, int, float, type(None))):
        return float(value) if isinstance(value, float) else value
    if hasattr(value, "item") and (getattr(value, "size", 0) == 1 or (hasattr(value, "numel") and value.numel() == 1)):
        return plain(value.item(), folder)
    if hasattr(value, "savefig") or hasattr(value, "gcf"):
        return Image(value).kept(media)
    return Histogram(value).kept(media) if hasattr(value, "tolist") else str(value)


def _file(folder, content, ending):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (hashlib.sha256(content).hexdigest()[:16] + ending)
    path.write_bytes(content)
    return f"{folder.name}/{path.name}"


class Media:
    """A value that is no number: a file is copied, text becomes one, anything else is named."""

    def __init__(self, data_or_path=None, mode=None, caption=None, **more):
        self.data, self.caption = data_or_path, caption

    def kept(self, folder):
        what = {"_type": type(self).__name__.lower(), "caption": self.caption}
        path = getattr(self.data, "name", self.data)
        if isinstance(path, (str, os.PathLike)) and os.path.isfile(path):
            folder.mkdir(parents=True, exist_ok=True)
            what["path"] = f"{folder.name}/{os.path.basename(shutil.copy(path, folder))}"
        elif isinstance(self.data, str):
            what["path"] = _file(folder, self.data.encode(), ".txt")
        return what


Audio, Classes, Graph, Html, Molecule, Object3D, Plotly, Video = (
    type(name, (Media,), {})
    for name in ("Audio", "Classes", "Graph", "Html", "Molecule", "Object3D", "Plotly", "Video")
)


class Image(Media):
    """From a file, a picture of PIL, a figure of Matplotlib, or pixels (H, W), (H, W, C) or (C, H, W)."""

    def kept(self, folder):
        if isinstance(self.data, (str, os.PathLike)):
            return super().kept(folder)
        what, buffer = {"_type": "image", "caption": self.caption}, io.BytesIO()
        data = self.data.gcf() if hasattr(self.data, "gcf") else self.data
        try:
            if hasattr(data, "savefig"):
                data.savefig(buffer, format="png")
            elif hasattr(data, "save"):
                data.save(buffer, "PNG")
            else:
                buffer.write(png(data))
        except Exception as error:  # a picture is not worth a training
            return {**what, "note": f"not kept: {type(error).__name__}: {error}"}
        return {**what, "path": _file(folder, buffer.getvalue(), ".png")}


def png(data):
    """Pixels as a file: numbers from 0 to 1, or up to 255, in nested lists or an array."""
    data = data.detach().cpu() if hasattr(data, "detach") else data
    rows = data.tolist() if hasattr(data, "tolist") else data
    while len(rows) == 1 and isinstance(rows[0][0], (list, tuple)):
        rows = rows[0]
    depth = len(rows[0][0]) if isinstance(rows[0][0], (list, tuple)) else 0
    if depth and len(rows) in (3, 4) and depth not in (1, 3, 4):  # channels first
        rows, depth = [list(zip(*lines)) for lines in zip(*rows)], len(rows)
    flat = [[x for pixel in row for x in (pixel if depth else (pixel,))] for row in rows]
    values = [x for row in flat for x in row if x == x]
    factor = 255 if values and min(values) >= 0 and max(values) <= 1 and not isinstance(values[0], int) else 1
    lines = b"".join(b"\0" + bytes(min(max(int(factor * x), 0), 255) if x == x else 0 for x in row) for row in flat)
    header = struct.pack(">2I5B", len(rows[0]), len(rows), 8, {0: 0, 1: 0, 2: 4, 3: 2, 4: 6}[depth], 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(b)) + name + b + struct.pack(">I", zlib.crc32(name + b)) for name, b in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


class Histogram(Media):
    """Of numbers, or as NumPy's (counts, edges)."""

    def __init__(self, sequence=None, np_histogram=None, num_bins=64):
        if np_histogram is None:
            items = sequence.tolist() if hasattr(sequence, "tolist") else sequence
            flat = [x for x in _flat(items) if math.isfinite(x)]
            low, high = (min(flat), max(flat)) if flat else (0.0, 0.0)
            width, counts = (high - low) / num_bins or 1.0, [0] * num_bins
            for x in flat:
                counts[min(int((x - low) / width), num_bins - 1)] += 1
            np_histogram = counts, [low + width * k for k in range(num_bins + 1)]
        self.histogram, self.bins = ([float(x) for x in part] for part in np_histogram)

    def kept(self, folder):
        return {"_type": "histogram", "values": self.histogram, "bins": self.bins}


def _flat(items):
    for item in items if isinstance(items, (list, tuple)) else [items]:
        yield from _flat(item) if isinstance(item, (list, tuple)) else [float(item)]


class Table(Media):
    """Rows under names of columns."""

    def __init__(self, columns=None, data=None, rows=None, dataframe=None, chart="table", title=None, **more):
        data = next((each for each in (data, rows, dataframe) if each is not None), ())
        if hasattr(data, "columns"):
            columns, data = list(data.columns), data.values.tolist()
        self.data, self.chart, self.title = [list(row) for row in data], chart, title
        self.columns = list(columns if columns is not None else ("Input", "Output", "Expected"))

    def add_data(self, *row):
        if len(row) != len(self.columns):
            raise ValueError(f"this table has {len(self.columns)} columns, and this row {len(row)} values")
        self.data.append(list(row))

    add_row = add_data

    def add_column(self, name, data, optional=False):
        self.columns.append(name)
        self.data = [[*row, value] for row, value in zip(self.data or [[] for _ in data], data)]

    def get_column(self, name, convert_to=None):
        return [row[self.columns.index(name)] for row in self.data]

    def kept(self, folder):
        content = {"columns": self.columns, "data": plain(self.data, folder.parent)}
        path = _file(folder, json.dumps(content, default=str).encode(), ".table.json")
        return {"_type": self.chart, "title": self.title, "rows": len(self.data), "path": path}


class Artifact:
    """Files under a name."""

    def __init__(self, name, type, description=None, metadata=None, **more):
        self.name, self.type, self.description, self.metadata = name, type, description, metadata or {}
        self.version, self.aliases, self._files = "v0", [], []

    def add_file(self, local_path, name=None, **more):
        self._files.append((Path(local_path).read_bytes(), name or os.path.basename(local_path)))

    def add_dir(self, local_path, name=None, **more):
        for path in filter(Path.is_file, Path(local_path).rglob("*")):
            self.add_file(path, os.path.join(name or "", path.relative_to(local_path)))

    def add(self, obj, name):
        self._files.append((obj, f"{name}.json"))

    def add_reference(self, uri, name=None, **more):
        self.metadata[name or "reference"] = str(uri)

    def new_file(self, name, mode="w", **more):
        file = io.BytesIO() if "b" in mode else io.StringIO()
        file.close = lambda: self._files.append((file.getvalue(), name))
        return file

    def wait(self, timeout=None):
        return self

    def keep(self, folder):
        """Write the files, none outside the artifact's own folder."""
        place = (folder / "".join(c if c.isalnum() or c in "-_." else "_" for c in self.name)).resolve()
        for content, name in self._files:
            target = (place / name).resolve()
            if place in target.parents:
                target.parent.mkdir(parents=True, exist_ok=True)
                content = json.dumps(plain(content, place), default=str) if isinstance(content, Media) else content
                target.write_bytes(content.encode() if isinstance(content, str) else content)
        return self
