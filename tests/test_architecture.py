"""The floors of the house, read from its syntax trees: imports go down, nothing loops, nothing is unpickled."""

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "handgrad"
spec = importlib.util.spec_from_file_location("build_design", ROOT / "docs" / "build_design.py")
design = importlib.util.module_from_spec(spec)
spec.loader.exec_module(design)

# A room is a folder or a file directly under handgrad/; "" is its __init__.py, the front door, which may import all.
# The floors of folders are those of the table in docs/design.md; below them are files for all, above them the doors.
STACK = design.floors(design.PAGE.read_text(encoding="utf-8"))[::-1]
BELOW = ("errors", "files", "machine", "screen", "run_folder", "previews", "text", "plugins", "torch_mapping")
FLOORS: dict[str, int] = {
    **dict.fromkeys([*BELOW, "strict_yaml"], -1),
    **{room: floor for floor, rooms in enumerate(STACK) for room in rooms},
    "estimator": 4,
    "__main__": len(STACK),
    "": len(STACK) + 1,
}

# Heavy or optional packages may be imported inside a function: who does not use them does not wait for them.
LATE_IMPORTS = {
    "IPython",
    "matplotlib",
    "mlflow",
    "optuna",
    "pandas",
    "plotly",
    "pooch",
    "psycopg",
    "pyarrow",
    "ray",
    "shtab",
    "sklearn",
    "tensorboard",
    "torch",
    "trackio",
    "wandb",
}

SMALL = 40  # lines, of a module that needs more than one importer

# It runs in a process of its own, which has given up its rights, and is there to run somebody's code.
RUNS_CODE = {"handgrad.verify.host", "handgrad.verify.loading"}

# What can run code that stands in a file.
UNSAFE_MODULES = {"cloudpickle", "dill", "marshal", "pickle", "shelve"}
UNSAFE_CALLS = {"eval", "exec", "joblib.load", "pandas.read_pickle", "torch.load"}
UNSAFE_LAST = {call.rpartition(".")[2] for call in UNSAFE_CALLS}
UNSAFE_YAML = {"CLoader", "FullLoader", "Loader", "UnsafeLoader", "full_load", "full_load_all", "unsafe_load"}


class Import(NamedTuple):
    """One name that a module imports: `target` is a module of ours where there is one, else the dotted name."""

    target: str
    line: int
    late: bool  # inside a function or class
    typing_only: bool  # under `if TYPE_CHECKING`


class Module(NamedTuple):
    path: Path
    tree: ast.Module
    imports: list[Import]


def read_modules(root: Path) -> dict[str, Module]:
    """Every module under `root`, a package's folder, by its dotted name."""
    paths = {dotted_name(root, path): path for path in sorted(root.rglob("*.py"))}
    modules = {}
    for name, path in paths.items():
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        modules[name] = Module(path, tree, list(imports_of(tree, package, set(paths))))
    return modules


def dotted_name(root: Path, path: Path) -> str:
    parts = [root.name, *path.relative_to(root).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(
    tree: ast.AST, package: str, known: set[str], late: bool = False, typing_only: bool = False
) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.expr):  # most of the nodes, and nothing is imported in one
            continue
        for target in targets_of(node, package, known):
            yield Import(target, node.lineno, late, typing_only)
        inside = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        typed = typing_only or (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"))
        yield from imports_of(node, package, known, inside, typed)


def targets_of(node: ast.AST, package: str, known: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
        base = ".".join([*above, node.module] if node.module else above)
        for alias in node.names:
            submodule = f"{base}.{alias.name}"
            yield submodule if submodule in known else base


def room_of(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def wrong_imports(modules: dict[str, Module]) -> Iterator[str]:
    """Imports that go up, that leave or enter an unknown room, or that stand below module level."""
    house = next(iter(modules)).split(".")[0]
    for name, module in modules.items():
        room = room_of(name)
        if room not in FLOORS:
            yield f"{module.path}:1 unknown room {room!r}: give it a floor in {Path(__file__).name}"
            continue
        for target, line, late, typing_only in module.imports:
            top = target.split(".")[0]
            if late and not typing_only and top not in LATE_IMPORTS:
                yield f"{module.path}:{line} imports {target} below module level"
            above = FLOORS.get(room_of(target), -1)
            if top == house and (above > FLOORS[room] or (above == FLOORS[room] >= 0 and room_of(target) != room)):
                yield f"{module.path}:{line} imports {target}: it is on no lower floor"


def cycles(modules: dict[str, Module]) -> Iterator[str]:
    """A loop among modules, and one among rooms; an import for the type checker alone counts."""
    between_modules = {
        name: {i.target for i in module.imports if i.target in modules} - {name} for name, module in modules.items()
    }
    between_rooms: dict[str, set[str]] = {room_of(name): set() for name in modules}
    for name, targets in between_modules.items():
        between_rooms[room_of(name)] |= {room_of(target) for target in targets} - {room_of(name)}
    for kind, graph in {"modules": between_modules, "rooms": between_rooms}.items():
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            yield f"cycle of {kind}: " + " imports ".join(reversed(error.args[1]))


def splinters(modules: dict[str, Module]) -> Iterator[str]:
    """Small modules that one other module imports: they belong into it, unless they are a row of a registry."""
    targets = {name: {each.target for each in module.imports} for name, module in modules.items()}
    for name, module in modules.items():
        lines = len(module.path.read_text(encoding="utf-8").splitlines())
        importers = {other for other in modules if other != name and name in targets[other]}
        row = all(modules[other].path.name == "__init__.py" for other in importers)  # its package lists it
        if lines < SMALL and len(importers) == 1 and not row and module.path.name != "__init__.py":
            yield f"{module.path}:1 {lines} lines, imported by {', '.join(importers)} alone: put it there"


def unsafe_code(modules: dict[str, Module]) -> Iterator[str]:
    """Everything by which a file that somebody sent could run code here."""
    for name, module in modules.items():
        if name in RUNS_CODE:
            continue
        for item in module.imports:
            if item.target.split(".")[0] in UNSAFE_MODULES:
                yield f"{module.path}:{item.line} imports {item.target}"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and is_unsafe_call(node):
                yield f"{module.path}:{node.lineno} runs what may be code: {ast.unparse(node)}"
            if isinstance(node, ast.Attribute) and node.attr in UNSAFE_YAML and ast.unparse(node.value) == "yaml":
                yield f"{module.path}:{node.lineno} unsafe: {ast.unparse(node)}"
            if isinstance(node, ast.ImportFrom) and node.module == "yaml":
                for alias in node.names:
                    if alias.name in UNSAFE_YAML:
                        yield f"{module.path}:{node.lineno} unsafe: yaml.{alias.name}"


def is_unsafe_call(node: ast.Call) -> bool:
    permits = [k.arg == "allow_pickle" and ast.unparse(k.value) != "False" for k in node.keywords]
    last = getattr(node.func, "attr", getattr(node.func, "id", ""))  # to write all of it takes long
    return any(permits) or (last in UNSAFE_LAST and ast.unparse(node.func) in UNSAFE_CALLS)


CHECKS = {"imports go down": wrong_imports, "no cycles": cycles, "nothing is unpickled or evaluated": unsafe_code}


def test_the_house_stands():
    """And no module is a splinter of another."""
    modules = read_modules(SOURCE)
    found = [text for check in (*CHECKS.values(), splinters) for text in check(modules)]
    assert not found, "\n" + "\n".join(found)


def test_the_picture_is_that_of_the_table():
    assert design.PICTURE.read_text(encoding="utf-8") == design.drawing(STACK[::-1]), "run python docs/build_design.py"


def test_splinters_are_noticed(tmp_path):
    files = {
        "__init__.py": "",
        "nn/__init__.py": "from handgrad.nn.dense import Dense\n",
        "nn/dense.py": "",
        "runs/store.py": "from handgrad.runs import names\n",
        "runs/names.py": "",
        "runs/both.py": "",
        "runs/one.py": "from handgrad.runs import both\n" * SMALL,
        "runs/two.py": "from handgrad.runs import both\n",
    }
    (found,) = splinters(read_modules(write_house(tmp_path, files)))
    assert "names.py:1 0 lines, imported by handgrad.runs.store alone" in found


def test_front_door_is_quick():
    if not (SOURCE / "__init__.py").exists():
        pytest.skip("handgrad/__init__.py, the front door, is not there yet")
    heavy = sorted({"torch", "matplotlib", "wandb", "sklearn"})
    code = f"import sys, handgrad; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_settings_and_help_do_not_wait_for_numba():
    """One import of a module of intrinsics, in any layer's or optimizer's file, would bring it back."""
    code = "import sys, handgrad.cli.train; print([name for name in ('numba', 'llvmlite') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def write_house(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / "handgrad" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder / "handgrad"


SOUND = {
    "__init__.py": "from handgrad.training.loop import fit\n",
    "errors.py": "",
    "kernels/dense.py": "from handgrad import errors\n",
    "nn/__init__.py": "from handgrad.nn.dense import Dense\n",
    "nn/dense.py": "import yaml\nfrom handgrad.kernels import dense\nyaml.load('', Loader=yaml.SafeLoader)\n",
    "training/loop.py": "from handgrad.nn import Dense\ndef fit():\n    import torch.nn\n    model.eval()\n",
    "training/history.py": "import typing\nif typing.TYPE_CHECKING:\n    from handgrad.evaluation import curves\n",
    "evaluation/curves.py": "np.load('', allow_pickle=False)\n",
}

FAULTS = {
    "upward": ("nn/dense.py", "from handgrad.training import loop", "imports handgrad.training.loop: it is on"),
    "upward, plain": ("errors.py", "import handgrad.kernels.dense", "imports handgrad.kernels.dense: it is on no"),
    "upward, relative": ("kernels/dense.py", "from ..nn.dense import Dense", "imports handgrad.nn.dense: it is on no"),
    "upward, typing": (
        "nn/a.py",
        "if TYPE_CHECKING:\n    import handgrad.training.loop",
        "loop: it is on no lower floor",
    ),
    "by the front door": (
        "training/loop.py",
        "from handgrad import Dense",
        "imports handgrad: it is on no lower floor",
    ),
    "unknown room": ("attic/box.py", "", "unknown room 'attic'"),
    "late": ("nn/dense.py", "def f():\n    import handgrad.errors", ":2 imports handgrad.errors below module level"),
    "late, a method": ("nn/a.py", "class A:\n    def f(self):\n        import json", "json below module level"),
    "the same floor": ("nn/dense.py", "from handgrad.data import sets", "handgrad.data: it is on"),
    "cycle of rooms": ("evaluation/curves.py", "from handgrad.training import history", "cycle of rooms"),
    "cycle of modules": ("kernels/dense.py", "from handgrad.kernels import conv", "cycle of modules"),
    "cycle, typing": ("kernels/dense.py", "if TYPE_CHECKING:\n    import handgrad.kernels.conv", "cycle of modules"),
    "cycle with the registry": ("nn/dense.py", "from handgrad.nn import Dense", "cycle of modules"),
    "pickle": ("files.py", "from pickle import load", "imports pickle"),
    "allow_pickle": ("files.py", "np.load(path, allow_pickle=True)", "allow_pickle=True"),
    "allow_pickle, hidden": ("files.py", "np.load(path, allow_pickle=trusted)", "allow_pickle=trusted"),
    "yaml": ("files.py", "yaml.load(text, Loader=yaml.UnsafeLoader)", "yaml.UnsafeLoader"),
    "yaml, by name": ("files.py", "from yaml import full_load", "yaml.full_load"),
    "eval": ("files.py", "eval(text)", "eval(text)"),
    "exec": ("files.py", "exec(text)", "exec(text)"),
    "torch.load": ("files.py", "torch.load(path)", "torch.load(path)"),
}


def violations(root: Path) -> list[str]:
    modules = read_modules(root)
    return [text for check in CHECKS.values() for text in check(modules)]


def test_checker_accepts_a_sound_house(tmp_path):
    assert violations(write_house(tmp_path, SOUND)) == []


@pytest.mark.parametrize(("path", "content", "expected"), FAULTS.values(), ids=FAULTS.keys())
def test_checker_notices(tmp_path, path, content, expected):
    partner = {"kernels/conv.py": "from handgrad.kernels import dense\n"}
    found = violations(write_house(tmp_path, SOUND | partner | {path: content + "\n"}))
    assert any(expected in text and (Path(path).stem in text or "cycle" in text) for text in found), found
