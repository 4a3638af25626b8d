"""Loading somebody's modules statement by statement, with stand-ins for packages that draw, ask or are missing.

It stands alone, without handgrad, as the process loads it by its path. A statement that fails, trains, asks for
arguments or takes too long is left out and reported; what is defined beside it stays usable.
"""

import ast
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import signal
import sys
import time
import types
from pathlib import Path

import numpy as np

SECONDS = 2.0  # for one statement of a module, imports aside
MOST_FILES, MOST_SOURCE = 120, 400_000
REPLACED = ("wandb", "matplotlib", "seaborn", "plotly", "tensorflow", "keras", "torchvision", "requests", "kagglehub")
LIGHT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.Try, ast.If)
SKIPPED_FOLDERS = {"venv", ".venv", "env", "node_modules", "__pycache__", "wandb", "site-packages", ".git"}

DATA = {}  # by the name of a data set: what its load_data gives, where that was handed in


class TooLong(BaseException):
    """A statement has used its seconds; no `except Exception` of theirs stops it."""


class StandIn(types.ModuleType):
    """In the place of a package that is missing, draws or asks the network: everything of it can be called."""

    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn(f"{self.__name__}.{name}")

    def __call__(self, *values, **named):
        if self.__name__.endswith("load_data"):
            name = "fashion_mnist" if "fashion" in self.__name__ else "mnist"
            if known := DATA.get(name):
                return tuple((known[f"x_{part}"], known[f"y_{part}"]) for part in ("train", "test"))
            draw = np.random.default_rng(0)
            return tuple((draw.integers(0, 256, (n, 28, 28), np.uint8), np.arange(n) % 10) for n in (200, 100))
        if len(values) == 1 and not named and isinstance(values[0], types.FunctionType):
            return values[0]  # a decorator
        return StandIn(f"{self.__name__}()")

    def __mro_entries__(self, bases):
        return (object,)

    def __getitem__(self, key):
        return StandIn(f"{self.__name__}[]")

    def __setitem__(self, key, value):
        pass

    def __iter__(self):
        return iter(())

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False


@contextlib.contextmanager
def limited(seconds):
    """Raise TooLong in the block after so many seconds, and every half second from then on."""

    def stop(*_):
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    start = time.monotonic()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(0.01, left - (time.monotonic() - start)), 0.5)


class Loading:
    """The modules of a folder; `light` leaves out statements that only do something."""

    def __init__(self, folder, light=False):
        self.folder, self.light = Path(folder).resolve(), light
        self.skipped, self.replaced, self.trees, self.modules = [], set(), {}, {}
        self.before = set(sys.modules), list(sys.path), list(sys.meta_path)

    def load(self):
        """Import every module of the folder; returns their names, what was left out and what was replaced."""
        paths = self._paths()
        roots = {self.folder: 0, self.folder / "src": 1}
        for path in paths:
            roots.setdefault(path.parent, len(roots))
        sys.path[:0] = [str(root) for root in roots if root.is_dir()]
        sys.meta_path.insert(0, _Ours(self))
        sys.meta_path.append(_Missing(self))
        sys.argv = ["train.py"]
        found = {}
        for path in paths:
            name = self._module_name(path)
            module = self._import(name, path)
            if module is not None:
                found[name] = module
        self.modules = found
        return {"modules": list(found), "skipped": self.skipped, "replaced": sorted(self.replaced)}

    def _paths(self):
        found = []
        for top, folders, files in os.walk(self.folder):
            folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS and not os.path.islink(f"{top}/{f}"))
            found += [Path(top) / f for f in sorted(files) if f.endswith((".py", ".ipynb"))]
        found = [p for p in found if p.is_file() and not p.is_symlink()]
        for path in [p for p in found if p.stat().st_size > MOST_SOURCE and p.suffix == ".py"]:
            self._skip(path.name, 0, "", f"the file has {path.stat().st_size} bytes")
            found.remove(path)
        found.sort(key=lambda p: (p.name.startswith("test_"), len(p.parts), p.suffix, p.name))
        return found[:MOST_FILES]

    def _module_name(self, path):
        parts = path.relative_to(self.folder).with_suffix("").parts
        parts = parts[1:] if parts[0] == "src" and len(parts) > 1 else parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)

    def _import(self, name, path):
        try:
            if path.suffix == ".py" and all(part.isidentifier() for part in name.split(".")):
                known = {getattr(m, "__file__", None): m for m in list(sys.modules.values()) if m is not None}
                return known.get(str(path)) or importlib.import_module(name)
            module = types.ModuleType(name)
            module.__file__ = str(path)
            sys.modules[name] = module
            self.run_source(module, path)
            return module
        except BaseException as error:
            self._skip(path.name, getattr(error, "lineno", 0) or 0, "", why_of(error))
            return None

    def run_source(self, module, path):
        """Run a module or a notebook statement by statement."""
        text = path.read_bytes().decode("utf-8", "replace")
        if path.suffix == ".ipynb":
            cells = [c for c in json.loads(text).get("cells", []) if c.get("cell_type") == "code"]
            trees = [self._cell("".join(cell.get("source", "")), path) for cell in cells]
            tree = ast.Module([node for each in trees for node in each], [])
        else:
            tree = ast.parse(text, str(path))
        self.trees[module.__name__] = tree
        for node in tree.body:
            if isinstance(node, LIGHT) or not self.light:
                self._run(node, module, path)

    def _cell(self, text, path):
        lines = ["" if line.lstrip()[:1] in ("!", "%", "?") else line for line in text.splitlines()]
        try:
            return ast.parse("\n".join(lines), str(path)).body
        except SyntaxError as error:
            self._skip(path.name, error.lineno or 0, "", why_of(error))
            return []

    def _run(self, node, module, path):
        code = compile(ast.Module([node], []), str(path), "exec")
        free = isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef))
        try:
            with contextlib.nullcontext() if free else limited(SECONDS):
                exec(code, module.__dict__)
        except BaseException as error:
            self._skip(path.name, node.lineno, ast.unparse(node).splitlines()[0][:80], why_of(error))

    def _skip(self, file, line, text, why):
        if len(self.skipped) < 40:
            self.skipped.append({"file": file, "line": line, "text": text, "why": why})

    def close(self):
        """Forget their modules, in a process that goes on."""
        modules, path, finders = self.before
        for name in set(sys.modules) - modules:
            module = sys.modules[name]
            stand_in = isinstance(module, StandIn)
            # A folder without __init__.py is a package that has no file, but paths.
            places = [] if stand_in else [getattr(module, "__file__", None) or "", *getattr(module, "__path__", ())]
            if stand_in or name in self.modules or any(place.startswith(str(self.folder)) for place in places):
                del sys.modules[name]
        sys.path[:], sys.meta_path[:] = path, finders


class _Loader(importlib.machinery.SourceFileLoader):
    host = None

    def exec_module(self, module):
        self.host.run_source(module, Path(self.path))


class _Ours(importlib.abc.MetaPathFinder):
    """Modules of the folder run statement by statement; some packages get a stand-in."""

    def __init__(self, host):
        self.host = host

    def find_spec(self, name, path=None, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        origin = getattr(spec, "origin", None) or ""
        if origin.endswith(".py") and origin.startswith(str(self.host.folder)):
            loader = _Loader(name, origin)
            loader.host = self.host
            spec.loader = loader
            return spec
        return _stand_in(self.host, name) if name.split(".")[0] in REPLACED else None


class _Missing(importlib.abc.MetaPathFinder):
    """A package that nobody has, where a file of the folder asks for it."""

    def __init__(self, host):
        self.host = host

    def find_spec(self, name, path=None, target=None):
        if isinstance(sys.modules.get(name.rpartition(".")[0]), StandIn):
            return _stand_in(self.host, name)
        frame = sys._getframe(1)
        while frame is not None and ("importlib" in frame.f_code.co_filename or frame.f_code.co_filename == __file__):
            frame = frame.f_back
        if frame is None or not frame.f_code.co_filename.startswith(str(self.host.folder)) or "." in name:
            return None
        return _stand_in(self.host, name)


class _StandInLoader(importlib.abc.Loader):
    def create_module(self, spec):
        return StandIn(spec.name)

    def exec_module(self, module):
        pass


def _stand_in(host, name):
    host.replaced.add(name.split(".")[0])
    return importlib.machinery.ModuleSpec(name, _StandInLoader(), is_package=True)


def why_of(error):
    """An error in one line."""
    if isinstance(error, TooLong):
        return f"took longer than {SECONDS:g} s"
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
