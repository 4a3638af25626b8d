"""The cache of compiled kernels on disk: what a kernel's key covers, and damage, foreign files, and full disks."""

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.kernels.cache_damage import TRIALS

NOTICE = "compiling the kernels"
SOURCE = Path(__file__).parents[2] / "src"
DIGESTS = """
import json, sys
import handgrad.nn, handgrad.optim, handgrad.kernels.driver, handgrad.kernels.dense, handgrad.kernels.pooling
from handgrad.kernels.sources import digest_of
modules = [module for name, module in sys.modules.items() if name.startswith("handgrad")]
kernels = {value.py_func for module in modules for value in vars(module).values() if hasattr(value, "py_func")}
print(json.dumps({f"{kernel.__module__[9:]}.{kernel.__name__}": digest_of(kernel) for kernel in kernels}))
"""
HOW_KERNELS_ARE_COMPILED = ("NUMBA_BOUNDSCHECK", "HANDGRAD_VECTOR_WIDTH")  # make boundscheck and make vectors set them
KERNELS = {
    "scales.py": "FACTOR = 2.0\n",
    "inner.py": """
import scales
from handgrad.kernels.compile import fast_kernel

@fast_kernel
def scaled(x):
    return x * scales.FACTOR
""",
    "outer.py": """
import os
from inner import scaled
from handgrad.kernels.compile import strict_kernel

OFFSET = int(os.environ.get("OFFSET", "1"))

def power(exponent):
    @strict_kernel
    def raised(x):
        return x**exponent
    return raised

@strict_kernel
def kernel(x):
    return scaled(x) + OFFSET

square, cube = power(2), power(3)
print(kernel(10.0), square(3), cube(3), *(sum(k.stats.cache_hits.values()) for k in (kernel, square, cube)))
""",
}


def run(folder, cache, **variables):
    """(what outer.py prints: three results and how often each was found in the cache; what it says on stderr)"""
    surroundings = {name: value for name, value in os.environ.items() if name not in HOW_KERNELS_ARE_COMPILED}
    environment = surroundings | {"HANDGRAD_CACHE_DIR": str(cache), "PYTHONPATH": str(SOURCE)} | variables
    command = [sys.executable, "outer.py"]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if NOTICE not in line]  # on a busy machine it takes a second
    return [float(word) for word in done.stdout.split()], "\n".join(said)


@pytest.fixture
def kernels(tmp_path):
    """A folder with kernels outside the package: one calls one of another file, which takes a constant from a third."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for name, content in KERNELS.items():
        (folder / name).write_text(content)
    return folder


def entries(cache):
    return sorted((cache / "kernels").glob("*.nbc"))


@pytest.mark.slow
def test_a_kernel_is_compiled_again_when_what_it_uses_changes_and_only_then(kernels, tmp_path):
    cache = tmp_path / "cache"
    assert run(kernels, cache) == ([21, 9, 27, 0, 0, 0], "")
    assert run(kernels, cache) == ([21, 9, 27, 1, 1, 1], "")
    (kernels / "scales.py").write_text("FACTOR = 3.0\n")
    assert run(kernels, cache) == ([31, 9, 27, 0, 0, 0], "")
    assert run(kernels, cache, OFFSET="5") == ([35, 9, 27, 0, 1, 1], ""), "a constant from elsewhere than a file"
    assert run(kernels, cache, OFFSET="5", NUMBA_BOUNDSCHECK="1") == ([35, 9, 27, 0, 0, 0], "")
    (kernels / "unrelated.py").write_text("FACTOR = 4.0\n")
    assert run(kernels, cache, OFFSET="5") == ([35, 9, 27, 1, 1, 1], ""), (
        "kernels with and without checks lie side by side"
    )
    assert len(entries(cache)) == 8, "what was compiled from older sources is deleted: the inner kernel is kept too"


def digests(source):
    environment = os.environ | {"PYTHONPATH": str(source)}
    done = subprocess.run([sys.executable, "-c", DIGESTS], env=environment, capture_output=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A folder with a copy of the package, and the digests of its kernels."""
    folder = tmp_path_factory.mktemp("copied")
    shutil.copytree(SOURCE / "handgrad", folder / "handgrad", ignore=shutil.ignore_patterns("__pycache__"))
    return folder, digests(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edited", "again", "kept"),
    [
        (
            "nn/dropout.py",
            ["nn.dropout.dropout_forward"],
            ["kernels.matmul.matmul", "optim.optimizer.adam_update"],
        ),
        (
            "kernels/random.py",
            ["nn.dropout.dropout_forward", "kernels.driver.train_steps"],
            ["kernels.matmul.matmul"],
        ),
        (
            "kernels/blocks.py",
            ["kernels.matmul.matmul", "kernels.dense.dense_forward"],
            ["kernels.pooling.max_pool_forward"],
        ),
        ("optim/optimizer.py", ["optim.eve.eve_prepare", "optim.optimizer.adam_update"], ["kernels.matmul.matmul"]),
    ],
)
def test_a_key_covers_the_files_that_a_kernel_imports(edited, again, kept, copied):
    source, before = copied
    path = source / "handgrad" / edited
    content = path.read_text()
    path.write_text(f"{content}# edited\n")
    after = digests(source)
    path.write_text(content)
    assert [name for name in again if before[name] == after[name]] == []
    assert [name for name in kept if before[name] != after[name]] == []


@pytest.mark.slow
def test_damaged_entries_are_compiled_again(tmp_path):
    """Each trial damages entries in one of nine ways; a process finds them so, and the next one finds them whole."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.kernels.cache_damage"],
        env=os.environ | {"HANDGRAD_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(SOURCE)},
        cwd=SOURCE.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    trials = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(trials) == TRIALS
    for trial in trials:
        assert trial["right"] == [True, True], trial
        seen = any(way != "deleted" for way in trial["ways"])
        assert trial["warnings"] == [int(seen), 0], trial


@pytest.mark.slow
def test_several_processes_at_once_do_not_trip_over_each_other(kernels, tmp_path):
    environment = os.environ | {"HANDGRAD_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "outer.py"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    together = [subprocess.Popen(command, env=environment, cwd=kernels, **pipes) for _ in range(3)]
    for out, err in [process.communicate() for process in together]:
        assert out.split()[:3] == [b"21.0", b"9", b"27"]
        assert b"damaged" not in err
    assert run(kernels, tmp_path / "cache") == ([21, 9, 27, 1, 1, 1], "")


@pytest.mark.slow
def test_the_folder_is_private(kernels, tmp_path):
    folder = tmp_path / "cache" / "kernels"
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    run(kernels, tmp_path / "cache")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def others_may_write(folder):
    folder.chmod(0o777)


def somebody_elses(folder):
    if os.geteuid():
        pytest.skip("only root can give a folder to somebody else")
    os.chown(folder, 12345, -1)


def a_link(folder):
    (folder.parent / "elsewhere").mkdir()
    folder.rmdir()
    folder.symlink_to(folder.parent / "elsewhere")


def a_file(folder):
    folder.rmdir()
    folder.write_text("")


def a_pipe(folder):
    folder.rmdir()
    os.mkfifo(folder)


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [others_may_write, somebody_elses, a_link, a_file, a_pipe])
def test_a_folder_that_others_may_write_to_is_not_used(spoil, kernels, tmp_path):
    folder = tmp_path / "cache" / "kernels"
    folder.mkdir(parents=True)
    spoil(folder)
    (tmp_path / "temporary").mkdir()
    result, said = run(kernels, tmp_path / "cache", TMPDIR=str(tmp_path / "temporary"))
    assert result == [21, 9, 27, 0, 0, 0]
    assert len(said.splitlines()) == 1, said
    assert str(folder) in said
    assert str(tmp_path / "temporary") in said
    assert not folder.is_dir() or not list(folder.iterdir())


@pytest.mark.slow
def test_without_any_folder_kernels_are_compiled_each_time(kernels, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / f"handgrad-kernels-{os.geteuid()}").write_text("")
    for _ in range(2):
        result, said = run(kernels, tmp_path / "file" / "cache", TMPDIR=str(tmp_path))
        assert result == [21, 9, 27, 0, 0, 0]
        assert len(said.splitlines()) == 1, said


@pytest.mark.slow
def test_a_disk_that_fills_up_stops_nothing(kernels, tmp_path):
    """A limit on the size of files stands in for it: it also strikes in the middle of a file."""
    (kernels / "sitecustomize.py").write_text(
        "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
    )
    variables = {"PYTHONPATH": f"{kernels}:{SOURCE}", "PYTHONDONTWRITEBYTECODE": "1"}
    result, said = run(kernels, tmp_path / "cache", **variables)
    assert result == [21, 9, 27, 0, 0, 0]
    assert "cannot be written" in said
    assert len(said.splitlines()) == 1, said
    assert list((tmp_path / "cache" / "kernels").iterdir()) == [], "nothing half-written is left"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 kB as the cache's folder."""
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", disk)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root can mount a disk, and not in every container")
    yield disk
    subprocess.run(["umount", disk], check=True)


def mount(*words):
    subprocess.run(["mount", *words], check=True, capture_output=True)


@pytest.mark.slow
def test_a_full_disk_stops_nothing(kernels, small_disk):
    (small_disk / "kernels").mkdir(mode=0o700)
    with contextlib.suppress(OSError), open(small_disk / "others", "wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    for _ in range(2):
        result, said = run(kernels, small_disk)
        assert result == [21, 9, 27, 0, 0, 0]
        assert "cannot be written" in said
        assert "No space left on device" in said
        assert len(said.splitlines()) == 1, said
        assert list((small_disk / "kernels").iterdir()) == [], "nothing half-written is left"


@pytest.mark.slow
def test_a_read_only_disk_stops_nothing(kernels, small_disk, tmp_path):
    """The first time kernels go to a temporary folder, where the second time they are found."""
    mount("-o", "remount,ro", small_disk)
    for hits in (0, 1):
        result, said = run(kernels, small_disk, TMPDIR=str(tmp_path))
        assert result == [21, 9, 27, hits, hits, hits]
        assert said.endswith(f"not in {small_disk / 'kernels'}: Read-only file system")
        assert len(said.splitlines()) == 1, said


SLOW = """
import sys
from handgrad.kernels.compile import strict_kernel
print("begun", flush=True)

@strict_kernel
def slow(x):
    {body}
    return x

slow(1.0)
print("over", flush=True)
"""


@pytest.mark.slow
def test_a_wait_for_the_compiler_is_told_while_it_lasts(tmp_path):
    body = "\n    ".join(f"x = x * {n}.5 + {n} if x > {n} else x - {n}" for n in range(200))
    (tmp_path / "slow.py").write_text(SLOW.format(body=body))
    environment = os.environ | {"HANDGRAD_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, str(tmp_path / "slow.py")]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        lines = [(line, time.monotonic()) for line in process.stdout]
    assert [line.partition(":")[0] for line, _ in lines] == ["begun\n", "handgrad", "over\n"], lines
    assert NOTICE in lines[1][0]
    waited, more = lines[1][1] - lines[0][1], lines[2][1] - lines[1][1]
    assert waited < 1.5 or more > waited, "it does not come at the end only"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "begun\nover\n"
    assert done.stderr == ""


INTERRUPTED = """
import signal
from numba.core.codegen import CPUCodeLibrary

for name in ("_object_compiled_hook", "_object_getbuffer_hook"):  # LLVM calls them
    def interrupted(*arguments, hook=getattr(CPUCodeLibrary, name)):
        signal.raise_signal(signal.SIGINT)
        return hook(*arguments)
    setattr(CPUCodeLibrary, name, staticmethod(interrupted))
signal.signal(signal.SIGINT, signal.default_int_handler)

import outer
"""


@pytest.mark.slow
def test_ctrl_c_in_a_callback_of_the_compiler_is_not_lost(kernels, tmp_path):
    """Python drops what is raised there; the second time, kernels are loaded."""
    variables = {"HANDGRAD_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": f"{kernels}:{SOURCE}"}
    command = [sys.executable, "-c", INTERRUPTED]
    run(kernels, tmp_path / "full")
    for cache in ("empty", "full"):
        variables["HANDGRAD_CACHE_DIR"] = str(tmp_path / cache)
        done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGINT
        assert done.stdout == ""
        assert done.stderr.endswith("\nKeyboardInterrupt\n")
        assert "Exception ignored" not in done.stderr
