"""What a program imports as `wandb` while handgrad runs it: the same calls, whose results stay in the trial's folder.

It needs the standard library alone, for the program's own Python imports it, and it sends nothing anywhere. The folder
is named by HANDGRAD_TRIAL; without it, a new one below ./wandb-offline. It holds parameters.json (what the sweep has
chosen), config.json, log.jsonl (a line for each call of `log`), summary.json and media/.
"""

import atexit
import glob
import importlib
import importlib.machinery
import json
import os
import random
import shutil
import socket
import string
import sys
import time
import traceback
from pathlib import Path

from wandb import media, plot
from wandb.media import (
    Artifact,
    Audio,
    Classes,
    Graph,
    Histogram,
    Html,
    Image,
    Molecule,
    Object3D,
    Plotly,
    Table,
    Video,
)

__version__ = "0.99.0"
_SPEC = sys.modules[__name__].__spec__


class _Submodules:
    """Finds wandb.util, wandb.sdk.wandb_run and whatever else a program imports names from: all of them are here."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, _Submodules) if name.startswith("wandb.") else None

    @staticmethod
    def create_module(spec):
        return sys.modules["wandb"]

    @staticmethod
    def exec_module(module):
        module.__spec__ = _SPEC  # the import has replaced it


sys.meta_path.append(_Submodules)  # the last one: files beside this one come first
_MODULES = ("apis", "data_types", "errors", "integration", "keras", "lib", "sdk", "sklearn", "util", "xgboost")
_MODULES += ("wandb_config", "wandb_run")


class Error(Exception):
    """As wandb.errors.Error."""


UsageError = CommError = AuthenticationError = ConfigError = Error


class Stopped(BaseException):
    """The sweep has stopped this trial early: raised by `log` where the trial is a function."""


class Settings(dict):
    """Items that are attributes as well."""

    def __getattr__(self, key):
        if key in self:
            return self[key]
        raise AttributeError(f"there is no {key} among {', '.join(map(str, self))}")

    def __setattr__(self, key, value):
        self[key] = value

    def as_dict(self):
        return dict(self)

    def update(self, items=(), **more):
        for key, value in _settings(items).items():
            self[key] = value


AlertLevel = Settings(INFO="INFO", WARN="WARN", ERROR="ERROR")


class Config(Settings):
    """What the sweep has chosen is kept, whatever the program sets."""

    def __setitem__(self, key, value):
        if value != _chosen.get(key, value):
            return _note(f"config item {key!r} stays {_chosen[key]!r}, as the sweep has it")
        super().__setitem__(key, value)
        return run and run.keep("config.json", self)

    def setdefaults(self, items):
        self.update({key: value for key, value in _settings(items).items() if key not in self})

    def setdefault(self, key, value=None):
        self.setdefaults({key: value})
        return self[key]


class Summary(Settings):
    """The last value of everything logged, or its best by `define_metric`, and what the program sets."""

    def __setitem__(self, key, value):
        super().__setitem__(key, media.plain(value, run.folder))
        run.keep("summary.json", self)


def _settings(items):
    """A mapping, from a dict, a namespace of argparse or absl, the path of a file as W&B writes them, or nothing."""
    if isinstance(items, str):
        found = importlib.import_module("yaml").safe_load(Path(items).read_text(encoding="utf-8")) or {}
        found = {key: item for key, item in found.items() if key not in ("wandb_version", "_wandb")}
        return {key: item.get("value", item) if isinstance(item, dict) else item for key, item in found.items()}
    if hasattr(items, "flag_values_dict"):
        return items.flag_values_dict()
    return vars(items) if items and not isinstance(items, dict) and hasattr(items, "__dict__") else dict(items or {})


class Run:
    """What `init` gives: also a context manager."""

    resumed, offline, settings = False, True, Settings()

    def __init__(self, name, disabled, about):
        self.folder, self.disabled, self.summary, self.config = _folder(), disabled, Summary(), config
        self.id = about.get("id") or os.environ.get("WANDB_RUN_ID") or generate_id()
        self.tags = tuple(about.get("tags") or ())
        for key in ("project", "entity", "group", "notes", "job_type"):
            setattr(self, key, about.get(key))
        self.sweep_id, self.step, self.start_time, self._rules = os.environ.get("WANDB_SWEEP_ID"), 0, time.time(), {}
        self.dir = self.path = str(self.folder)
        self.url, self.name = f"file://{self.folder}", name or self.id

    def __setattr__(self, key, value):
        """Its name is in run.json at once, for whatever ends the trial."""
        super().__setattr__(key, value)
        if key == "name":
            self.keep("run.json", {"name": self.name, "id": self.id, "project": self.project, "tags": self.tags})

    def log(self, data, step=None, commit=None, sync=None):
        """A line of log.jsonl; lines of one `_step` belong together."""
        if not isinstance(data, dict):
            raise ValueError("wandb.log must be passed a dictionary")
        if step is not None and step < self.step:
            return _note(f"step {step} is before step {self.step}, and is left out")
        self.step, now = self.step if step is None else step, time.time()
        row = {str(key): media.plain(value, self.folder) for key, value in data.items()}
        about = {"_step": self.step, "_timestamp": now, "_runtime": now - self.start_time}
        if not self.disabled:
            with open(self.folder / "log.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps({**about, **row}, default=str) + "\n")
        for key, value in row.items():
            rule, known = self._rules.get(key), self.summary.get(key)
            if rule and isinstance(value, (int, float)):
                value = {rule: {"min": min, "max": max}[rule](value, known[rule] if isinstance(known, dict) else value)}
            dict.__setitem__(self.summary, key, value)
        self.step += bool(commit if commit is not None else step is None)
        if (self.folder / "stop").exists():
            raise Stopped
        return None

    def define_metric(self, name, step_metric=None, summary=None, goal=None, **more):
        """With summary min, max or best, the summary has that in place of the last value."""
        rule = "min" if summary == "best" and goal == "minimize" else {"best": "max"}.get(summary, summary)
        self._rules[name] = rule if rule in ("min", "max") else None

    def finish(self, exit_code=None, quiet=None):
        """The summary; `wandb.config` is empty for the next run."""
        global run
        self.keep("summary.json", self.summary)
        self.name = self.name  # with its tags as they are now
        if run is self:
            run = None
            config.clear()
            _chosen.clear()

    def keep(self, name, items):
        if not self.disabled:
            path = self.folder / name
            plain = {str(key): media.plain(value, self.folder) for key, value in items.items()}
            path.with_suffix(".new").write_text(json.dumps(plain, default=str, indent=1) + "\n", encoding="utf-8")
            path.with_suffix(".new").replace(path)

    def log_artifact(self, artifact, name=None, type=None, aliases=None, **more):
        if not isinstance(artifact, Artifact):
            path, artifact = artifact, Artifact(name or Path(artifact).stem, type or "file")
            (artifact.add_dir if os.path.isdir(path) else artifact.add_file)(str(path))
        return artifact.keep(self.folder / "artifacts")

    upsert_artifact = log_model = log_artifact

    def use_artifact(self, name, *_, **more):
        raise UsageError(f"{name}: artifacts of other runs are at W&B, and handgrad runs this program without it")

    restore = use_model = use_artifact

    def save(self, glob_str=None, *_, **more):
        for path in filter(os.path.isfile, glob.glob(str(glob_str)) if glob_str and not self.disabled else ()):
            (self.folder / "files").mkdir(exist_ok=True)
            shutil.copy(path, self.folder / "files")
        return True

    def watch(self, *_, **more):
        """Nothing is done, and that is said."""
        _note("watch records no gradients or weights here: log what you want to keep")

    def unwatch(self, *_, **more):
        """Nothing is done."""

    finish_artifact = link_model = log_code = alert = mark_preempting = display = to_html = status = link_artifact = (
        _label
    ) = unwatch

    def get_url(self):
        return self.url

    get_project_url = get_sweep_url = get_url

    def project_name(self):
        return self.project or "uncategorized"

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        self.finish()


RunDisabled = Run
_chosen = {}  # by the sweep
run, config, DEFAULTS = None, Config(), "config-defaults.yaml"
_own_folder = _lines = None  # where no sweep names a folder; the way to handgrad


def _note(text):
    print(f"wandb (handgrad): {text}", file=sys.stderr)


def _folder():
    global _own_folder
    if _own_folder is None and not os.environ.get("HANDGRAD_TRIAL"):
        _own_folder = time.strftime("wandb-offline/run-%Y%m%d-%H%M%S-") + generate_id()
        _note(f"what is logged goes to {_own_folder}")
    folder = Path(os.environ.get("HANDGRAD_TRIAL") or _own_folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def init(project=None, config=None, name=None, mode=None, reinit=None, settings=None, **about):
    """A run whose settings are `config`, and over them what the sweep has chosen."""
    global run, summary, _own_folder
    own, items = globals()["config"], config
    if run is None or reinit not in (None, False, "return_previous"):
        finish()
        _own_folder, disabled = None, "disabled" in (mode, os.environ.get("WANDB_MODE"))
        chosen = _folder() / "parameters.json"
        _chosen.update(json.loads(chosen.read_text(encoding="utf-8")) if chosen.is_file() else {})
        own.update(DEFAULTS if os.path.isfile(DEFAULTS) else ())
        dict.update(own, _chosen)
        run = Run(name, disabled, {"project": project, **about})
        summary = run.summary
    own.update(items)
    run.keep("config.json", own)
    if about.get("sync_tensorboard"):
        _note("sync_tensorboard: what TensorBoard gets is not read here: log the metric")
    return run


def finish(exit_code=None, quiet=None):
    """End the run."""
    return run and run.finish()


def _of_run(name):
    def call(*arguments, **more):
        if run is None:
            raise Error(f"You must call wandb.init() before wandb.{name}()")
        return getattr(run, name)(*arguments, **more)

    return call


log, define_metric, save, log_artifact, use_artifact, restore, log_model, watch = map(
    _of_run, ("log", "define_metric", "save", "log_artifact", "use_artifact", "restore", "log_model", "watch")
)


def login(*_, **more):
    """No account is needed."""
    return True


join = teardown = finish
atexit.register(finish)  # as W&B does, where the program does not
unwatch = setup = ensure_configured = alert = log_code = mark_preempting = require = termlog = termwarn = termerror = (
    login
)


def generate_id(length=8):
    """Letters and digits at random, whatever seed the program has set."""
    return "".join(random.SystemRandom().choices(string.ascii_lowercase + string.digits, k=length))


def sweep(sweep, entity=None, project=None, prior_runs=None):
    """A sweep to be run by `agent`; its id."""
    return _requested(sweep=sweep() if callable(sweep) else sweep)["id"]


def agent(sweep_id, function=None, entity=None, project=None, count=None, **more):
    """Call `function` for each trial that handgrad chooses, `count` times at most."""
    message = _requested(agent=str(sweep_id), function=callable(function), count=count)
    while "trial" in message:
        os.environ.update(HANDGRAD_TRIAL=message["trial"], WANDB_RUN_ID=os.path.basename(message["trial"])[-64:])
        how, text = "finished", ""
        try:
            function()
        except Stopped:
            how = "early stop"
        except KeyboardInterrupt:
            how = "interrupted"
        except (Exception, SystemExit) as error:
            if getattr(error, "code", 1):
                traceback.print_exc()
                how, text = "failed", f"{type(error).__name__}: {error}"
        finish()
        for key in ("HANDGRAD_TRIAL", "WANDB_RUN_ID"):  # a run after the last trial is none of the sweep
            os.environ.pop(key, None)
        message = _requested(how=how, text=text)


def _requested(**message):
    global _lines
    if "HANDGRAD_AGENT" not in os.environ:
        raise UsageError("wandb.sweep and wandb.agent: start this program by `handgrad run FILE`")
    _lines = _lines or socket.socket(fileno=int(os.environ["HANDGRAD_AGENT"])).makefile("rw", encoding="utf-8")
    _lines.write(json.dumps(message, default=lambda v: v.tolist() if hasattr(v, "tolist") else list(v)) + "\n")
    _lines.flush()
    reply = json.loads(_lines.readline() or '{"error": "handgrad has ended"}')
    return reply if "error" not in reply else sys.exit(f"wandb (handgrad): {reply['error']}")


def __getattr__(name):
    """Submodules that nobody has imported yet; callbacks for Keras, which is loaded only where they are used."""
    if name == "Api":
        return importlib.import_module("wandb.results").Api
    if name in _MODULES:
        return importlib.import_module(f"wandb.{name}")
    if name not in ("WandbCallback", "WandbMetricsLogger", "WandbModelCheckpoint"):
        raise AttributeError(f"handgrad's stand-in for wandb has no {name}; with --no_stand_in, wandb is your own")
    callbacks = importlib.import_module("keras").callbacks
    if name == "WandbModelCheckpoint":
        return callbacks.ModelCheckpoint
    before = "epoch/" * (name == "WandbMetricsLogger")

    def logged(epoch, logs):
        log({f"{before}epoch": epoch, **{before + key: value for key, value in (logs or {}).items()}})

    return lambda *_, **more: callbacks.LambdaCallback(on_epoch_end=logged)
