"""A package with an entry point in `handgrad.plugins` is known to every command, in every process.

The package is that of docs/your-own.md: its files, and its metadata in a folder on the path, as pip leaves them.
"""

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from PIL import Image
from tests.commands import process

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PAGE = (ROOT / "docs" / "your-own.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r'^```\w+ title="mine/([^"]+)"\n(.*?)^```', PAGE, re.MULTILINE | re.DOTALL))
SMALL = "-d few_digits -nhl 1 -sz 8 --no_batch_norm --dropout 0 --schedule constant -a signed_square"


def install(folder, entries, **modules):
    """Put a package of some modules into a folder, with its metadata."""
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    metadata = folder / "for_handgrad-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: for_handgrad\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[handgrad.plugins]\n{entries}")


@pytest.fixture
def run(tmp_path):
    """Run a command where the package is installed, and require its success."""
    (tmp_path / "site").mkdir()
    project = tomllib.loads(FILES["pyproject.toml"])
    entries = project["project"]["entry-points"]["handgrad.plugins"]
    modules = {name: FILES[f"{name}.py"] for name in project["tool"]["setuptools"]["py-modules"]}
    install(tmp_path / "site", "".join(f"{name} = {where}\n" for name, where in entries.items()), **modules)

    def done(words, code=0):
        answer = process(words, cwd=tmp_path, PYTHONPATH=f"{tmp_path / 'site'}:{SOURCE}")
        assert answer.code == code, answer.err
        assert "plugin" not in answer.err
        return answer.out

    return done


def test_trained_resumed_asked_and_explained(run, tmp_path):
    run(f"train {SMALL} -e 4 -o SignSGD --track counter --runs_dir . --name it --no_report")
    it = metrics_of(tmp_path / "it")
    assert it["config"]["optimizer"] == "signum"
    assert (tmp_path / "it" / "counted.txt").read_text() == str(it["steps"])
    model = (tmp_path / "it" / "model.safetensors").read_bytes()
    (tmp_path / "it" / "metrics.json").unlink()
    (tmp_path / "it" / "model.safetensors").unlink()
    run("resume it")
    assert (tmp_path / "it" / "model.safetensors").read_bytes() == model
    Image.new("L", (8, 8), 90).save(tmp_path / "image.png")
    assert "image.png" in run("predict it image.png")
    help_text = run("train --help all")
    assert "signum" in help_text
    assert "for momentum, nag or signum" in help_text
    assert "0.9; signum 0.8" in " ".join(help_text.split())
    assert "Bernstein" in run("info --optimizer signum")


def test_the_page_runs_as_it_stands(run, tmp_path):
    (block,) = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    commands = [shlex.split(line)[1:] for line in block.splitlines()]
    assert len(commands) == 5
    printed = [run(shlex.join(words)) for words in commands]
    assert "Bernstein" in printed[0]
    assert "passed" in printed[1]
    assert (tmp_path / "it" / "counted.txt").read_text() == str(metrics_of(tmp_path / "it")["steps"])
    assert list((tmp_path / "it" / "figures").glob("*weight_norms*.svg"))
    assert "signum" in printed[4]


def metrics_of(path):
    return json.loads((path / "metrics.json").read_text())


SWEEP = "method: grid\nparameters:\n  optimizer: {values: [signum, sgd]}\n"


def test_a_workers_process_knows_it(run, tmp_path):
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    run(f"sweep sweep.yaml {SMALL} -e 1 --jobs 2 --no_report --name found")
    assert trained(tmp_path) == ["sgd", "signum"]


def test_rays_workers_know_it(run, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: make ray")
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    run(f"sweep sweep.yaml {SMALL} -e 1 --jobs 1 --no_report --name found --ray local")
    assert trained(tmp_path) == ["sgd", "signum"]


def trained(folder):
    """The optimizers of the sweep's runs."""
    return sorted(metrics_of(path.parent)["config"]["optimizer"] for path in folder.rglob("metrics.json"))


def test_what_cannot_be_had_is_one_line_each(tmp_path):
    entries = "optimizers.gone = broken:Gone\noptimizers.adam = broken:Adam\nsignum = broken:Signum\n"
    install(tmp_path, entries, broken="import nothing_of_this_name\n")
    words = "train -d digits -nhl 1 -sz 8 --dry_run"
    answer = process(words, cwd=tmp_path, PYTHONPATH=f"{tmp_path}:{SOURCE}")
    assert answer.code == 0, answer.err
    said = sorted(line.partition("the plugin ")[2] for line in answer.err.splitlines() if "plugin" in line)
    assert said[0] == "optimizers.adam (broken:Adam) is left out: handgrad has one of this name"
    assert said[1] == (
        "optimizers.gone (broken:Gone) is left out, for it cannot be imported: "
        "ModuleNotFoundError: No module named 'nothing_of_this_name'"
    )
    assert said[2].startswith("signum (broken:Signum) is left out: its name must be such as optimizers.signum")
    assert len(said) == 3
