"""Command lines as people write them, and as they get them wrong."""

import shlex

import pytest
from tests.ingredients import nn

from handgrad.cli.flags import parse
from handgrad.cli.options import TRAIN, Option
from handgrad.config import RunConfig
from handgrad.config.aliases import FIELDS
from handgrad.config.value_types import Whole
from handgrad.errors import FileSystemError, UsageError
from handgrad.nn import ACTIVATIONS

# The course's table: short and long flag, a value, the field and what it becomes.
COURSE = [
    ("-wp", "--wandb_project", "myprojectname", "wandb_project", "myprojectname"),
    ("-we", "--wandb_entity", "myname", "wandb_entity", "myname"),
    ("-d", "--dataset", "mnist", "dataset", "mnist"),
    ("-d", "--dataset", "fashion-mnist", "dataset", "fashion_mnist"),
    ("-e", "--epochs", "1", "epochs", 1),
    ("-b", "--batch_size", "4", "batch_size", 4),
    ("-l", "--loss", "cross_entropy", "loss", "cross_entropy"),
    ("-l", "--loss", "mean_squared_error", "loss", "mean_squared_error"),
    *[("-o", "--optimizer", o, "optimizer", o) for o in ("sgd", "momentum", "nag", "rmsprop", "adam", "nadam")],
    ("-lr", "--learning_rate", "0.1", "learning_rate", 0.1),
    ("-m", "--momentum", "0.5", "momentum", 0.5),
    ("-beta", "--beta", "0.5", "beta", 0.5),
    ("-beta1", "--beta1", "0.5", "beta1", 0.5),
    ("-beta2", "--beta2", "0.5", "beta2", 0.5),
    ("-eps", "--epsilon", "0.000001", "epsilon", 1e-6),
    ("-w_d", "--weight_decay", ".0", "weight_decay", 0.0),
    ("-w_i", "--weight_init", "random", "weight_init", "random"),
    ("-w_i", "--weight_init", "Xavier", "weight_init", "xavier"),
    ("-nhl", "--num_layers", "1", "num_layers", 1),
    ("-sz", "--hidden_size", "4", "hidden_size", 4),
    *[("-a", "--activation", a, "activation", a.lower()) for a in ("identity", "sigmoid", "tanh", "ReLU")],
]


@pytest.mark.parametrize(("short", "long", "word", "field", "value"), COURSE)
def test_the_courses_table(short, long, word, field, value):
    for tokens in ([short, word], [long, word], [f"{short}={word}"], [f"{long}={word}"]):
        parsed = parse(tokens)
        assert getattr(parsed.config, field) == value
        assert parsed.stated == {field: value}


def test_the_courses_table_all_at_once():
    tokens = shlex.split(
        "-wp p -we n -d fashion_mnist -e 1 -b 4 -l cross_entropy -o sgd -lr 0.1 -m 0.5 -beta 0.5 -beta1 0.5 -beta2 0.5 "
        "-eps 0.000001 -w_d .0 -w_i random -nhl 1 -sz 4 -a sigmoid"
    )
    expected = RunConfig(
        wandb_project="p", wandb_entity="n", epochs=1, batch_size=4, optimizer="sgd", learning_rate=0.1, momentum=0.5,
        beta=0.5, beta1=0.5, beta2=0.5, epsilon=1e-6, weight_init="random", num_layers=1, hidden_size=4,
        activation="sigmoid",
    )  # fmt: skip
    assert parse(tokens).config == expected


SPELLED = {
    "-w_i he -wi HE": {"weight_init": "he"},
    "-w_d 0.5": {"weight_decay": 0.5},
    "-wd 5e-4": {"weight_decay": 5e-4},
    "-w-d 0.5": {"weight_decay": 0.5},
    "-w_p p": {"wandb_project": "p"},
    "-bs 32": {"batch_size": 32},
    "-ep 5": {"epochs": 5},
    "-b1 0.8 -b2 0.9": {"beta1": 0.8, "beta2": 0.9},
    "-nh1 2": {"num_layers": 2},
    "-ac tanh": {"activation": "tanh"},
    "--batch-size 32": {"batch_size": 32},
    "--Batch_Size 32": {"batch_size": 32},
    "---lr 0.1": {"learning_rate": 0.1},
    "—lr 0.1": {"learning_rate": 0.1},
    "-LR=1e-3": {"learning_rate": 0.001},
    "-lr .001": {"learning_rate": 0.001},
    "-sz 128": {"hidden_size": 128, "num_layers": 2},
    "-nhl 3": {"hidden_size": 128, "num_layers": 3},
    "-nhl 2": {"hidden_size": 128, "num_layers": 2},
    "-sz 128 64 32": {"hidden_size": (128, 64, 32), "num_layers": 3},
    "-sz 128,64,32": {"hidden_size": (128, 64, 32)},
    "-sz=128,64": {"hidden_size": (128, 64), "num_layers": 2},
    "-sz 128, 64": {"hidden_size": (128, 64)},
    "-sz '[128, 64, 32]'": {"hidden_size": (128, 64, 32)},
    "-sz [128, 64, 32]": {"hidden_size": (128, 64, 32)},
    "-sz '[128]'": {"hidden_size": 128, "num_layers": 1},
    "-nhl 2 -sz 128 64": {"hidden_size": (128, 64)},
    "-nhl 2 -sz 128": {"hidden_size": 128, "num_layers": 2},
    "-o NGD -a logistic -l MSE": {"optimizer": "nag", "activation": "sigmoid", "loss": "mean_squared_error"},
    "--seed 3 --val_split 0.2 --run_name x": {"seed": 3, "validation_fraction": 0.2, "name": "x"},
    "--log_test True": {"log_test": True},
    "--log-test": {"log_test": True},
    "--log_test 0": {"log_test": False},
    "--no_log_test": {"log_test": False},
    "--no-batch-norm": {"batch_norm": False},
    "--batch_norm=yes -e 3": {"batch_norm": True, "epochs": 3},
    "--nobn": {"batch_norm": False},
    "--wandb_mode Offline": {"wandb_mode": "offline"},
    "--track wandb tensorboard": {"track": ("wandb", "tensorboard")},
    "--resize 14 14": {"resize": (14, 14)},
    "--layers dense:64 relu dropout:0.3": {"layers": ("dense:64", "relu", "dropout:0.3")},
    "--layers dense:64,relu": {"layers": ("dense:64", "relu")},
    "-o eve --optimizer_options beta3=0.9 clip=5": {"optimizer_options": {"beta3": 0.9, "clip": 5.0}},
    "-o eve --optimizer-options=beta3=0.9": {"optimizer_options": {"beta3": 0.9}},
    "-lr 0.1 --learning_rate 1e-1": {"learning_rate": 0.1},
    "--wandb_project=-dash": {"wandb_project": "-dash"},
    "--lr none": {"learning_rate": None},
    "--weight_decay 1 --l1 -0": {"weight_decay": 1.0, "l1": 0.0},
}


@pytest.mark.parametrize(("line", "expected"), SPELLED.items(), ids=SPELLED.keys())
def test_as_people_write_them(line, expected):
    config = parse(shlex.split(line)).config
    assert {name: getattr(config, name) for name in expected} == expected


@pytest.mark.parametrize("field", FIELDS)
def test_every_spelling_is_a_flag_with_one_dash_and_with_two(field):
    default = parse([]).config.to_mapping()[field]
    words = [str(item) for item in default] if isinstance(default, list) else [str(default)]
    words = ["none"] if default in ([], {}) else words
    expected = RunConfig(**{field: default})
    for spelling in (field, *FIELDS[field]):
        for flag in (f"-{spelling}", f"--{spelling.replace('_', '-')}"):
            parsed = parse([flag, *words])
            assert parsed.config == expected, flag
            assert list(parsed.stated) == [field], flag


OPTIONS = {
    "--mode single": {"mode": "single"},
    "--mode Sweep": {"mode": "sweep"},
    "--sweep": {"mode": "sweep"},
    "--sweep True --mode sweep --count 20": {"mode": "sweep", "count": 20},
    "--sweep False": {"mode": "single"},
    "--seeds 5": {"seeds": 5},
    "--dry_run": {"dry_run": True},
    "--dry-run --debug": {"dry_run": True, "debug": True},
    "--model_save_path best_model.npy --config_save_path best_config.json": {
        "model_save_path": "best_model.npy",
        "config_save_path": "best_config.json",
    },
    "--model_path m.npz": {"model_path": "m.npz"},
    "--use_wandb": {"use_wandb": True},
    "--use_wandb False": {"use_wandb": False},
    "--no_wandb": {"use_wandb": False},
    "--no-use-wandb": {"use_wandb": False},
    "--wandb 1": {"use_wandb": True},
    "-e 3": {"use_wandb": None, "help": False, "debug": False, "config": None, "mode": "single"},
    "-h": {"help": True},
    "--help": {"help": True},
    "-e 3 --HELP nonsense --foo": {"help": True},
}


@pytest.mark.parametrize(("line", "expected"), OPTIONS.items(), ids=OPTIONS.keys())
def test_options(line, expected):
    options = parse(shlex.split(line)).options
    assert {name: options[name] for name in expected} == expected
    assert set(options) == {option.name for option in TRAIN}


REFUSED = {
    "unknown": ("--optimzer adam", "unknown flag --optimzer: did you mean --optimizer?"),
    "unknown, by an alias": ("--learningrat 1", "unknown flag --learningrat: did you mean --learning_rate?"),
    "unknown, like nothing": ("--frobnicate 1", "unknown flag --frobnicate. --help all lists all"),
    "option unknown": ("--dryrunn", "unknown flag --dryrunn: did you mean --dry_run?"),
    "glued": ("-b32", "unknown flag -b32: did you mean -b 32?"),
    "glued, a fraction": ("-lr0.1", "unknown flag -lr0.1: did you mean -lr 0.1?"),
    "an optimizer's own": ("--beta3 0.9", "flag --beta3 belongs to eve: give --optimizer_options beta3=..."),
    "ambiguous": ("-w 1", "flag -w is ambiguous: choose --weight_init, --weight_decay or --wandb_project"),
    "ambiguous size": ("-size 3", "flag -size is ambiguous: choose --hidden_size, --batch_size or --resize"),
    "no value": ("-lr", "-lr needs a value (--learning_rate)"),
    "no value, another flag": ("-lr -e 5", "-lr needs a value (--learning_rate)"),
    "no value after =": ("--lr=", "--lr needs a value (--learning_rate)"),
    "two values": ("-e 5 6", "-e takes one value, got 2: 5 6 (--epochs)"),
    "two words": ("--name my run", "--name takes one value, got 2: my run (--name)"),
    "lines": ("-e '5\n6' 7", "-e takes one value, got 2: 5 6 7 (--epochs)"),
    "lines in a flag": ("'--a\nb'", "unknown flag --a b"),
    "a word": ("foo", "unexpected 'foo': settings are written --name value"),
    "a word before": ("foo -e 5", "unexpected 'foo'"),
    "a number": ("-5 -e 5", "unexpected '-5'"),
    "two dashes": ("-e 5 -- 6", "unexpected '--'"),
    "one dash": ("-e -", "unexpected '-'"),
    "assignment": ("lr=0.1", "unexpected 'lr=0.1'"),
    "switch": ("--batch_norm maybe", "batch_norm must be true or false, got 'maybe' (--batch_norm)"),
    "switch, two": ("--batch_norm true 3", "--batch_norm takes true or false, got true 3"),
    "switch, negated": ("--no_batch_norm true", "--no_batch_norm takes no value, got true (--batch_norm)"),
    "debug with a value": ("--debug 5", "debug must be true or false, got '5'"),
    "no negation of a number": ("--no_epochs 3", "unknown flag --no_epochs: did you mean --epochs?"),
    "twice": ("-lr 0.1 --learning_rate 0.2", "learning_rate is given twice: -lr 0.1 and --learning_rate 0.2"),
    "twice, a switch": (
        "--batch_norm --no-batch-norm",
        "batch_norm is given twice: --batch_norm True and --no-batch-norm",
    ),
    "twice, an option": ("--sweep --mode single", "mode is given twice: --sweep sweep and --mode single"),
    "mode": ("--mode sweeep", "mode must be one of single, sweep, got 'sweeep'; did you mean sweep? (--mode)"),
    "count": ("--count 0", "count must be 1 to 1000000000, got 0 (--count)"),
    "lr nan": ("--lr nan", "learning_rate must be a finite number, got nan (--learning_rate)"),
    "lr -nan": ("--lr -nan", "learning_rate must be a finite number, got nan"),
    "lr -inf": ("--lr -inf", "learning_rate must be a finite number, got -inf"),
    "lr negative": ("-lr -0.1", "learning_rate must be positive, got -0.1 (--learning_rate)"),
    "lr negative, tiny": ("-lr -1e-3", "learning_rate must be positive, got -0.001"),
    "seed": ("--seed -1", "seed must be 0 to 9223372036854775807, got -1 (--seed)"),
    "epochs": ("--epochs 1e9", "epochs must be 1 to 1000000, got 1000000000 (--epochs)"),
    "sizes": ("-nhl 2 -sz 128 64 32", "num_layers is 2, but hidden_size lists 3: [128, 64, 32]"),
    "sizes, negative": ("-sz 128 -64", "hidden_size must be 1 to 1000000, got -64"),
    "activation": ("-a rleu", "got 'rleu'; did you mean relu? (--activation)"),
    "layers": ("--layers dence:3", "got 'dence'; did you mean dense? (--layers)"),
    "bytes that are no text": ("--name \udcff", "name must be a text, got '\\udcff'"),
}


@pytest.mark.parametrize(("line", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses_in_one_line(line, message):
    with pytest.raises(UsageError) as caught:
        parse(shlex.split(line))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_flags_override_the_file(tmp_path):
    path = tmp_path / "course.yaml"
    path.write_text("lr: 1e-3\nhl: 4\nsz: 64\nact: tanh\n")
    parsed = parse(["-e", "3", "--config", str(path), "--lr", "0.5"])
    assert parsed.config == RunConfig(learning_rate=0.5, num_layers=4, hidden_size=64, activation="tanh", epochs=3)
    assert parsed.stated == {"epochs": 3, "learning_rate": 0.5}
    assert parsed.options["config"] == str(path)


def test_a_network_in_flags_replaces_the_files(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(RunConfig(num_layers=4, hidden_size=64, activation="tanh", dropout=0.5).to_yaml())
    assert parse(["-c", str(path), "-sz", "32", "16"]).config.hidden_sizes == (32, 16)
    assert parse(["-c", str(path), "-sz", "32"]).config.hidden_sizes == (32,) * 4
    assert parse(["-c", str(path), "--layers", "dense:8"]).config == RunConfig(layers=["dense:8"])
    path.write_text(RunConfig(layers=["dense:8"]).to_yaml())
    assert parse(["-c", str(path), "--layers", "none", "-a", "tanh"]).config == RunConfig(activation="tanh")
    with pytest.raises(UsageError, match="layers describes the whole network: leave out activation, got tanh"):
        parse(["-c", str(path), "-a", "tanh"])


def test_errors_of_the_file(tmp_path):
    path = tmp_path / "course.yaml"
    path.write_text("lr: -1\n")
    with pytest.raises(UsageError, match=r"course.yaml: learning_rate must be positive"):
        parse(["--config", str(path)])
    with pytest.raises(FileSystemError, match=r"cannot read .*none.yaml"):
        parse(["--config", str(tmp_path / "none.yaml")])


def test_another_command_has_other_options():
    options = (Option("top", Whole(1), "rows to show", ("k",), default=3), TRAIN[-1])
    assert parse(["-k", "5", "-e", "2"], options).options == {"top": 5, "help": False}
    assert parse([], options).options == {"top": 3, "help": False}
    with pytest.raises(UsageError, match="unknown flag --dry_run"):
        parse(["--dry_run"], options)


def test_a_name_registered_from_outside(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "mish", nn.ReLU)
    assert parse(["-a", "Mish"]).config.activation == "mish"
