"""Results as a file and as tables."""

import json

import pytest

from benchmarks.results import default_path, document, extra_lines, markdown, read, versions, write
from handgrad.errors import CorruptDataError, FileSystemError
from handgrad.machine import machine


def test_file_is_read_as_written(results, tmp_path):
    path = tmp_path / "results.json"
    write(results, path)
    assert read(path) == results


def test_document_has_all_that_a_reader_needs(results):
    made = document({"options": results["options"], "workloads": results["workloads"]})
    assert "784-32x3-10" in markdown(json.loads(json.dumps(made)))
    assert made["machine"]["cores"] >= 1
    assert {"python", "handgrad", "numpy"} <= set(versions())


BROKEN = {
    "other format": (lambda r: r.update(format=2), "format"),
    "no machine": (lambda r: r.pop("machine"), "machine"),
    "no summary": (lambda r: r["workloads"]["B"].pop("summary"), "summary"),
    "no number": (lambda r: r["workloads"]["B"]["summary"]["jax"].update(us_per_step="fast"), "str"),
}


@pytest.mark.parametrize(("break_it", "said"), BROKEN.values(), ids=BROKEN)
def test_file_that_is_none_is_refused(results, tmp_path, break_it, said):
    break_it(results)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    with pytest.raises(CorruptDataError, match=said):
        read(path)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileSystemError, match="cannot read"):
        read(tmp_path / "absent.json")
    (tmp_path / "torn.json").write_text('{"format": 1,')
    with pytest.raises(CorruptDataError, match="no file of benchmark results"):
        read(tmp_path / "torn.json")


def test_names_of_files(results, tmp_path):
    results["machine"]["processor"] = "Some(R) CPU(TM) @ 3 GHz"
    first = default_path(results, tmp_path)
    assert first.name == "2030-01-02-some-cpu-3-ghz-2-cores.json"
    first.touch()
    assert default_path(results, tmp_path).name == "2030-01-02-some-cpu-3-ghz-2-cores-2.json"
    results["options"]["threads"] = "all"
    assert default_path(results, tmp_path).name.endswith("-2-cores-all-threads.json")


def test_machine_is_described_without_its_name():
    assert set(machine()) == {"processor", "cores", "vector_instructions", "system"}


def test_without_handgrad_nothing_is_compared(results):
    workload = results["workloads"]["B"]
    workload["contenders"]["handgrad"] = {"skipped": "handgrad has no conv2d: needs convolutions"}
    del workload["summary"]["handgrad"]
    workload["summary"]["jax"] |= {"ratio": None, "equal_accuracy": None}
    assert "needs convolutions" in markdown(results)
    assert "| 150 |" in markdown(results)


def test_tables_of_nobody(results):
    workload = results["workloads"]["B"]
    workload["contenders"], workload["summary"] = {"handgrad": {"skipped": "needs convolutions"}}, {}
    assert "handgrad (needs convolutions)" in markdown(results)


def test_markdown(results):
    text = markdown(results)
    assert "| workload | handgrad | jax |" in text
    assert "| B: 784-32x3-10 ReLU, batch 16, Adam | 50 (1.00×) | 150 (3.00×) |" in text
    assert "| B | 85.0 / 0.4 / 250 / 61 | 84.0 ! / 0.4 / 250 / 61 |" in text
    assert "keras (not installed: python -m pip install keras)" in text
    assert "2030-01-02, Some CPU @ 3 GHz, avx2, 2 cores, one thread" in text


def test_other_measurements(results):
    assert list(extra_lines(results)) == [
        "between steps: python us 2.35",
        "two at once: skipped needs two cores",
        "99 % on mnist, handgrad: 12.3 s",
        "99 % on mnist, torch: not reached",
    ]
