"""What a program imports as `wandb` while handgrad runs it: the same calls, whose results stay in the trial's folder.

It needs the standard library alone, for the program's own Python imports it, and it sends nothing anywhere. The folder
is named by HANDGRAD_TRIAL; without it, a new one below ./wandb-offline. It holds parameters.json (what the sweep has
chosen), config.json, log.jsonl (a line for each call of `log`), summary.json and media/.
"""

import atexit
import glob
import importlib
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
from wandb.media import Artifact, Audio, Graph, Histogram, Html, Image, Molecule, Object3D, Plotly, Table, Video

__version__ = "0.99.0"
for _name in (  # modules that programs import names of, all of which are here
    *("apis", "data_types", "errors", "integration", "integration.keras", "keras", "sdk", "sdk.lib", "sdk.wandb_run"),
    *("util", "wandb_run"),
):
    sys.modules[f"wandb.{_name}"] = sys.modules[__name__]


class Error(Exception):
    """As wandb.errors.Error."""


class UsageError(Error):
    """As wandb.errors.UsageError."""


CommError = AuthenticationError = UsageError


class Stopped(BaseException):
    """The sweep has stopped this trial early: raised by `log` where the trial is a function."""


class Config(dict):
    """Settings by key or attribute; what the sweep has chosen is kept, whatever the program sets."""

    def update(self, items=(), allow_val_change=None):
        for key, value in _settings(items).items():
            self[key] = value
        if run is not None:
            run._write("config.json", self)

    def setdefaults(self, items):
        self.update({key: value for key, value in _settings(items).items() if key not in self})

    def as_dict(self):
        return dict(self)

    def persist(self):
        """Nothing to do."""

    def __setitem__(self, key, value):
        if value != _chosen.get(key, value):
            return _note(f"config item {key!r} stays {_chosen[key]!r}, as the sweep has it")
        return super().__setitem__(key, value)

    def __getattr__(self, key):
        if key in self:
            return self[key]
        raise AttributeError(f"wandb.config has no {key}; it has {', '.join(map(str, self))}")

    __setattr__ = __setitem__


def _settings(items):
    """A mapping, from a dict, a namespace of argparse or absl, the path of a file as W&B writes them, or nothing."""
    if isinstance(items, str):
        found = importlib.import_module("yaml").safe_load(Path(items).read_text(encoding="utf-8")) or {}
        found = {key: item for key, item in found.items() if key not in ("wandb_version", "_wandb")}
        return {key: item.get("value", item) if isinstance(item, dict) else item for key, item in found.items()}
    if hasattr(items, "flag_values_dict"):
        return items.flag_values_dict()
    if items and not isinstance(items, dict) and hasattr(items, "__dict__"):
        return {key: value for key, value in vars(items).items() if not key.startswith("_")}
    return dict(items or {})


class Summary(dict):
    """The last value of everything logged, or its best by `define_metric`, and what the program sets."""

    def __getattr__(self, key):
        if key in self:
            return self[key]
        raise AttributeError(key)

    def __setitem__(self, key, value):
        super().__setitem__(key, media.plain(value, _folder()))
        if run is not None:
            run._write("summary.json", self)

    __setattr__ = __setitem__

    def update(self, items=()):
        for key, value in dict(items).items():
            self[key] = value


class Run:
    """What `init` gives: also a context manager."""

    def __init__(self, name=None, disabled=False, **about):
        self.folder, self.disabled, self.summary, self.config = _folder(), disabled, Summary(), config
        self.id = about.get("id") or os.environ.get("WANDB_RUN_ID") or generate_id()
        self.name, self.tags = name or self.id, tuple(about.get("tags") or ())
        self.project, self.entity, self.group, self.notes, self.job_type = (
            about.get(key) for key in ("project", "entity", "group", "notes", "job_type")
        )
        self.sweep_id, self.step, self.started, self._rules = os.environ.get("WANDB_SWEEP_ID"), 0, time.time(), {}
        self.dir = self.path = str(self.folder)
        self.url = f"file://{self.folder}"
        self.resumed, self.offline, self.settings = False, True, Settings()

    def log(self, data, step=None, commit=None, sync=None):
        """A line of log.jsonl; lines of one `_step` belong together."""
        if not isinstance(data, dict):
            raise ValueError("wandb.log must be passed a dictionary")
        if step is not None and step < self.step:
            return _note(f"step {step} is before step {self.step}, and is left out")
        self.step, now = self.step if step is None else step, time.time()
        row = {str(key): media.plain(value, self.folder) for key, value in data.items()}
        about = {"_step": self.step, "_timestamp": now, "_runtime": now - self.started}
        if not self.disabled:
            with open(self.folder / "log.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps({**about, **row}, default=str) + "\n")
        for key, value in row.items():
            dict.__setitem__(self.summary, key, self._summarised(key, value))
        self.step += bool(commit if commit is not None else step is None)
        if (self.folder / "stop").exists():
            raise Stopped
        return None

    def _summarised(self, key, value):
        rule, known = self._rules.get(key), self.summary.get(key)
        if rule in ("min", "max") and isinstance(value, (int, float)):
            best = known[rule] if isinstance(known, dict) else value
            return {rule: min(best, value) if rule == "min" else max(best, value)}
        return value

    def define_metric(self, name, step_metric=None, summary=None, goal=None, **more):
        """With summary min, max or best, the summary has that in place of the last value."""
        best = {"minimize": "min", "maximize": "max"}.get(goal, "max")
        self._rules[name] = {"best": best}.get(summary, summary)

    def finish(self, exit_code=None, quiet=None):
        global run
        self._write("summary.json", {**self.summary, "_runtime": time.time() - self.started})
        self._write("run.json", {"name": self.name, "id": self.id, "project": self.project, "tags": self.tags})
        run = None if run is self else run

    def _write(self, name, items):
        if not self.disabled:
            path = self.folder / name
            lines = json.dumps({str(k): media.plain(v, self.folder) for k, v in items.items()}, default=str, indent=1)
            path.with_suffix(".new").write_text(lines + "\n", encoding="utf-8")
            path.with_suffix(".new").replace(path)

    def log_artifact(self, artifact, name=None, type=None, aliases=None, **more):
        made = artifact
        if not isinstance(artifact, Artifact):
            made = Artifact(name or Path(artifact).stem, type or "file")
            (made.add_dir if os.path.isdir(artifact) else made.add_file)(str(artifact))
        made.keep(self.folder / "artifacts")
        return made

    upsert_artifact = log_model = log_artifact

    def use_artifact(self, name, *_, **more):
        raise UsageError(f"{name}: artifacts of other runs are at W&B, and handgrad runs this program without it")

    restore = use_model = use_artifact

    def save(self, glob_str=None, *_, **more):
        for path in glob.glob(str(glob_str)) if glob_str and not self.disabled else ():
            if os.path.isfile(path):
                (self.folder / "files").mkdir(exist_ok=True)
                shutil.copy(path, self.folder / "files")
        return True

    def watch(self, *_, **more):
        """Nothing is done."""

    unwatch = log_code = alert = mark_preempting = display = to_html = status = link_artifact = watch

    def get_url(self):
        return self.url

    def project_name(self):
        return self.project

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        self.finish()


class Settings:
    """Taken and not used."""

    def __init__(self, *_, **settings):
        self.__dict__.update(settings)


RunDisabled = Run
_chosen = {}  # by the sweep
run, config, DEFAULTS = None, Config(), "config-defaults.yaml"
_own_folder = None  # where no sweep names one


def _note(text):
    print(f"wandb (handgrad): {text}", file=sys.stderr)


def _folder():
    global _own_folder
    if not os.environ.get("HANDGRAD_TRIAL"):
        name = time.strftime("run-%Y%m%d-%H%M%S-") + generate_id()
        _own_folder = _own_folder or os.path.join("wandb-offline", name)
    folder = Path(os.environ.get("HANDGRAD_TRIAL") or _own_folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def init(project=None, config=None, name=None, mode=None, reinit=None, settings=None, **about):
    """A run whose settings are `config`, and over them what the sweep has chosen."""
    global run, summary, _own_folder
    own, items = globals()["config"], config
    if run is not None and reinit in (None, False, "return_previous"):
        own.update(items)
        return run
    finish()
    _own_folder = None
    chosen = _folder() / "parameters.json"
    _chosen.update(json.loads(chosen.read_text(encoding="utf-8")) if chosen.is_file() else {})
    own.update(DEFAULTS if os.path.isfile(DEFAULTS) else ())
    dict.update(own, _chosen)
    disabled = mode == "disabled" or os.environ.get("WANDB_MODE") == "disabled"
    run = Run(name, disabled, project=project, **about)
    summary = run.summary
    own.update(items)
    return run


def finish(exit_code=None, quiet=None):
    """End the run; its settings end with it."""
    if run is not None:
        run.finish()
        config.clear()
        _chosen.clear()


def _of_run(name):
    def call(*arguments, **more):
        if run is None:
            raise Error(f"You must call wandb.init() before wandb.{name}()")
        return getattr(run, name)(*arguments, **more)

    return call


log, define_metric, save, log_artifact, use_artifact, restore, log_model = map(
    _of_run, ["log", "define_metric", "save", "log_artifact", "use_artifact", "restore", "log_model"]
)


def login(*_, **more):
    """No account is needed."""
    return True


join = teardown = finish
atexit.register(finish)  # as W&B does, where the program does not
watch = unwatch = setup = ensure_configured = alert = log_code = mark_preempting = require = termlog = termwarn = login


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
        message = _requested(how=how, text=text)


def _requested(**message):
    if "HANDGRAD_AGENT" not in os.environ:
        raise UsageError("wandb.sweep and wandb.agent: start this program by `handgrad run FILE`")
    global _lines
    _lines = _lines or socket.socket(fileno=int(os.environ["HANDGRAD_AGENT"])).makefile("rw", encoding="utf-8")
    _lines.write(json.dumps(message, default=lambda v: v.tolist() if hasattr(v, "tolist") else list(v)) + "\n")
    _lines.flush()
    reply = json.loads(_lines.readline() or '{"error": "handgrad has ended"}')
    if "error" in reply:
        sys.exit(f"wandb (handgrad): {reply['error']}")
    return reply


_lines = None


class Api:
    """Raises UsageError: what it reads is at W&B."""

    def __init__(self, *_, **more):
        raise UsageError("wandb.Api reads runs from W&B, and handgrad runs this program without it")


PublicApi = controller = Api


def __getattr__(name):
    """Callbacks for Keras, which is loaded only where they are used."""
    if name in ("WandbCallback", "WandbMetricsLogger"):
        return _keras_callback("epoch/" * (name == "WandbMetricsLogger"))
    if name in ("WandbModelCheckpoint", "WandbEvalCallback"):
        return _callbacks().ModelCheckpoint
    raise AttributeError(f"handgrad's stand-in for wandb has no {name}; with --no_stand_in, wandb is your own")


def _callbacks():
    try:
        return importlib.import_module("keras.callbacks")
    except ImportError:
        return importlib.import_module("tensorflow.keras.callbacks")


def _keras_callback(before):
    class WandbCallback(_callbacks().Callback):
        def __init__(self, *_, **more):
            super().__init__()

        def on_epoch_end(self, epoch, logs=None):
            log({f"{before}epoch": epoch, **{before + key: value for key, value in (logs or {}).items()}})

    return WandbCallback
