"""The packages that handgrad does without, and the command that installs them where they are asked for."""

import re
import sys
from importlib import metadata
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def how_to_install(extra: str) -> str:
    """The command for one of pyproject.toml's extras: `make NAME` in a checkout, pip with the packages elsewhere.

    pip is given the packages themselves, which it finds whether or not handgrad is in an index.
    """
    place = Path(sys.prefix)
    if (CHECKOUT / "pyproject.toml").is_file() and (CHECKOUT / "Makefile").is_file() and sys.prefix != sys.base_prefix:
        venv = "" if place == CHECKOUT / ".venv" else f" VENV={place}"
        return f"`make {extra}{venv}` in {CHECKOUT}"
    return f"python -m pip install {' '.join(packages(extra))}"


def packages(extra: str) -> list[str]:
    """What an extra consists of, quoted for a shell."""
    wanted = [
        re.fullmatch(rf"(.*?);\s*extra == [\"']{extra}[\"']", each) for each in metadata.requires("handgrad") or ()
    ]
    return [f"'{found[1].strip()}'" for found in wanted if found] or [f"'handgrad[{extra}]'"]
