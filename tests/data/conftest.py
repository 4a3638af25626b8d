"""What the tests of the data room share: an empty cache, small IDX files as bytes, and the real files if any."""

import gzip
import hashlib
import os
import shutil
import ssl
import struct
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from handgrad.data.idx_sets import IDX_FILES, IdxSource

REAL_FOLDER = os.environ.get("HANDGRAD_DATA_DIR")


class Handler(BaseHTTPRequestHandler):
    """Answers with what the test put into the server's table: path -> (status, headers, body)."""

    def do_GET(self):
        self.server.asked.append(self.path)
        status, headers, body = self.server.answers.get(self.path, (404, {}, b"no such page"))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    """A server that does not print the tracebacks of clients that hang up on it."""

    def handle_error(self, request, client_address):
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl command is not installed: no certificate for a local https server")
    folder = tmp_path_factory.mktemp("certificate")
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    extensions = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "keyUsage=digitalSignature,keyCertSign"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run([openssl, *request.split(), *extensions, *files], check=True, capture_output=True)
    return folder


@pytest.fixture
def server(certificate, monkeypatch):
    """An https server whose certificate the client trusts; `answers` is its content, `base` its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.base, server.answers, server.asked = f"https://127.0.0.1:{server.server_port}", {}, []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate / "cert.pem"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def idx_bytes(array):
    """The oracle: an IDX file written out from its definition."""
    content = bytes([0, 0, 8, array.ndim])
    for size in array.shape:
        content += struct.pack(">I", size)
    return content + array.tobytes()


def file_of(path, content):
    """Write `content` to `path` and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of this test's own, no folder of the user's, and no system folder."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("HANDGRAD_CACHE_DIR", str(folder))
    monkeypatch.delenv("HANDGRAD_DATA_DIR", raising=False)
    monkeypatch.setattr("handgrad.data.places.SYSTEM_FOLDER", tmp_path / "system")
    return folder


@pytest.fixture
def real_folder(monkeypatch):
    """The folder with the real MNIST and Fashion-MNIST."""
    if not REAL_FOLDER:
        pytest.skip("HANDGRAD_DATA_DIR is not set: no real data on this machine")
    monkeypatch.setenv("HANDGRAD_DATA_DIR", str(Path(REAL_FOLDER).resolve()))
    return Path(REAL_FOLDER).resolve()


@pytest.fixture
def user_folder(tmp_path, monkeypatch):
    """A folder that the user named in HANDGRAD_DATA_DIR."""
    folder = tmp_path / "user"
    folder.mkdir()
    monkeypatch.setenv("HANDGRAD_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def tiny_files():
    """The four files of a small data set, uncompressed, by name."""
    generator = np.random.default_rng(0)
    arrays = [
        generator.integers(0, 256, (12, 4, 5), np.uint8),
        np.arange(12, dtype=np.uint8) % 3,
        generator.integers(0, 256, (6, 4, 5), np.uint8),
        np.arange(6, dtype=np.uint8) % 3,
    ]
    return {file: idx_bytes(array) for file, array in zip(IDX_FILES, arrays, strict=True)}


@pytest.fixture
def tiny(tiny_files):
    """The source that describes `tiny_files`; its only mirror is an address where nothing listens."""
    return IdxSource(
        name="tiny_set",
        title="noise",
        images=18,
        class_names=("a", "b", "c"),
        digests={file: hashlib.sha256(content).hexdigest() for file, content in tiny_files.items()},
        mirrors=("https://127.0.0.1:9/tiny/",),
    )


@pytest.fixture
def put_files():
    """Write the files of a data set into a folder, gzipped or not; returns the folder."""

    def put(folder, files, zipped=True):
        for name, content in files.items():
            file_of(folder / (f"{name}.gz" if zipped else name), gzip.compress(content) if zipped else content)
        return folder

    return put


@pytest.fixture(name="idx_bytes")
def _idx_bytes():
    return idx_bytes


@pytest.fixture(name="file_of")
def _file_of():
    return file_of
