"""Twenty folders that nothing can be checked in, or hardly: each is a function that fills an empty folder."""

import json
import os
from pathlib import Path

from tests.verify.faults import STYLES

NETWORK = (STYLES / "plain_lists" / "network.py").read_text()


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def notebook(folder: Path) -> None:
    cells = [{"cell_type": "code", "source": [text]} for text in ("!pip install wandb\n%matplotlib inline", NETWORK)]
    write(folder, "hand_in.ipynb", json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))


def links(folder: Path) -> None:
    os.symlink(folder, folder / "loop")
    os.symlink("/etc/passwd", folder / "passwd.py")
    write(folder, "network.py", NETWORK)


def huge(folder: Path) -> None:
    write(folder, "network.py", NETWORK)
    with open(folder / "weights.npy", "wb") as file:
        file.truncate(50 << 30)


def source(before: str = "", after: str = "", text: str = NETWORK):
    return lambda folder: write(folder, "network.py", f"{before}\n{text}\n{after}\n")


# For each: the verdict that it must get.
BROKEN = {
    "empty": (lambda folder: None, "not checked"),
    "syntax error": (source(after="def broken(:\n    pass"), "not checked"),
    "syntax error beside": (lambda f: (write(f, "network.py", NETWORK), write(f, "train.py", "for for"))[0], "right"),
    "missing package": (source("import nobody_has_this\nfrom neither.this import thing"), "right"),
    "missing name": (source("from numpy import nothing_of_the_name"), "right"),
    "trains for an hour": (source(after="import time\nfor epoch in range(3600):\n    time.sleep(1)"), "right"),
    "prints": (source(after="print('loss 0.1' * 100)"), "right"),
    "needs arguments": (source(after="import sys\nprint(sys.argv[1])"), "right"),
    "needs flags": (
        source("import argparse\np = argparse.ArgumentParser()\np.add_argument('--x', required=True)\np.parse_args()"),
        "right",
    ),
    "wandb at import": (
        source("import wandb\nrun = wandb.init(project='p')\nlr = wandb.config.lr"),
        "right",
    ),
    "leaves": (source(after="import sys\nsys.exit(3)"), "right"),
    "reads data": (source("import numpy as np\ndata = np.load('train_images.npy')"), "right"),
    "downloads": (source("from tensorflow.keras.datasets import mnist\n(x, y), _ = mnist.load_data()"), "right"),
    "bytes": (lambda folder: (folder / "network.py").write_bytes(bytes(range(256))), "not checked"),
    "not UTF-8": (lambda f: (f / "network.py").write_bytes(b"# caf\xe9\n" + NETWORK.encode()), "right"),
    "links": (links, "right"),
    "huge file": (huge, "right"),
    "notebook": (notebook, "right"),
    "damaged notebook": (lambda folder: write(folder, "hand_in.ipynb", "{"), "not checked"),
    "raises in init": (source(text=NETWORK.replace("self.lr = lr", "raise RuntimeError('no GPU')")), "not checked"),
    "input": (source(after="name = input('name? ')"), "right"),
    "recursion": (source(after="def f():\n    return f()\nf()"), "right"),
    "other language": (lambda folder: write(folder, "main.cpp", "int main() { return 0; }"), "not checked"),
}
