"""One request to the application, without a connection; and a table of made-up runs."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any, NamedTuple

from tests.processes import wait_for

from handgrad.files import json_text

TOKEN, PORT = "a" * 24, 8484
HOST = f"127.0.0.1:{PORT}"
SETTINGS = {"dataset": "digits", "optimizer": "adam", "epochs": 9, "seed": 0, "name": None, "runs_dir": "runs"}


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def ask(application: Any, path: str, method: str = "GET", body: bytes = b"", **headers: str | None) -> Reply:
    """The reply to a request with a good host and token unless `headers` say otherwise; None leaves one out."""
    given: dict[str, str | None] = {"host": HOST, "cookie": f"handgrad-{PORT}={TOKEN}"}
    given |= {name.replace("_", "-"): text for name, text in headers.items()}
    bare, _, query = path.partition("?")
    messages: list[Any] = []
    scope = {
        "type": "http",
        "method": method,
        "path": bare,
        "raw_path": bare.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), text.encode()) for name, text in given.items() if text is not None],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", PORT),
        "root_path": "",
    }
    chunks = [body[start : start + 60_000] for start in range(0, len(body), 60_000)] or [b""]

    async def receive() -> Any:
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    async def send(message: Any) -> None:
        messages.append(message)

    asyncio.run(application(scope, receive, send))
    found = {name.decode().lower(): value.decode() for name, value in messages[0]["headers"]}
    return Reply(messages[0]["status"], found, b"".join(message.get("body", b"") for message in messages[1:]))


def post(application: Any, path: str, fields: Any, **headers: str | None) -> Reply:
    """A request that changes something, as the page sends it."""
    given: dict[str, str | None] = {"origin": f"http://{HOST}", "content_type": "application/json"}
    given |= {"x_handgrad_token": application.post_token} | headers
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return ask(application, path, "POST", body, **given)


def made_up_run(folder: Path, accuracy: float | None = 0.9, epochs: int = 3, **settings: Any) -> Path:
    """A folder as a training leaves it; without an accuracy, as one that has not ended."""
    folder.mkdir(parents=True)
    config = SETTINGS | settings
    (folder / "config.yaml").write_text("dataset: digits\n")
    (folder / "run.json").write_text(json_text({"command": "handgrad train", "config": config, "data": "d"}))
    rows = [
        {"epoch": n, "step": 10 * n, "train_loss": 1 / n, "train_accuracy": 0.5, "learning_rate": 0.1, "seconds": 0.5}
        for n in range(1, epochs + 1)
    ]
    with (folder / "history.jsonl").open("w") as file:
        for row in rows:
            record = {"first": 10 * row["epoch"] - 9, "losses": [1.0] * 10, "correct": [1] * 10, "norms": {}}
            file.write(json.dumps(record) + "\n" + json.dumps({"epoch": row, "digest": "0" * 16}) + "\n")
    if accuracy is not None:
        part = {"accuracy": accuracy, "loss": 0.1}
        parts = dict.fromkeys(("test", "train", "validation"), part)
        rest = {"best_epoch": 1, "stopped": "finished", "seconds": 1.5, "parameters": 7, "config": config}
        (folder / "metrics.json").write_text(json_text({**parts, "epochs": rows, **rest}))
    return folder


def in_thread(server: Any, sockets: list[Any]) -> threading.Thread:
    """A server of uvicorn that runs beside the test."""
    thread = threading.Thread(target=server.run, kwargs={"sockets": sockets}, daemon=True)
    thread.start()
    wait_for(lambda: server.started, "the server's start")
    return thread
