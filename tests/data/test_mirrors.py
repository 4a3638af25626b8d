"""Downloading, against a real https server on this machine."""

import gzip
import io
import logging
import sys

import numpy as np
import pytest

from handgrad.data import download as download_module
from handgrad.data.download import DownloadBar, download
from handgrad.data.idx_sets import IDX_FILES, IDX_SOURCES, IMAGES_TRAIN, IdxSet
from handgrad.errors import CorruptDataError, FileSystemError
from handgrad.screen import console


def serve(server, mirror, files):
    for name, content in files.items():
        server.answers[f"/{mirror}/{name}.gz"] = (200, {}, gzip.compress(content))


@pytest.fixture
def mirrored(tiny, server):
    """The tiny set with three mirrors on the local server."""
    return tiny._replace(mirrors=tuple(f"{server.base}/{mirror}/" for mirror in ("one", "two", "three")))


def test_downloads_into_the_cache_and_asks_no_more(mirrored, server, tiny_files, cache):
    serve(server, "one", tiny_files)
    status = IdxSet(mirrored).fetch()
    assert status.place == cache / "data" / "tiny_set"
    assert status.files_ok == 4
    assert server.asked == [f"/one/{file}.gz" for file in IDX_FILES]
    assert [path.name for path in sorted(status.place.iterdir())] == sorted(f"{file}.gz" for file in IDX_FILES)
    assert len(IdxSet(mirrored).load().x_train) == 12
    assert len(server.asked) == 4


def wrong_content(content):
    return (200, {}, gzip.compress(content[:-1] + bytes([content[-1] ^ 1])))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda content: (404, {}, b"gone"), "404"),
        (lambda content: (403, {}, b"<html>forbidden</html>"), "403"),
        (lambda content: (503, {}, b""), "503"),
        (lambda content: (200, {}, b"<html>please log in</html>"), "web page"),
        (lambda content: (200, {}, b""), "0 bytes"),
        (wrong_content, "not the original file"),
        (lambda content: (200, {}, gzip.compress(content)[:-9]), "breaks off"),
        (lambda content: (200, {"Content-Length": "1000000"}, gzip.compress(content)), "IncompleteRead"),
        (lambda content: (200, {"Content-Length": "many"}, gzip.compress(content)), "many"),
        (lambda content: (302, {"Location": "http://127.0.0.1:9/x"}, b""), "http://127.0.0.1:9/x, which is not https"),
        (lambda content: (302, {"Location": "ftp://127.0.0.1/x"}, b""), "which is not https"),
    ],
    ids=["404", "403", "503", "page", "empty", "wrong", "cut", "short", "length", "http", "ftp"],
)
def test_any_failure_leads_to_the_next_mirror(mirrored, server, tiny_files, answer, reason, caplog):
    serve(server, "two", tiny_files)
    content = tiny_files[IMAGES_TRAIN]
    server.answers[f"/one/{IMAGES_TRAIN}.gz"] = answer(content)
    serve(server, "one", {file: content for file, content in tiny_files.items() if file != IMAGES_TRAIN})
    np.testing.assert_array_equal(IdxSet(mirrored).load().x_train.ravel(), np.frombuffer(content, np.uint8, offset=16))
    assert server.asked[:2] == [f"/one/{IMAGES_TRAIN}.gz", f"/two/{IMAGES_TRAIN}.gz"]
    assert reason in caplog.text


def test_follows_a_redirect_to_https(mirrored, server, tiny_files):
    serve(server, "elsewhere", tiny_files)
    for file in IDX_FILES:
        server.answers[f"/one/{file}.gz"] = (302, {"Location": f"/elsewhere/{file}.gz"}, b"")
    assert len(IdxSet(mirrored).load().x_test) == 6


def test_accepts_what_a_server_inflated(mirrored, server, tiny_files, cache):
    for file, content in tiny_files.items():
        server.answers[f"/one/{file}.gz"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(content))
    assert len(IdxSet(mirrored).load().x_train) == 12
    assert (cache / "data/tiny_set" / f"{IMAGES_TRAIN}.gz").read_bytes() == tiny_files[IMAGES_TRAIN]


def test_a_certificate_that_is_not_trusted_is_refused(mirrored, server, tiny_files, monkeypatch, caplog):
    serve(server, "one", tiny_files)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(FileSystemError, match="CERTIFICATE_VERIFY_FAILED"):
        IdxSet(mirrored).fetch()
    assert server.asked == []


def test_plain_http_is_never_asked():
    result = download(("http://127.0.0.1:9/",), "file", lambda content, address: None)
    assert result.content is None
    assert result.failures == [("http://127.0.0.1:9/file", "only https addresses are used")]


@pytest.mark.parametrize("source", IDX_SOURCES, ids=lambda source: source.name)
def test_the_real_mirrors_are_https_folders(source):
    assert len(source.mirrors) >= 2
    for mirror in source.mirrors:
        assert mirror.startswith("https://")
        assert mirror.endswith("/")


def test_an_endless_answer_is_cut(mirrored, server, monkeypatch):
    monkeypatch.setattr(download_module, "MAX_BYTES", 100_000)
    server.answers["/one/x"] = (200, {}, bytes(1_000_000))
    result = download(mirrored.mirrors[:1], "x", lambda content, address: None)
    assert "longer than 100000 bytes" in result.failures[0].why


def test_all_mirrors_failing_names_each_with_its_reason(mirrored, server):
    server.answers[f"/two/{IMAGES_TRAIN}.gz"] = (200, {}, b"<html>")
    with pytest.raises(FileSystemError) as caught:
        IdxSet(mirrored).load()
    lines = str(caught.value).splitlines()
    for mirror, reason in (("one", "404"), ("two", "web page"), ("three", "404")):
        (line,) = [line for line in lines if f"/{mirror}/" in line]
        assert reason in line


def test_a_corrupt_file_in_the_cache_is_downloaded_again(mirrored, server, tiny_files, put_files, cache, caplog):
    serve(server, "one", tiny_files)
    folder = put_files(cache / "data" / "tiny_set", tiny_files)
    path = folder / f"{IMAGES_TRAIN}.gz"
    path.write_bytes(path.read_bytes()[:-1])
    assert len(IdxSet(mirrored).load().x_train) == 12
    assert server.asked == [f"/one/{IMAGES_TRAIN}.gz"]
    assert str(path) in caplog.text
    assert gzip.decompress(path.read_bytes()) == tiny_files[IMAGES_TRAIN]


def test_a_corrupt_plain_file_does_not_hide_the_download(mirrored, server, tiny_files, put_files, cache):
    serve(server, "one", tiny_files)
    put_files(cache / "data" / "tiny_set", {IMAGES_TRAIN: b"broken"}, zipped=False)
    assert IdxSet(mirrored).fetch().files_ok == 4
    asked = len(server.asked)
    assert IdxSet(mirrored).fetch().files_ok == 4
    assert len(server.asked) == asked


def test_a_cache_that_cannot_be_written(mirrored, server, tiny_files, cache, caplog):
    serve(server, "one", tiny_files)
    cache.write_bytes(b"a file where the cache folder should be")
    assert len(IdxSet(mirrored).load().x_train) == 12
    assert "not kept" in caplog.text
    with pytest.raises(FileSystemError, match="cannot make"):
        IdxSet(mirrored).fetch()


def test_no_download_replaces_a_corrupt_file_of_the_user(mirrored, server, tiny_files, put_files, user_folder):
    serve(server, "one", tiny_files)
    put_files(user_folder / "tiny_set", tiny_files | {IMAGES_TRAIN: b"broken"})
    with pytest.raises(CorruptDataError):
        IdxSet(mirrored).load()
    assert server.asked == []


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_a_bar(monkeypatch):
    monkeypatch.setattr(console, "is_interactive", True)  # decided when it was made
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stderr", Terminal())
    bar = DownloadBar("file.gz")
    bar.total = 3_000_000
    bar.update(1_500_000)
    assert (bar._bar.tasks[0].completed, bar._bar.tasks[0].total) == (1_500_000, 3_000_000)
    bar.reset()
    bar.update(3_000_000)
    bar.close()
    assert "file.gz" in sys.stderr.getvalue()
    assert "3.0/3.0 MB" in sys.stderr.getvalue()


def test_a_failed_download_takes_its_bar_away(mirrored, server, monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    assert download(mirrored.mirrors[:1], "absent", lambda content, address: None).content is None
    assert not console._live_stack


def test_elsewhere_there_is_a_line_now_and_then(monkeypatch, caplog):
    monkeypatch.setattr(download_module, "EVERY", 0)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr(logging.getLogger("handgrad"), "handlers", [])  # of a command in another test
    bar = DownloadBar("file.gz")
    with caplog.at_level("INFO", "handgrad"):
        bar.update(5_000_000)
        bar.total = 12_000_000
        bar.update(1_000_000)
    bar.close()
    assert caplog.messages == ["downloading file.gz: 5.0 MB", "downloading file.gz: 6.0 of 12.0 MB"]
    assert sys.stderr.getvalue() == ""


def test_a_line_a_file_without_a_terminal(mirrored, server, tiny_files, caplog):
    serve(server, "one", tiny_files)
    with caplog.at_level("INFO", "handgrad"):
        IdxSet(mirrored).fetch()
    told = [record.getMessage() for record in caplog.records]
    assert f"downloading {server.base}/one/{IMAGES_TRAIN}.gz" in told
    assert len(told) == len(set(told)) == len(tiny_files)
