"""The process in which somebody's code runs: it calls what it is asked to call, and sends numbers back.

It stands alone, without handgrad: only NumPy and the files beside it.
"""

import ast
import contextlib
import inspect
import io
import os
import sys
import types
import warnings
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    import isolation
    import loading
    import wire

    sys.path.pop(0)
    for ours in ("isolation", "loading", "wire"):  # their modules may have these names
        del sys.modules[ours]
else:
    from handgrad.verify import loading, wire

MOST_ARRAYS = 600
CALL_SECONDS = 8.0
why_of, limited = loading.why_of, loading.limited


class Flags(types.SimpleNamespace):
    """Settings as a parsed command line, a dictionary or an object has them."""

    def __getitem__(self, name):
        return self.__dict__[name]

    def __contains__(self, name):
        return name in self.__dict__

    def __iter__(self):
        return iter(self.__dict__)

    def get(self, name, other=None):
        return self.__dict__.get(name, other)

    def keys(self):
        return self.__dict__.keys()

    def items(self):
        return self.__dict__.items()


class Host(loading.Loading):
    """Loads a folder and obeys requests."""

    def __init__(self, folder, light=False):
        super().__init__(folder, light)
        self.objects = {}

    def obey(self, request):
        """The result of one request, or what went wrong in it."""
        try:
            with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return {"value": getattr(self, f"do_{request['do']}")(**request["with"])}
        except BaseException as error:
            return {"error": why_of(error), "type": type(error).__name__, "where": self._where(error)}

    def _where(self, error):
        place, trace = "", error.__traceback__
        while trace is not None:
            file = trace.tb_frame.f_code.co_filename
            if file.startswith(str(self.folder)):
                place = f"{os.path.relpath(file, self.folder)}:{trace.tb_lineno}"
            trace = trace.tb_next
        return place

    def keep(self, value):
        """A number for an object that stays here."""
        value = value.value if isinstance(value, _Kept) else value
        self.objects[id(value)] = value
        return {"h": id(value), "type": type(value).__name__}

    def resolve(self, tree):
        """The object of a number; settings."""
        if "flags" in tree:
            return Flags(**{key: wire.unpack_plain(each) for key, each in tree["flags"]})
        return self.objects[tree["h"]]

    do_load = loading.Loading.load

    def do_describe(self):
        """Every class and function that the folder defines, with the names of parameters and of what is returned."""
        members = []
        for name, module in self.modules.items():
            returns, lines, factors = _returns(self.trees.get(module.__name__))
            for key, value in list(vars(module).items()):
                if getattr(value, "__module__", None) != module.__name__:
                    continue
                row = {"module": name, "name": key, "file": os.path.relpath(module.__file__, self.folder)}
                row |= {"line": lines.get(key, 0), "factors": {}}
                if inspect.isclass(value):
                    methods = {m: _parameters(getattr(value, m)) for m in dir(value) if _own(value, m)}
                    row |= {"is_class": True, "methods": methods, "parameters": _parameters(value)}
                    row["returns"] = {m: returns.get(f"{key}.{m}", returns.get(m, [])) for m in methods}
                    row["lines"] = {m: lines.get(f"{key}.{m}", 0) for m in methods}
                    row["factors"] = {m: factors.get(f"{key}.{m}", []) for m in methods}
                elif inspect.isfunction(value):
                    row |= {"is_class": False, "parameters": _parameters(value), "returns": returns.get(key, [])}
                    row["factors"] = {key: factors.get(key, [])}
                else:
                    continue
                members.append({**row, "object": _Kept(value)})
            members.append({"module": name, "name": "", "is_class": False, "is_module": True, "object": _Kept(module)})
        return members

    def do_call(self, target, name=None, values=(), named=None, hold=False):
        """Call an object or its method; also which arguments were changed by it, and the result as an object."""
        function = getattr(target, name) if name else target
        arrays = [v for v in [*values, *(named or {}).values()] if isinstance(v, np.ndarray)]
        before = [v.copy() for v in arrays]
        with limited(CALL_SECONDS):
            result = function(*values, **(named or {}))
        changed = [
            k for k, (a, b) in enumerate(zip(arrays, before, strict=True)) if not np.array_equal(a, b, equal_nan=True)
        ]
        if inspect.isgenerator(result):
            result = list(result)
        return {"result": result, "changed": changed, "held": _Kept(result) if hold else None}

    def do_hold(self, value):
        """Keep a value here, as an object that can be changed in place."""
        return _Kept(value)

    def do_layers(self, rows, network=False):
        """Objects with these arrays as attributes; or one that has them as its `layers`."""
        layers = [Flags(**row) for row in rows]
        return _Kept(Flags(layers=layers, parameters=layers, params=layers) if network else layers)

    def do_data(self, name, arrays):
        """From now on, `load_data` of the data set of this name gives these arrays."""
        loading.DATA[name] = arrays

    def do_program(self, path, arguments, seconds=6.0):
        """Run a file as a program: its exit code, what it printed, also of numbers that it returned, and its error."""
        out, code, error = io.StringIO(), 0, ""
        sys.argv = [path, *(each.replace("{folder}", str(self.folder)) for each in arguments)]
        returned = []

        def look(frame, event, value):
            if event == "return" and isinstance(value, dict) and frame.f_code.co_filename == module.__file__:
                returned.append({k: float(v) for k, v in value.items() if isinstance(v, (float, np.floating))})

        module = types.ModuleType("__main__")
        module.__file__ = str(self.folder / path)
        main, sys.modules["__main__"] = sys.modules["__main__"], module
        try:
            text = (self.folder / path).read_text(encoding="utf-8", errors="replace")
            with limited(seconds), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                sys.setprofile(look)
                exec(compile(text, module.__file__, "exec"), module.__dict__)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException as failure:
            code, error = 1, why_of(failure)
        finally:
            sys.setprofile(None)
            sys.modules["__main__"] = main
        out.write("".join(f"\n{name}: {value!r}" for each in returned for name, value in each.items()))
        return {"code": code, "out": out.getvalue(), "error": error}

    def do_get(self, target, name, hold=False):
        """An attribute, or an item, of an object; as an object where it is to be held."""
        value = target[name] if isinstance(target, (dict, list, tuple)) else getattr(target, name)
        return _Kept(value) if hold else value

    def do_walk(self, target):
        """Every array that hangs on an object, by its path."""
        return {
            path: np.array(value, float) if isinstance(value, list) else value for path, value in self._walk(target)
        }

    def _walk(self, target):
        seen, queue, count = set(), [("", target, 0)], 0
        while queue and count < MOST_ARRAYS:
            path, value, depth = queue.pop(0)
            if (isinstance(value, np.ndarray) and value.dtype.kind in "fiu") or wire.is_numbers(value):
                if np.size(value) and np.size(value) < 4_000_000:
                    count += 1
                    yield path, value
                continue
            if id(value) in seen or depth > 6:
                continue
            seen.add(id(value))
            queue += [(f"{path}{step}", each, depth + 1) for step, each in _parts(value)]

    def do_put(self, target, values):
        """Write numbers into arrays that hang on an object, in place."""
        for path, old in list(self._walk(target)):
            if path not in values:
                continue
            value = values.pop(path)
            if isinstance(old, list):
                old[:] = np.asarray(value).tolist()
            elif old.dtype.kind == "f" and old.flags.writeable:
                old[...] = value
            else:
                raise ValueError(f"{path} cannot be written")
        if values:
            raise KeyError(", ".join(values))


class _Kept:
    def __init__(self, value):
        self.value = value


def _own(owner, name):
    hidden = name.startswith("__") and name not in ("__call__", "__init__", "__add__", "__mul__", "__pow__")
    return not hidden and callable(getattr(owner, name, None)) and not isinstance(getattr(owner, name), type)


def _parameters(function):
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []
    if not inspect.isclass(function) and found and found[0].name == "self":
        found = found[1:]
    simple = (bool, int, float, str, type(None))
    return [
        {
            "name": p.name,
            "star": p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD),
            "optional": p.default is not p.empty,
            "default": p.default if isinstance(p.default, simple) else None,
        }
        for p in found
    ]


def _returns(tree):
    """Of each function: the names in its last `return`, its line, and the names that something is multiplied by."""
    names, lines, factors = {}, {}, {}
    for owner in ast.walk(tree) if tree is not None else ():
        prefix = f"{owner.name}." if isinstance(owner, ast.ClassDef) else ""
        for node in getattr(owner, "body", ()) if isinstance(owner, (ast.ClassDef, ast.Module)) else ():
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                lines[prefix + node.name] = node.lineno
            if isinstance(node, ast.FunctionDef):
                found = [each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value]
                parts = found[-1].elts if found and isinstance(found[-1], ast.Tuple) else found[-1:]
                names[prefix + node.name] = [getattr(p, "id", getattr(p, "attr", "")) for p in parts]
                products = [p for p in ast.walk(node) if isinstance(getattr(p, "op", None), ast.Mult)]
                inside = (getattr(n, "id", getattr(n, "attr", "")) for p in products for n in ast.walk(p))
                factors[prefix + node.name] = sorted({*inside} - {""})
    return names, lines, factors


def _parts(value):
    if isinstance(value, dict):
        return [(f"[{key!r}]", each) for key, each in list(value.items())[:MOST_ARRAYS]]
    if isinstance(value, (list, tuple)):
        return [(f"[{k}]", each) for k, each in enumerate(value[:MOST_ARRAYS])]
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [(f"[{k}]", each) for k, each in enumerate(value.reshape(-1)[:MOST_ARRAYS])]
    if isinstance(value, (type, types.FunctionType, types.MethodType, types.BuiltinFunctionType, loading.StandIn)):
        return []
    if isinstance(value, types.ModuleType):
        hidden = (types.ModuleType, type, types.FunctionType)
        return [(f".{k}", v) for k, v in vars(value).items() if not k.startswith("__") and not isinstance(v, hidden)]
    named = list(getattr(value, "__dict__", {}).items())
    slots = [name for base in type(value).__mro__ for name in getattr(base, "__slots__", ()) if hasattr(value, name)]
    return [(f".{k}", v) for k, v in named] + [(f".{name}", getattr(value, name)) for name in slots]


def serve(host, inward, outward, ready):
    """Obey requests until there are no more; each reply carries the number that its request came with."""
    source, sink = os.fdopen(inward, "rb"), os.fdopen(outward, "wb")
    sink.write(wire.pack(ready))
    sink.flush()
    while True:
        try:
            request = wire.unpack(wire.read_message(source), host.resolve)
        except EOFError:
            return
        nonce = request.pop("nonce")
        try:
            reply = wire.pack({**host.obey(request), "nonce": nonce}, host.keep)
        except BaseException as error:
            reply = wire.pack({"error": why_of(error), "type": type(error).__name__, "where": "", "nonce": nonce})
        sink.write(reply)
        sink.flush()


def main(folder, light, inward, outward, mode, scratch):
    """Give up rights, copy the folder, and serve."""
    isolation.set_limits()
    if mode == "unshare":
        isolation.close_mounts(scratch)
        isolation.drop_rights()
    copy = os.path.join(scratch, "copy")
    left_out = isolation.copy_folder(folder, copy)
    os.chdir(copy)
    serve(Host(copy, light == "light"), int(inward), int(outward), {"left_out": left_out})


if __name__ == "__main__":
    main(*sys.argv[1:])
