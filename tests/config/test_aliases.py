"""Every row of the spelling tables: reached, unambiguous, and about things that exist."""

import pytest
from tests.ingredients import nn

from handgrad.cli.options import TRAIN
from handgrad.config import RunConfig, value_type_of
from handgrad.config.aliases import AMBIGUOUS_FIELDS, AMBIGUOUS_VALUES, FIELDS, VALUES
from handgrad.config.lookup import field_aliases, find, listed, value_name
from handgrad.config.value_types import Name
from handgrad.errors import UsageError
from handgrad.nn import ACTIVATIONS, INITIALIZERS, LAYERS, LOSSES
from handgrad.optim import OPTIMIZERS, SCHEDULES
from handgrad.text import nearest, squashed

ROWS = [(spelling, field) for field, spellings in FIELDS.items() for spelling in (field, *spellings)]
REGISTRIES = {
    "activation": ACTIVATIONS,
    "layers": LAYERS | ACTIVATIONS,
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "weight_init": INITIALIZERS,
}
ALIASES = VALUES | {
    field: {
        name: [each for each in entry.aliases if squashed(each) not in AMBIGUOUS_VALUES.get(field, ())]
        for name, entry in registry.items()
    }
    for field, registry in REGISTRIES.items()
}
VALUE_ROWS = [
    (field, spelling, name)
    for field, rows in ALIASES.items()
    for name, spellings in rows.items()
    for spelling in (name, *spellings)
]

# From the course's reports: real commands and sweeps.
WRITTEN_FIELDS = {
    "num_layers": "nhl nh1 hl num_layers hidden_layers n_layers num_hidden_layers hidden_layers_count",
    "hidden_size": "sz hidden_size hidden_layer_size neurons num_neurons",
    "weight_init": "w_i wi weight_init weight-init weight_initialization",
    "weight_decay": "w_d wd weight_decay weight-decay",
    "wandb_project": "wp w_p wandb_project project",
    "wandb_entity": "we w_e wandb_entity entity",
    "batch_size": "b bs batch_size batch-size BatchSize",
    "epochs": "e ep epochs Epochs num_epochs",
    "beta1": "b1 beta1 beta_1 beta-1",
    "beta2": "b2 beta2",
    "beta": "beta",
    "activation": "a ac act activation activation_function",
    "optimizer": "o opt optimizer optimiser",
    "learning_rate": "lr learning_rate learning-rate LR",
    "epsilon": "eps epsilon",
    "momentum": "m momentum",
    "loss": "l loss loss_function",
    "dataset": "d dataset",
    "validation_fraction": "val_split validation_split",
    "name": "run_name name",
    "log_test": "log_test",
    "wandb_mode": "wandb_mode",
    "seed": "seed",
}

WRITTEN_VALUES = {
    ("activation", "relu"): "relu ReLU RELU",
    ("activation", "sigmoid"): "sigmoid Sigmoid logistic",
    ("activation", "identity"): "identity linear",
    ("activation", "leaky_relu"): "leaky_relu LeakyReLU leaky-relu",
    ("weight_init", "xavier"): "Xavier xavier glorot Glorot",
    ("weight_init", "he"): "he He kaiming",
    ("weight_init", "random"): "random Random",
    ("optimizer", "nag"): "nag NAG nesterov nestorov NGD",
    ("optimizer", "momentum"): "momentum mgd sgdm",
    ("optimizer", "rmsprop"): "rmsprop RMSProp rms_prop",
    ("optimizer", "sgd"): "sgd SGD gradient_descent",
    ("loss", "mean_squared_error"): "mean_squared_error mse MSE squared_error",
    ("loss", "cross_entropy"): "cross_entropy cross-entropy crossentropy CrossEntropy ce",
    ("dataset", "fashion_mnist"): "fashion_mnist fashion-mnist Fashion-MNIST fmnist fashion",
    ("dataset", "mnist"): "mnist MNIST",
}


def test_every_spelling_of_a_field_leads_to_it():
    for spelling, field in ROWS:
        for written in (spelling, spelling.upper(), spelling.replace("_", "-")):
            assert find(written, field_aliases(), "setting") == field, written


def test_no_spelling_leads_to_two_things():
    spellings = [squashed(spelling) for spelling, _ in ROWS]
    spellings += [squashed(name) for option in TRAIN for name in (option.name, *option.aliases)]
    spellings += [squashed(name) for name in AMBIGUOUS_FIELDS]
    assert sorted(name for name in set(spellings) if spellings.count(name) > 1) == []


def test_every_field_has_a_row_and_every_row_a_field():
    assert list(FIELDS) == list(RunConfig.model_fields)


@pytest.mark.parametrize("field", WRITTEN_FIELDS)
def test_fields_as_people_write_them(field):
    for written in WRITTEN_FIELDS[field].split():
        assert find(written, field_aliases(), "setting") == field, written


@pytest.mark.parametrize("field", ALIASES)
def test_every_spelling_of_a_value_leads_to_it(field):
    kinds = {option.name: option.type for option in TRAIN} | {
        name: value_type_of(name) for name in RunConfig.model_fields
    }
    names = REGISTRIES.get(field) or kinds[field].names
    for spelling, name in ((spelling, name) for other, spelling, name in VALUE_ROWS if other == field):
        for written in (spelling, spelling.title(), spelling.replace("_", "-")):
            assert value_name(field, written, names) == name, written


@pytest.mark.parametrize(("field", "name"), WRITTEN_VALUES)
def test_values_as_people_write_them(field, name):
    for written in WRITTEN_VALUES[field, name].split():
        assert getattr(RunConfig(**{field: written}), field) == name, written


def test_no_value_is_spelled_like_another():
    for field in ALIASES:
        spellings = [squashed(spelling) for other, spelling, _ in VALUE_ROWS if other == field]
        spellings += [squashed(spelling) for spelling in AMBIGUOUS_VALUES.get(field, ())]
        assert len(spellings) == len(set(spellings)), field


@pytest.mark.parametrize(("written", "candidates"), AMBIGUOUS_FIELDS.items())
def test_what_is_ambiguous_is_refused_with_the_candidates(written, candidates):
    if {"weight_init", "track"} & set(candidates[:1]) and len(candidates) == 2:  # a number is no name
        assert getattr(RunConfig.from_mapping({written: 0.7}), candidates[1]) == 0.7
        return
    with pytest.raises(UsageError, match="ambiguous") as caught:
        RunConfig.from_mapping({written: 1})
    assert listed(candidates) in str(caught.value)
    assert {candidate.split()[0] for candidate in candidates} <= set(RunConfig.model_fields)


def test_an_ambiguous_value_is_refused_with_the_candidates():
    with pytest.raises(UsageError, match="ambiguous, got 'linear', expected dense or identity"):
        RunConfig(layers=["linear:128"])


@pytest.mark.parametrize(
    ("field", "registry"),
    [("activation", ACTIVATIONS), ("weight_init", INITIALIZERS), ("loss", LOSSES), ("optimizer", OPTIMIZERS)],
)
def test_names_are_looked_up_in_the_live_registry(field, registry, monkeypatch):
    entry = next(iter(registry.values()))
    with pytest.raises(UsageError, match=f"{field} must be one of"):
        RunConfig(**{field: "mish"})
    monkeypatch.setitem(registry, "mish", entry)
    assert getattr(RunConfig(**{field: "Mish"}), field) == "mish"
    monkeypatch.delitem(registry, "mish")
    with pytest.raises(UsageError, match=f"{field} must be one of"):
        RunConfig(**{field: "mish"})


def test_a_registered_name_goes_before_a_spelling(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "swish", nn.ReLU)
    assert RunConfig(activation="swish").activation == "swish"
    assert RunConfig(layers=["dense:4", "swish"]).layers == ("dense:4", "swish")


def test_a_spelling_of_an_absent_name_is_unknown(monkeypatch):
    monkeypatch.delitem(INITIALIZERS, "zeros")
    with pytest.raises(UsageError, match=r"weight_init must be one of random, .*, got 'zero'"):
        RunConfig(weight_init="zero")


@pytest.mark.parametrize(
    ("written", "meant"), [("optimzer", "optimizer"), ("learing_rate", "learning_rate"), ("actvation", "activation")]
)
def test_the_nearest_setting_is_named(written, meant):
    with pytest.raises(UsageError, match=f"unknown setting {written}: did you mean {meant}\\?"):
        RunConfig.from_mapping({written: 1})


def test_nearest_is_none_for_what_resembles_nothing():
    assert nearest("qqqq", ["adam", "sgd"]) is None


def test_names_have_one_kind_of_choice():
    for field in RunConfig.model_fields:
        kind = value_type_of(field)
        assert not isinstance(kind, Name) or kind.field == field
