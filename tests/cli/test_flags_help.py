"""The help text: every flag, on eighty columns, with what is registered now."""

from tests.ingredients import nn

from handgrad.cli.options import TRAIN, help_text
from handgrad.config import RunConfig
from handgrad.nn import ACTIVATIONS
from handgrad.optim import OPTIMIZERS


def test_every_flag_is_there_within_80_columns():
    lines = help_text("handgrad train", ["handgrad train -d mnist"]).splitlines()
    text = "\n".join(lines).replace("[no_]", "")
    assert max(len(line) for line in lines) <= 80
    for name in [*RunConfig.model_fields, *(option.name for option in TRAIN)]:
        assert f"--{name}" in text


def test_short_flags_groups_defaults_and_examples():
    text = help_text("python train.py", ["python train.py -d mnist", "python train.py -e 5"])
    assert text.startswith("usage: python train.py [--flag value ...]\n")
    assert "\n  -w_i, --weight_init NAME  distribution of the initial weights: random, xavier," in text
    assert "\n  -lr, --learning_rate X    step size (default: 0.001; momentum, nag or" in text
    assert "(default: fashion_mnist)" in text
    assert "for momentum or nag: share" in text
    assert text.endswith("examples:\n  python train.py -d mnist\n  python train.py -e 5\n")
    groups = ["options", "data", "network", "training", "optimizer", "schedule", "run", "tracking"]
    places = [text.index(f"\n{group}:\n") for group in groups]
    assert places == sorted(places)


def test_choices_are_what_is_registered(monkeypatch):
    last = next(reversed(ACTIVATIONS))
    monkeypatch.setitem(ACTIVATIONS, "mish", nn.ReLU)
    monkeypatch.delitem(OPTIMIZERS, next(reversed(OPTIMIZERS)))  # it is put back at the end, where it was
    text = " ".join(help_text("handgrad train").split())
    assert f"{last}, mish" in text
    assert f"update rule: {', '.join(OPTIMIZERS)} (default: adam)" in text
