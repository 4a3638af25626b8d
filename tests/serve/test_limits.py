"""Nobody but the page is served, no path of a request is opened, and nothing is taken without limits."""

import json
import re
import socket
from itertools import product

import pytest
from tests.serve.asking import HOST, PORT, TOKEN, ask, in_thread, made_up_run, post

pytest.importorskip("starlette", reason="starlette is not installed: python -m pip install starlette uvicorn")

import uvicorn

from handgrad.serve import limits
from handgrad.serve.app import Laboratory, build
from handgrad.serve.limits import Guard
from handgrad.serve.run_index import identifier

SECRET = "nobody may read this"
ESCAPES = ["..", "%2e%2e", "..%2f..", "..%5c..", "....//", "%252e%252e", ".%00.", "..\\..", "/", "~root"]
PLACES = ["/static/{}/secret.txt", "/run/{}/report", "/api/run/{}", "/run/{}/../secret.txt"]
PLACES += ["/sweep/{}/report", "/api/trial/{}/0", "/api/trial/x/{}", "/class/{}/page", "/report/{}"]
HOSTS = ["", "localhost", "127.0.0.1", f"127.0.0.1:{PORT + 1}", "evil.example", f"evil.example:{PORT}", "0.0.0.0:8484"]
HOSTS += [HOST, f"localhost:{PORT}", f"LOCALHOST:{PORT}", f"127.0.0.1.evil.example:{PORT}", f"user@{HOST}"]
ORIGINS = [None, f"http://{HOST}", f"http://localhost:{PORT}", f"https://{HOST}", "null", "http://evil.example"]
ORIGINS += [f"http://127.0.0.1:{PORT + 1}", f"http://{HOST}.evil.example"]


@pytest.fixture
def application(tmp_path):
    (tmp_path / "secret.txt").write_text(SECRET)
    run = made_up_run(tmp_path / "runs" / "one")
    (run / "report.html").write_text("<p>a report</p>")
    laboratory = Laboratory(tmp_path / "runs")
    found = Guard(build(laboratory), frozenset({"127.0.0.1", "localhost"}), PORT, TOKEN)
    laboratory.index.refresh()
    return found


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_address_leads_out_of_what_is_served(application, method):
    for escape, place in product(ESCAPES, PLACES):
        reply = ask(application, place.format(escape), method)
        assert reply.status in (400, 404), place.format(escape)
        assert SECRET.encode() not in reply.body


def test_hosts_and_origins_are_those_of_the_page(application):
    good_hosts = {HOST, f"localhost:{PORT}", f"LOCALHOST:{PORT}"}
    good_origins = {None, f"http://{HOST}", f"http://localhost:{PORT}"}
    for host, origin in product(HOSTS, ORIGINS):
        reply = ask(application, "/static/app.js", host=host, origin=origin)
        assert reply.status == (200 if host in good_hosts and origin in good_origins else 403), (host, origin)


def test_two_hosts_are_none(application):
    status, _ = application.refusal(
        {"method": "GET", "path": "/", "query_string": b"", "headers": [(b"host", HOST.encode())] * 2}
    )
    assert status == 403


@pytest.mark.parametrize("cookie", [None, "", "handgrad-8484=", "handgrad-8484=b", f"other={TOKEN}", '"; \x7f='])
@pytest.mark.parametrize(
    "path", ["/", "/?token=", f"/?token={TOKEN[:-1]}", f"/static/app.js?token={TOKEN}", "/api/run/x"]
)
def test_without_the_token_nothing_is_served(application, path, cookie):
    reply = ask(application, path, cookie=cookie)
    assert reply.status == 401
    assert TOKEN.encode() not in reply.body


def test_the_token_of_the_address_becomes_a_strict_cookie(application):
    reply = ask(application, f"/?token={TOKEN}", cookie=None)
    assert reply.status == 200
    assert reply.headers["set-cookie"] == f"handgrad-{PORT}={TOKEN}; HttpOnly; Path=/; SameSite=strict"
    assert application.post_token.encode() in reply.body
    assert TOKEN.encode() not in reply.body


def test_the_page_has_no_script_or_style_in_it(application):
    page = ask(application, "/")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    text = page.body.decode()
    assert not re.search(r"<style|\son\w+=|\sstyle=|javascript:|https?://", text)
    assert all(" src=" in tag for tag in re.findall(r"<script[^>]*>", text))


def test_a_report_runs_nothing(application, tmp_path):
    reply = ask(application, f"/run/{identifier(tmp_path / 'runs' / 'one')}/report")
    assert reply.body == b"<p>a report</p>"
    assert reply.headers["content-security-policy"].startswith("sandbox allow-popups; default-src 'none'")
    assert "script" not in reply.headers["content-security-policy"]


def test_a_report_that_is_a_link_is_not_followed(application, tmp_path):
    (tmp_path / "runs" / "one" / "report.html").unlink()
    (tmp_path / "runs" / "one" / "report.html").symlink_to(tmp_path / "secret.txt")
    reply = ask(application, f"/run/{identifier(tmp_path / 'runs' / 'one')}/report")
    assert reply.status == 400
    assert SECRET.encode() not in reply.body


REFUSED = {
    "no origin": ({"origin": None}, 403),
    "no token of the page": ({"x_handgrad_token": None}, 403),
    "the token of the address": ({"x_handgrad_token": TOKEN}, 403),
    "a form": ({"content_type": "application/x-www-form-urlencoded"}, 415),
    "compressed": ({"content_encoding": "gzip"}, 415),
    "announced too large": ({"content_length": "999999999"}, 413),
    "announced as nonsense": ({"content_length": "-1"}, 413),
}


@pytest.mark.parametrize(("headers", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_what_changes_something_is_sent_by_the_page(application, headers, status):
    assert post(application, "/api/stop", {"run": "x"}, **headers).status == status
    assert post(application, "/api/stop", {"run": "x"}).status == 400  # it got as far as being looked up


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_nothing_is_changed_but_by_post(application, method):
    assert ask(application, "/api/stop", method).status == 405


BODIES = {
    "10,000 fields": json.dumps({f"f{n}": n for n in range(10_000)}).encode(),
    "10,000 in a list": json.dumps({"runs": [1] * 10_000}).encode(),
    "too deep": b'{"a":' * 300 + b"1" + b"}" * 300,
    "far too deep": b"[" * 90_000,
    "too large": b'{"a": "' + b"x" * limits.LARGEST_BODY + b'"}',
    "no JSON": b"a=1&b=2",
    "no text": b"\xff\xfe",
    "no object": b"[1]",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_bodies_have_limits(application, body):
    reply = post(application, "/api/compare", body)
    assert reply.status == 400
    assert "body" in json.loads(reply.body)["error"]


def test_long_addresses_are_refused(application):
    assert ask(application, "/api/events?curves=" + "a," * 4000).status == 414


@pytest.mark.parametrize("runs", [None, [], "x", ["x"], [["x"]], [{}], ["0" * 12] * 99, ["../one", "one"], [1, None]])
def test_what_is_no_run_is_looked_up_in_vain(application, runs):
    assert post(application, "/api/compare", {"runs": runs}).status == 400


@pytest.fixture
def address(application, monkeypatch):
    monkeypatch.setattr(limits, "HEADER_SECONDS", 0.4)
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.4)
    opened = socket.create_server(("127.0.0.1", 0), backlog=256)
    application.hosts = frozenset({"127.0.0.1"})
    application.origins = frozenset({"http://127.0.0.1"})
    server = uvicorn.Server(
        uvicorn.Config(application, http=limits.LimitedProtocol, ws="none", lifespan="off", log_config=None)
    )
    thread = in_thread(server, [opened])
    yield opened.getsockname()
    server.should_exit = True
    thread.join(5)
    opened.close()


def exchange(connection: socket.socket, text: str) -> bytes:
    connection.sendall(text.encode())
    found = b""
    while part := connection.recv(1 << 16):
        found += part
    return found


GOOD = f"GET /static/app.js HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: handgrad-{PORT}={TOKEN}\r\nConnection: close\r\n\r\n"


def test_it_answers_beside_200_connections_that_say_nothing(address):
    idle = [socket.create_connection(address) for _ in range(200)]
    with socket.create_connection(address, timeout=30) as connection:
        assert exchange(connection, GOOD).startswith(b"HTTP/1.1 200")
    for each in idle:
        each.settimeout(30)
        assert each.recv(1) == b""  # closed after HEADER_SECONDS
        each.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_slow_clients_are_let_go(address, application):
    head = "POST /api/compare HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\n"
    head += "Content-Type: application/json\r\n"
    head += f"Cookie: handgrad-{PORT}={TOKEN}\r\nX-Handgrad-Token: {application.post_token}\r\nContent-Length: 99\r\n"
    for begun in ("GET / HT", GOOD[:40], head + "Connection: close\r\n\r\n{"):
        with socket.create_connection(address, timeout=30) as connection:
            try:
                found = exchange(connection, begun)
            except ConnectionResetError:
                found = b""
            assert found == b"" or b"within" in found


def test_a_token_is_compared_in_full():
    assert limits.same("ä", "ä")
    assert not limits.same("", TOKEN)
