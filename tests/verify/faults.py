"""The faults of faults.yaml, planted in copies of the networks in styles/."""

import shutil
from pathlib import Path
from typing import NamedTuple

import yaml

FOLDER = Path(__file__).parent
STYLES = FOLDER / "styles"


class Fault(NamedTuple):
    style: str
    file: str
    old: str
    new: str
    mistake: str
    layer: str  # a part of the layer's name


FAULTS = [Fault(**row) for row in yaml.safe_load((FOLDER / "faults.yaml").read_text())]


def plant(fault: Fault, folder: Path) -> Path:
    """A copy of a style with the fault in it."""
    target = folder / fault.style
    shutil.copytree(STYLES / fault.style, target)
    path = target / fault.file
    text = path.read_text()
    assert text.count(fault.old) == 1, (fault.style, fault.old, text.count(fault.old))
    path.write_text(text.replace(fault.old, fault.new))
    return target
