"""Names of runs, and the canonical command."""

import re

import pytest

from handgrad.config import RunConfig
from handgrad.config.describe import ABBREVIATIONS, LONGEST

NAMES = {
    "the course's": (
        {"num_layers": 3, "batch_size": 16, "activation": "tanh", "optimizer": "adam", "learning_rate": 1e-4},
        "fashion_mnist_hl_3_bs_16_ac_tanh_adam_lr_0.0001_s_0",
    ),
    "defaults": ({}, "fashion_mnist_hl_2_sz_512x256_bs_128_ac_relu_adam_lr_0.001_s_0"),
    "own learning rate": ({"optimizer": "sgd"}, "fashion_mnist_hl_2_sz_512x256_bs_128_ac_relu_sgd_lr_0.1_s_0"),
    "sizes": ({"hidden_size": [128, 64]}, "fashion_mnist_hl_2_sz_128x64_bs_128_ac_relu_adam_lr_0.001_s_0"),
    "more": (
        {"dataset": "mnist", "epochs": 5, "weight_decay": 5e-4, "batch_norm": False, "seed": 7},
        "mnist_hl_2_sz_512x256_bs_128_ac_relu_adam_lr_0.001_ep_5_wd_0.0005_no_bn_s_7",
    ),
    "layers": ({"layers": ["dense:8", "relu"]}, "fashion_mnist_net_dense8_relu_bs_128_adam_lr_0.001_s_0"),
    "options": (
        {"optimizer": "eve", "optimizer_options": {"beta3": 0.9}},
        "fashion_mnist_hl_2_sz_512x256_bs_128_ac_relu_eve_lr_0.001_opt_beta30.9_s_0",
    ),
    "a fit": ({"model": "hog-svm", "model_options": {"C": 2}, "fold": "2/5"}, "fashion_mnist_hog_svm_C2_fold_2-5_s_0"),
    "a folder": ({"dataset": "/data/my images/"}, "my-images_hl_2_sz_512x256_bs_128_ac_relu_adam_lr_0.001_s_0"),
    "an archive": ({"dataset": "~/faces.npz"}, "faces_hl_2_sz_512x256_bs_128_ac_relu_adam_lr_0.001_s_0"),
    "the folder above": ({"dataset": ".."}, "hl_2_sz_512x256_bs_128_ac_relu_adam_lr_0.001_s_0"),
}


@pytest.mark.parametrize(("values", "name"), NAMES.values(), ids=NAMES.keys())
def test_name(values, name):
    assert RunConfig(**values).auto_name() == name


LONG = [
    {"layers": ["dense:128", "leaky_relu:slope=0.2"] * 20},
    {"dataset": "a" * 300},
    {"hidden_size": list(range(1, 900))},
    {"dataset": "données/日本"},
]


@pytest.mark.parametrize("values", LONG)
def test_a_name_is_short_and_safe(values):
    a, b = RunConfig(**values).auto_name(), RunConfig(**values, seed=1).auto_name()
    assert a != b
    assert len(a) <= LONGEST < 100
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*", a)
    assert RunConfig(name=a).name == a


@pytest.mark.parametrize("name", ABBREVIATIONS)
def test_a_name_tells_what_is_unusual(name):
    unusual = {
        "hidden_size": 5, "epochs": 3, "weight_init": "zeros", "batch_norm": False, "loss": "mse", "schedule": "cosine",
        "normalize": "standard", "resize": 9, "dtype": "float64", "optimizer_options": {"beta3": 0.5},
        "schedule_steps": 9, "warmup_steps": 9, "fold": "2/5", "backend": "torch", "device": "auto",
        "preset": "plain", "grey": True, "crop": 4, "cutout": 8,
    }  # fmt: skip
    base = RunConfig(optimizer="eve")
    assert base.replaced(**{name: unusual.get(name, 0.5)}).auto_name() != base.auto_name()


COMMANDS = {
    "defaults": ({}, "handgrad train"),
    "explicit defaults": ({"num_layers": 2, "sz": [512, 256], "batch_norm": True, "lr": "none"}, "handgrad train"),
    "numbers": ({"lr": 1e-5, "epochs": 5}, "handgrad train --epochs 5 --learning_rate 1e-05"),
    "sizes": ({"sz": [256, 128], "nhl": 2}, "handgrad train --hidden_size 256 128"),
    "switch": ({"batch_norm": 0, "log_test": "yes"}, "handgrad train --no_batch_norm --log_test"),
    "quotes": ({"dataset": "my images"}, "handgrad train --dataset 'my images'"),
    "a dash": ({"wandb_project": "-x"}, "handgrad train --wandb_project=-x --no_wandb"),
    "lists": ({"track": "tb", "resize": 14}, "handgrad train --resize 14 14 --track tensorboard"),
    "layers": ({"layers": "dense:8 relu"}, "handgrad train --layers dense:8 relu"),
    "a fit": (
        {"model": "hog-svm", "model_options": "C=1", "fold": "1/5"},
        "handgrad train --fold 1/5 --features hog --model svm --model_options C=1.0",
    ),
    "options": (
        {"o": "eve", "optimizer_options": "clip=5 beta3=.9"},
        "handgrad train --optimizer eve --optimizer_options beta3=0.9 clip=5.0",
    ),
}


@pytest.mark.parametrize(("values", "command"), COMMANDS.values(), ids=COMMANDS.keys())
def test_command(values, command):
    assert RunConfig.from_mapping(values).command() == command
