"""What courses ask of a hand-in, as data."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from handgrad.strict_yaml import load_mapping


@dataclass(frozen=True)
class Contract:
    """A row of contracts.yaml; `name` is "none" for a folder that follows no known course."""

    name: str = "none"
    title: str = "no known course"
    files: tuple[str, ...] = ()
    order: str = ""
    mean: bool = False
    weights: tuple[str, ...] = ()
    model: str = ""
    programs: tuple[Any, ...] = ()


def contracts() -> dict[str, Contract]:
    """All rows, in the order in which they are tried."""
    table = load_mapping((files("handgrad.verify") / "contracts.yaml").read_text(encoding="utf-8"))
    made = {}
    for name, row in table.items():
        lists: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
        made[name] = Contract(name, **lists)
    return made


def recognise(folder: Path) -> Contract:
    """The first contract all of whose files are there."""
    for contract in contracts().values():
        if all(any(folder.glob(pattern)) for pattern in contract.files):
            return contract
    return Contract()
