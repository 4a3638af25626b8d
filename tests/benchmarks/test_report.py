"""Results as a file and as tables."""

import json

import pytest
from handgrad.bench import report
from handgrad.bench.machine import machine, tag, versions
from handgrad.bench.tables import NOTES, extra_lines, markdown, workload_tables
from rich.console import Console

from handgrad.errors import CorruptDataError, FileSystemError


def test_file_is_read_as_written(results, tmp_path):
    path = tmp_path / "results.json"
    report.write(results, path)
    assert report.read(path) == results


def test_document_has_all_that_a_reader_needs(results):
    made = report.document({"options": results["options"], "workloads": results["workloads"]})
    assert report.fault(json.loads(json.dumps(made))) == ""
    assert made["machine"]["cores"] >= 1
    assert {"python", "handgrad", "numpy"} <= set(versions())


BROKEN = {
    "other format": (lambda r: r.update(format=2), "format"),
    "no machine": (lambda r: r.pop("machine"), "lacks machine"),
    "no summary": (lambda r: r["workloads"]["B"]["summary"].pop("jax"), "no summary of jax"),
    "no number": (lambda r: r["workloads"]["B"]["summary"]["jax"].update(us_per_step="fast"), "us_per_step is 'fast'"),
}


@pytest.mark.parametrize(("break_it", "said"), BROKEN.values(), ids=BROKEN)
def test_file_that_is_none_is_refused(results, tmp_path, break_it, said):
    break_it(results)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    with pytest.raises(CorruptDataError, match=said):
        report.read(path)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileSystemError, match="cannot read"):
        report.read(tmp_path / "absent.json")
    (tmp_path / "torn.json").write_text('{"format": 1,')
    with pytest.raises(CorruptDataError, match="no JSON"):
        report.read(tmp_path / "torn.json")


def test_names_of_files(results, tmp_path):
    first = report.default_path(results, tmp_path)
    assert first.name == "2030-01-02-some-cpu-3-ghz-2-cores.json"
    first.touch()
    assert report.default_path(results, tmp_path).name == "2030-01-02-some-cpu-3-ghz-2-cores-2.json"
    results["options"]["threads"] = "all"
    assert report.default_path(results, tmp_path).name.endswith("-2-cores-all-threads.json")


def test_machine_is_described_without_its_name():
    assert tag({"processor": "Intel(R) Core(TM) i7", "cores": 8}) == "intel-core-i7-8-cores"
    assert set(machine()) == {"processor", "cores", "vector_instructions", "system"}


def shown(results) -> str:
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        for table in workload_tables(results):
            console.print(table)
    return console.export_text()


def test_terminal_table(results):
    lines = shown(results).splitlines()
    assert max(map(len, lines)) <= 80
    assert [len(line.split()) for line in lines if line.strip().startswith(("handgrad", "jax"))] == [8, 9]
    (slower,) = (line for line in lines if line.strip().startswith("jax"))
    assert slower.split()[1:] == ["150", "0.169", "3.00", "0.40", "250", "84.00", "!", "61"]
    assert max(map(len, NOTES.splitlines())) <= 80


def test_terminal_table_names_the_skipped(results):
    assert "keras skipped: not installed: python -m pip install keras" in shown(results)


def test_terminal_table_without_handgrad(results):
    workload = results["workloads"]["B"]
    workload["contenders"]["handgrad"] = {"skipped": "handgrad has no conv2d: needs convolutions"}
    del workload["summary"]["handgrad"]
    workload["summary"]["jax"] |= {"ratio": None, "equal_accuracy": None}
    assert "needs convolutions" in shown(results)
    assert "| 150 |" in markdown(results)


def test_tables_of_nobody(results):
    workload = results["workloads"]["B"]
    workload["contenders"], workload["summary"] = {"handgrad": {"skipped": "needs convolutions"}}, {}
    assert "handgrad skipped: needs convolutions" in shown(results)
    assert "handgrad (needs convolutions)" in markdown(results)


def test_markdown(results):
    text = markdown(results)
    assert "| workload | handgrad | jax |" in text
    assert "| B: 784-32x3-10 ReLU, batch 16, Adam | 50 (1.00×) | 150 (3.00×) |" in text
    assert "| B | 85.0 / 0.4 / 250 | 84.0 ! / 0.4 / 250 |" in text
    assert "keras (not installed: python -m pip install keras)" in text
    assert "2030-01-02, Some CPU @ 3 GHz, avx2, 2 cores, one thread" in text


def test_other_measurements(results):
    assert list(extra_lines(results)) == [
        "between steps: python us 2.35",
        "two at once: skipped needs two cores",
        "99 % on mnist, handgrad: 12.3 s",
        "99 % on mnist, torch: not reached",
    ]
