"""Parquet files as Hugging Face keeps images; skipped where pyarrow is not installed."""

import io
import json
import sys

import pytest
from PIL import Image
from tests.commands import call

from handgrad.data import load
from handgrad.errors import CorruptDataError, UsageError


@pytest.fixture
def arrow():
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: python -m pip install pyarrow")
    return pytest.importorskip("pyarrow.parquet")


def picture(level, mode="L"):
    stream = io.BytesIO()
    Image.new(mode, (4, 4), level if mode == "L" else (level, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def of_array(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def write(path, levels, labels, names=None, mode="L", images="image", label="label"):
    import pyarrow
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"bytes": picture(level, mode), "path": f"{level}.png"} for level in levels]
    table = pyarrow.table({images: rows, label: labels})
    if names:
        about = {"info": {"features": {label: {"names": names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(about)})
    parquet.write_table(table, path)


def test_a_data_set_of_hugging_face(arrow, tmp_path):
    write(tmp_path / "data" / "train-00000-of-00002.parquet", [200, 210, 220], [0, 1, 2], ["cat", "dog", "eel"])
    write(tmp_path / "data" / "train-00001-of-00002.parquet", [230], [0], ["cat", "dog", "eel"])
    write(tmp_path / "data" / "validation-00000-of-00001.parquet", [240], [1])
    write(tmp_path / "data" / "test-00000-of-00001.parquet", [250, 251], [2, 0])
    (tmp_path / "README.md").write_text("a card")
    dataset = load(tmp_path)
    assert dataset.class_names == ("cat", "dog", "eel")
    assert dataset.x_train[:, 0, 0].tolist() == [200, 210, 220, 230, 240]
    assert (dataset.y_train.tolist(), dataset.validation_images) == ([0, 1, 2, 0, 1], 1)
    assert (dataset.x_test[:, 0, 0].tolist(), dataset.y_test.tolist()) == ([250, 251], [2, 0])


def test_colour_and_other_names_of_columns(arrow, tmp_path):
    write(tmp_path / "my.parquet", range(200, 240), [3, 7] * 20, mode="RGB", images="img", label="fine_label")
    dataset = load(tmp_path / "my.parquet")
    assert (dataset.class_names, len(dataset.x_test)) == (("3", "7"), 8)
    assert dataset.x_train.shape[1:] == (3, 4, 4)


def test_predictions_need_no_labels(arrow, here, capsys):
    """The answers are those of a picture file; other columns, and damage, are refused in a line."""
    import pyarrow

    call(capsys, "train -d digits -nhl 1 -sz 8 -e 1 --name run --no_report")
    rows = [{"bytes": of_array(image), "path": "a.png"} for image in load("digits").x_test[:5]]
    arrow.write_table(pyarrow.table({"image": rows, "id": range(5)}), here / "some.parquet")
    (here / "one.png").write_bytes(rows[0]["bytes"])
    answer = call(capsys, "predict runs/run some.parquet one.png --csv out.csv")
    assert answer.code == 0, answer.err
    assert "some.parquet: 5 images" in answer.out
    written = [line.split(",") for line in (here / "out.csv").read_text().splitlines()]
    assert len(written) == 7
    assert written[1][0] == "some.parquet:1"
    assert written[1][1:3] == written[6][1:3]
    arrow.write_table(pyarrow.table({"text": ["a"]}), here / "text.parquet")
    arrow.write_table(pyarrow.table({"image": [{"bytes": b"no image"}]}), here / "torn.parquet")
    for name, said in {"text": "columns are text, expected image", "torn": "torn.parquet:1"}.items():
        answer = call(capsys, f"predict runs/run {name}.parquet")
        assert answer.code
        assert said in answer.err
        assert answer.err.count("\n") == 1


def test_damage_is_refused_or_left_out(arrow, tmp_path):
    import pyarrow

    rows = [{"bytes": picture(200 + n) if n else b"<html>", "path": ""} for n in range(12)]
    arrow.write_table(pyarrow.table({"image": rows, "label": [0, 1] * 6}), tmp_path / "my.parquet")
    with pytest.raises(CorruptDataError, match=r"my\.parquet:1: content is no PNG"):
        load(tmp_path / "my.parquet")
    dataset = load(tmp_path / "my.parquet", skip_damaged=True)
    assert len(dataset.y_train) + len(dataset.y_test) == 11
    arrow.write_table(pyarrow.table({"a": [1], "b": [2]}), tmp_path / "other.parquet")
    with pytest.raises(CorruptDataError, match="columns are a, b, expected image and label"):
        load(tmp_path / "other.parquet")
    (tmp_path / "torn.parquet").write_bytes((tmp_path / "my.parquet").read_bytes()[:-9])
    with pytest.raises(CorruptDataError, match="not a whole Parquet file"):
        load(tmp_path / "torn.parquet")


def test_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "my.parquet").write_bytes(b"PAR1")
    with pytest.raises(UsageError, match=r"my\.parquet: Parquet files need pyarrow: .*(make parquet|pip install)"):
        load(tmp_path / "my.parquet")
