"""The Play page as one file: scripts, styles and digits inline, so that it trains in any browser without a server."""

import base64
import hashlib
import json
import re
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from handgrad.data import load

# In the order in which they import each other; each becomes a function that returns its exports.
MODULES = (
    *("common.js", "random.js", "engine.js", "play_training.js"),
    *("play_settings.js", "play_pictures.js", "play.js"),
)
STYLES = ("uPlot.min.css", "style.css", "play.css")
EXPORTED = re.compile(r"^export (?=(?:const|class|function|async function) ([\w$]+))", re.MULTILINE)
IMPORTED = re.compile(r'^import (\{.*?\}) from "\./(.*?)";', re.MULTILINE)
START = """
const { showPlay } = modules["play.js"];
const say = (command) => { document.getElementById("command").textContent = command; };
const images = JSON.parse(document.getElementById("images").textContent);
const show = () => showPlay(location.hash.replace(/^#(play\\/?)?/, ""), say, images);
addEventListener("hashchange", show);
show();
"""
PAGE = """<!doctype html>
<html lang="en">
<!-- The Play page of handgrad {version}, which `handgrad play` wrote. It contains uPlot:

{licence}-->
<head>
<meta charset="utf-8">
<meta http-equiv="content-security-policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>handgrad: a network to play with</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<header><strong>handgrad</strong></header>
<main id="main"><section id="play"></section></main>
<footer>as a command: <code id="command"></code></footer>
<noscript>This page trains a network in JavaScript, which is turned off here.</noscript>
<script type="application/json" id="images">{images}</script>
<script>{charts}</script>
<script>{script}</script>
</body>
</html>
"""


def digits() -> dict[str, Any]:
    """The training images of the digits: a byte a pixel in base64, and a figure a label."""
    dataset = load("digits")
    return {
        "shape": dataset.x_train.shape[1:],
        "classes": dataset.classes,
        "images": base64.b64encode(dataset.x_train.tobytes()).decode(),
        "labels": "".join(map(str, dataset.y_train)),
    }


def bundle(*names: str) -> str:
    """Modules of the page as one classic script, which leaves what they export in `modules`."""
    parts = ["const modules = {};"]
    for name in names:
        text = _static(name)
        exported = ", ".join(EXPORTED.findall(text))
        text = IMPORTED.sub(r'const \1 = modules["\2"];', EXPORTED.sub("", text))
        parts.append(f'modules["{name}"] = (() => {{\n{text}\nreturn {{ {exported} }};\n}})();')
    return "\n".join(parts)


def page() -> str:
    """The file. Its policy lets only what is in it run, and lets nothing be loaded."""
    script = f'"use strict";\n{bundle(*MODULES)}\n{START}'
    inline = {"style": "\n".join(map(_static, STYLES)), "charts": _static("uPlot.iife.min.js"), "script": script}
    sums = {name: _sum(text) for name, text in inline.items()}
    policy = (
        f"default-src 'none'; script-src {sums['charts']} {sums['script']}; style-src {sums['style']}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    licence = _static("uPlot.LICENSE.txt")
    words = {"version": version("handgrad"), "licence": licence, "policy": policy, "images": json.dumps(digits())}
    return PAGE.format(**words, **inline)


def _static(name: str) -> str:
    return (files("handgrad.serve") / "static" / name).read_text(encoding="utf-8")


def _sum(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
