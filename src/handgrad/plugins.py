"""Other packages: what plugins add (optimizers, layers, data sets, trackers, figures), and how to install an extra.

A plugin names each under the entry-point group `handgrad.plugins` as REGISTRY.NAME, such as
`optimizers.signum = "my_package.signum:Signum"`. A registry takes its rows when it is imported, in every process.
"""

import functools
import logging
import re
import sys
from importlib.metadata import EntryPoint, entry_points, requires
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from handgrad.errors import UsageError

log = logging.getLogger("handgrad")
GROUP = "handgrad.plugins"
REGISTRIES = (
    *("optimizers", "schedules", "layers", "activations", "losses", "initializers"),
    *("datasets", "trackers", "figures", "comparisons"),
)

_waiting: list[tuple[str, dict[str, Any]]] = []
_busy: list[bool] = []
CHECKOUT = Path(__file__).parents[2]


def extend(**registries: dict[str, Any]) -> None:
    """Put what plugins add into registries, given by their names.

    What cannot be imported, and what has a name that is taken, is left out with a warning of one line. A plugin imports
    parts of handgrad, whose registries come here while it is loaded: they wait until it is.
    """
    _waiting.extend(registries.items())
    if _busy:
        return
    _busy.append(True)
    try:
        while _waiting:
            name, registry = _waiting.pop(0)
            for key, entry in _rows(name).items():
                _add(entry, key, registry)
    finally:
        _busy.clear()


def names(registry: str) -> list[str]:
    """What plugins add to a registry, by name; nothing is imported for it."""
    return list(_rows(registry))


def any_installed() -> bool:
    """Whether another package adds anything, or tries to."""
    return bool(_entries())


@functools.cache
def _rows(registry: str) -> dict[str, EntryPoint]:
    return {entry.name.partition(".")[2]: entry for entry in _entries() if entry.name.partition(".")[0] == registry}


@functools.cache
def _entries() -> list[EntryPoint]:
    found = list(entry_points(group=GROUP))
    for entry in found:
        registry, _, name = entry.name.partition(".")
        if registry not in REGISTRIES or not name:
            ways = "its name must be such as optimizers.signum: one of " + ", ".join(REGISTRIES)
            log.warning("the plugin %s (%s) is left out: %s, a dot, a name", entry.name, entry.value, ways)
    return found


def _add(entry: EntryPoint, key: str, registry: dict[str, Any]) -> None:
    if key in registry:
        log.warning("the plugin %s (%s) is left out: handgrad has one of this name", entry.name, entry.value)
        return
    try:
        registry[key] = entry.load()
    except (Exception, SystemExit) as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        log.warning("the plugin %s (%s) is left out, for it cannot be imported: %s", entry.name, entry.value, why)


def is_installed(package: str) -> bool:
    """Whether a package can be imported, which is not tried."""
    try:
        return find_spec(package) is not None
    except ValueError:  # what stands in its place in sys.modules is no module
        return False


def how_to_install(extra: str) -> str:
    """The command for one of pyproject.toml's extras: `make NAME` in a checkout, where its Makefile has it, else pip.

    pip is given the packages themselves, which it finds whether or not handgrad is in an index.
    """
    place, makefile = Path(sys.prefix), CHECKOUT / "Makefile"
    rules = (
        makefile.read_text(encoding="utf-8") if (CHECKOUT / "pyproject.toml").is_file() and makefile.is_file() else ""
    )
    if re.search(rf"^([\w -]+ )?{extra}( [\w -]+)?:", rules, re.MULTILINE) and sys.prefix != sys.base_prefix:
        venv = "" if place == CHECKOUT / ".venv" else f" VENV={place}"
        return f"`make {extra}{venv}` in {CHECKOUT}"
    return f"python -m pip install {' '.join(packages(extra))}"


def packages(extra: str) -> list[str]:
    """What an extra consists of, with the extras that it includes, quoted for a shell."""
    wanted = [re.fullmatch(rf"(.*?);\s*extra == [\"']{extra}[\"']", each) for each in requires("handgrad") or ()]
    found = [each[1].strip() for each in wanted if each]
    included = [re.fullmatch(r"handgrad\[(.*)\]", each) for each in found]
    inner = [each for of in included if of for name in of[1].split(",") for each in packages(name)]
    own = [f"'{each}'" for each, of in zip(found, included, strict=True) if not of]
    return own + inner or [f"'handgrad[{extra}]'"]


def require_matplotlib() -> None:
    """Raise a UsageError that names the extra, where Matplotlib, which draws all figures, is missing."""
    if not is_installed("matplotlib"):
        raise UsageError(f"figures need Matplotlib: {how_to_install('report')}")


@functools.cache
def can_draw() -> bool:
    """Whether Matplotlib is installed; where it is not, one line says so, once in a process."""
    try:
        require_matplotlib()
    except UsageError as missing:
        log.warning("%s", missing)
        return False
    return True
