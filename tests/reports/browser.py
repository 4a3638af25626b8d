"""Chromium without a window: how large a page is when somebody looks at it."""

import json
import os
import re
import shutil
import subprocess
from functools import cache
from typing import NamedTuple

import pytest

FRAME = """<!DOCTYPE html><body style="margin:0"><iframe style="width:{width}px;height:900px;border:0"></iframe>
<pre></pre><script>
const frame = document.querySelector("iframe");
frame.onload = () => {{
  const page = frame.contentDocument, size = () => page.documentElement;
  const folded = size().scrollHeight, width = size().scrollWidth;
  page.querySelectorAll("details").forEach((each) => {{ each.open = true; }});
  const found = {{ width, folded, opened: size().scrollHeight, wide: size().scrollWidth, room: frame.clientWidth }};
  document.querySelector("pre").textContent = JSON.stringify(found);
}};
frame.src = {source};
</script></body>"""


class Size(NamedTuple):
    """Of a page in pixels: its width and height when folded, both when opened, and the width of its window."""

    width: int
    folded: int
    opened: int
    wide: int
    room: int


@cache
def chromium():
    """The program; the test is skipped without it."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return found or pytest.skip("Chromium is not installed: apt-get install chromium")


def size_of(page, width, folder):
    """What a window of that width holds.  Raises  AssertionError when the browser says nothing."""
    frame = folder / f"{page.stem}-{width}.html"
    frame.write_text(FRAME.format(width=width, source=json.dumps(page.resolve().as_uri())))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--hide-scrollbars"]
    words = [chromium(), *options, f"--user-data-dir={folder / 'profile'}", f"--window-size={max(width, 500)},1000"]
    words += ["--virtual-time-budget=20000", "--dump-dom", frame.as_uri()]
    done = subprocess.run(
        words, check=False, capture_output=True, text=True, timeout=120, env=os.environ | {"HOME": str(folder)}
    )
    found = re.search(r"<pre>(\{.*?\})</pre>", done.stdout)
    assert found, done.stderr[-2000:]
    return Size(**json.loads(found[1]))
