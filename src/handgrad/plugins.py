"""What other installed packages add: optimizers, layers, data sets, trackers, figures.

A package names a module of its own under the entry-point group `handgrad.plugins`. The module holds dicts with the
names of the registries that they extend, such as OPTIMIZERS = {"signum": Signum}. A registry takes its rows when it is
imported, in every process.
"""

import logging
from importlib.metadata import EntryPoint, entry_points
from typing import Any

log = logging.getLogger("handgrad")
GROUP = "handgrad.plugins"
REGISTRIES = (
    *("OPTIMIZERS", "SCHEDULES", "LAYERS", "ACTIVATIONS", "LOSSES", "INITIALIZERS"),
    *("DATASETS", "TRACKERS", "FIGURES", "COMPARISONS"),
)


class _Plugins:
    """The rows of all plugins by registry, and the plugin of each row; registries wait for them while they load."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {name: {} for name in REGISTRIES}
        self.plugin_of: dict[tuple[str, str], str] = {}
        self.begun, self.waiting = False, dict[str, dict[str, Any]]()

    def load(self) -> None:
        """Import every plugin, and collect its rows."""
        self.begun = True
        for entry in entry_points(group=GROUP):
            module = _imported(entry)
            for name in REGISTRIES:
                self._collect(entry.name, name, getattr(module, name, {}))

    def _collect(self, plugin: str, name: str, rows: Any) -> None:
        if not isinstance(rows, dict):
            log.warning("%s of the plugin %s is left out: it must be a dict, got %s", name, plugin, type(rows).__name__)
            return
        for key, row in rows.items():
            if self.rows[name].setdefault(key, row) is row:
                self.plugin_of.setdefault((name, key), plugin)
            else:
                _warn_of_taken(plugin, name, key)


_plugins = _Plugins()


def extend(**registries: dict[str, Any]) -> None:
    """Put the rows of all plugins into registries, given by their names.

    A plugin that cannot be imported, and a row whose name is taken, are left out with a warning of one line. While it
    is imported, a plugin imports parts of handgrad: the registries of these wait for its rows.
    """
    if _plugins.begun and _plugins.waiting:
        _plugins.waiting |= registries
        return
    if not _plugins.begun:
        _plugins.waiting = dict(registries)
        _plugins.load()
        registries, _plugins.waiting = _plugins.waiting, {}
    for name, registry in registries.items():
        for key, row in _plugins.rows[name].items():
            if registry.setdefault(key, row) is not row:
                _warn_of_taken(_plugins.plugin_of[name, key], name, key)


def table(name: str) -> dict[str, Any]:
    """The rows of all plugins for a registry that is imported later; filled when they are loaded."""
    return _plugins.rows[name]


def _imported(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except (Exception, SystemExit) as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        log.warning("the plugin %s (%s) is left out, for it cannot be imported: %s", entry.name, entry.value, why)
        return None


def _warn_of_taken(plugin: str, name: str, key: str) -> None:
    log.warning("%s %r of the plugin %s is left out: there is one of this name", name, key, plugin)
