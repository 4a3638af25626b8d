"""Sweep files as people write them, and what they become."""

import re

import numpy as np
import pytest

from handgrad.config import RunConfig
from handgrad.config.aliases import FIELDS
from handgrad.errors import UsageError
from handgrad.sweeps import read_sweep
from handgrad.sweeps.definition import Metric
from handgrad.sweeps.space import Categorical, Constant, IntUniform, LogUniform, Quantized, Uniform

COURSE = {
    "epochs": [5, 10],
    "num_layers": [3, 4, 5],
    "hidden_size": [32, 64, 128],
    "weight_decay": [0, 0.0005, 0.5],
    "learning_rate": [0.001, 0.0001],
    "optimizer": ["sgd", "momentum", "nag", "rmsprop", "adam", "nadam"],
    "batch_size": [16, 32, 64],
    "weight_init": ["random", "xavier"],
    "activation": ["sigmoid", "tanh", "relu"],
}


def sweep(**parameters):
    return read_sweep({"method": "random", "metric": {"name": "val_acc", "goal": "maximize"}, "parameters": parameters})


def said(definition):
    return [str(notice) for notice in definition.notices]


@pytest.fixture
def written(tmp_path):
    """The sweep of a file with this text."""

    def read(text):
        path = tmp_path / "sweep.yaml"
        path.write_text(text)
        return read_sweep(path)

    return read


@pytest.mark.slow
def test_the_course_s_sweep_has_11664_configurations():
    definition = read_sweep("da6401")
    assert {name: list(d.values) for name, d in definition.varying.items()} == COURSE
    assert definition.metric == Metric("validation_accuracy", "maximize")
    assert definition.method == "bayes"
    keys = [definition.key(values) for values in definition.configurations()]
    assert definition.size == len(keys) == len(set(keys)) == 11_664
    values = {**next(definition.configurations()), "optimizer": "nadam", "activation": "tanh"}
    config = definition.to_config(values, RunConfig())
    assert (config.dropout, config.batch_norm, config.schedule) == (0, False, "constant")
    assert (config.dataset, config.loss, config.validation_fraction) == ("fashion_mnist", "cross_entropy", 0.1)
    assert definition.trial_name(values) == "hl_3_sz_32_bs_16_ac_tanh_nadam_lr_0.001_ep_5_wi_random_wd_0"


def test_every_alias_is_a_parameter():
    for field in FIELDS.keys() - {"name", "runs_dir"}:
        default = RunConfig.model_fields[field].default
        value = list(default) if isinstance(default, tuple) else default
        for alias in FIELDS[field]:
            assert list(sweep(**{alias: {"value": value}}).parameters) == [field], alias


def test_values_become_canonical():
    definition = sweep(
        act={"values": ["ReLU", "logistic", "Tanh"]},
        optimiser={"values": ["nestorov", "mgd", "ADAM"]},
        w_i={"values": ["Xavier", "kaiming"]},
        loss={"value": "crossentropy"},
        dataset={"value": "fashion-mnist"},
        sz={"values": ["128,64", [32, 16], 64]},
    )
    assert definition.parameters["activation"].values == ("relu", "sigmoid", "tanh")
    assert definition.parameters["optimizer"].values == ("nag", "momentum", "adam")
    assert definition.parameters["weight_init"].values == ("xavier", "he")
    assert definition.constants == {"loss": "cross_entropy", "dataset": "fashion_mnist"}
    assert definition.parameters["hidden_size"].values == ((128, 64), (32, 16), 64)


def test_the_distribution_that_is_not_named():
    definition = sweep(
        epochs={"value": 3},
        activation={"values": ["relu"]},
        num_layers={"min": 1, "max": 3},
        dropout={"min": 0.0, "max": 0.5},
        weight_decay={"min": 0, "max": 0.5},
    )
    assert [type(d) for d in definition.parameters.values()] == [Constant, Categorical, IntUniform, Uniform, Uniform]


def test_distributions_by_name():
    definition = sweep(
        lr={"distribution": "log_uniform", "min": -9, "max": -3},
        batch_size={"distribution": "q_uniform", "min": 16, "max": 64, "q": 16},
        dropout={"distribution": "constant", "value": 0.2},
        activation={"distribution": "categorical", "values": ["relu", "tanh"], "probabilities": [0.9, 0.1]},
    )
    assert definition.parameters == {
        "learning_rate": LogUniform(-9, -3),
        "batch_size": Quantized(Uniform(16, 64), 16),
        "dropout": Constant(0.2),
        "activation": Categorical(("relu", "tanh"), (0.9, 0.1)),
    }


def test_groups_are_flattened():
    definition = sweep(
        optimizer={"parameters": {"name": {"values": ["adam", "sgd"]}, "lr": {"values": [0.1, 0.01]}}},
        weight={"parameters": {"decay": {"value": 0.1}, "init": {"value": "he"}}},
        **{"batch.size": {"values": [16, 32]}},
    )
    assert list(definition.parameters) == ["optimizer", "learning_rate", "weight_decay", "weight_init", "batch_size"]


def test_names_whose_values_tell_what_they_are():
    definition = sweep(layers={"values": [1, 2]}, hidden_layers={"values": [[64], [32]]})
    assert list(definition.parameters) == ["num_layers", "hidden_size"]
    assert "parameters.layers is taken as num_layers, as its value shows. Call it num_layers" in said(definition)


def test_numbers_that_yaml_1_1_reads_as_text_are_taken_with_a_notice(written):
    definition = written(
        "method: random\nparameters:\n  lr: {values: [1e-3, 0.01, 1.0e-4]}\n  wd: {min: 1e-4, max: 1}\n"
    )
    assert definition.parameters["learning_rate"].values == (0.001, 0.01, 0.0001)
    assert definition.parameters["weight_decay"] == Uniform(0.0001, 1)
    notices = [notice for notice in said(definition) if "YAML 1.1" in notice]
    assert len(notices) == 2
    assert notices[0].startswith("parameters.lr.values: 1e-3 is text in YAML 1.1, as W&B reads it; it is taken as")
    assert notices[1].endswith("Write 0.0001")


def test_numbers_as_text_in_a_mapping():
    definition = sweep(lr={"values": ["1e-3", 0.01]}, wd={"min": "1e-4", "max": 1.0})
    assert definition.parameters["learning_rate"].values == (0.001, 0.01)
    assert definition.parameters["weight_decay"].min == 0.0001
    assert len([notice for notice in said(definition) if "is taken as the number" in notice]) == 2


def test_repeats_are_taken_once():
    definition = sweep(act={"values": ["relu", "ReLU", "tanh"], "probabilities": [0.25, 0.25, 0.5]})
    assert definition.parameters["activation"] == Categorical(("relu", "tanh"), (0.5, 0.5))
    assert any("'ReLU' is 'relu' once more" in notice for notice in said(definition))


def test_keys_that_are_used_or_named_as_ignored(written):
    definition = written(
        "apiVersion: '1'\nkind: sweep\nprogram: train.py\nproject: mine\nentity: me\nname: night\ndescription: a try\n"
        "controller: {type: local}\nrun_cap: 7\nmethod: Bayesian\n"
        "command: ['${env}', python, '${program}', --dataset, mnist, --epochs=3, --no_wall, '${args}']\n"
        "parameters: {lr: {values: [0.1, 0.2]}}\n"
    )
    assert (definition.name, definition.description, definition.run_cap) == ("night", "a try", 7)
    expected = {"wandb_project": "mine", "wandb_entity": "me", "dataset": "mnist", "epochs": 3, "preset": "plain"}
    assert definition.constants == expected
    notices = " ".join(said(definition))
    for key in ("apiVersion", "program", "controller", "command: --no_wall"):
        assert f"{key} is ignored" in notices
    assert "its flags are used: dataset, epochs" in notices
    assert "validation_accuracy is maximized" in notices
    assert "Parzen" in notices


@pytest.mark.parametrize(
    ("command", "settings"),
    [
        (
            "${env} python -m ${program} --hidden_size 64 32 --lr=0.1 ${args}",
            {"hidden_size": (64, 32), "learning_rate": 0.1},
        ),
        ("${env} uv run -d x python src/train.py -d mnist ${args}", {"dataset": "mnist"}),
        ("python -u -m training.train -m 0.5", {"momentum": 0.5}),
        ("train.py --epochs 3 ${args_no_hyphens}", {"epochs": 3}),
    ],
)
def test_flags_of_a_command_are_those_behind_the_program(command, settings):
    content = {"method": "grid", "parameters": {"batch_size": {"value": 16}}, "command": command.split()}
    assert read_sweep(content).constants == {"batch_size": 16, **settings}


METRIC_NAMES = {
    "validation_accuracy": (
        "val_acc valid_accuracy accuracy acc dev_acc best_val_accuracy val_accuracies acc_val max_val_accuracy valacc "
        "val_categorical_accuracy "
        "val/max_acc avg_valid_acc evaluation_accuracy mean_val_acc final.val.acc valAccuracy ValidationAcc eval/acc "
        "val_top_1_accuracy valid_acc_top1 acc@1 top1 vacc hold_out_acc cv_accuracy cel_val_accuracy"
    ),
    "validation_loss": (
        "val_mse val_cross_entropy val_loss loss loss_val validation_error min_val_loss dev_loss valLoss avg_val_loss"
    ),
    "train_accuracy": "train_acc training_accuracy accuracy_train tr_acc trainAcc final_training_accuracy",
    "train_loss": "training_loss loss_train tr_loss train_error epoch_train_loss",
    "test_accuracy": "test_acc accuracy_test testing_accuracy best_test_accuracy TestAccuracy",
    "test_loss": "loss_test testing_loss test_error",
    "validation_macro_f1": "val_f1 f1_score macro_f1 valF1 validation_macro_f1 F1 valid_fscore val_f1_macro",
    "validation_balanced_accuracy": "balanced_accuracy val_bal_acc macro_recall val_recall balanced_accuracy_score",
    "test_macro_f1": "test_f1 test_macro_f1_score",
}


@pytest.mark.parametrize(
    ("written", "name"), [(each, name) for name, all_ in METRIC_NAMES.items() for each in all_.split()]
)
def test_metrics_are_read_by_their_words(written, name):
    content = {"method": "random", "parameters": {"lr": {"value": 1}}}
    for variant in (written, written.replace("_", "/"), written.replace("_", " ")):
        assert read_sweep({**content, "metric": {"name": variant}}).metric == Metric(name, "minimize")


@pytest.mark.parametrize(
    "written",
    [
        *("train_f1", "weighted_f1", "balanced_loss", "train_val_gap", "precision", "accuracy_loss", "reward", "epoch"),
        *("top5_acc", "acc@5", "val_top_10_accuracy", "val_acc_12"),
    ],
)
def test_other_metrics_are_refused(written):
    with pytest.raises(UsageError, match=r"metric.name must be validation_accuracy, .* or test_macro_f1, got"):
        read_sweep({"method": "random", "metric": {"name": written}, "parameters": {"lr": {"value": 1}}})


NAMES = {  # as people write them, with values that they have
    "hidden_size": (
        (
            "num_neurons_in_hidden_layers noOfNeurons layer_width dense_units hidden_unit_size perceptrons "
            "sizeofhiddenlayer numberofneurons s_hidden_layers fully_connected_neurons"
        ),
        [32, 64],
    ),
    "num_layers": ("num_hidden n_hid_layers hidden_depth no_of_layers layers_num hidden_lyrs", [2, 3]),
    "weight_init": (
        "init_strategy weight_ini initialization_scheme wt_init_mode init_type param",
        ["random", "xavier"],
    ),
    "weight_decay": (
        (
            "wt_decay L2_lamb decay regularization_factor l2_penalty_weight weight_regularization l2_regpara "
            "L2Regulariz lamda reg_param w_dec optimizer_weight_decay"
        ),
        [0, 5e-4],
    ),
    "optimizer": ("optimization_algorithm algo update_rule solver opt_algo gd_variant", ["sgd", "nadam"]),
    "epochs": ("max_epoch nb_epochs total_epochs training_epochs", [5, 10]),
    "learning_rate": ("lrn_rate lr_init learningRate initial_lr adam_lr opt_lr start_lr", [0.01, 0.001]),
    "activation": ("hidden_layer_activation acti_func nonlin activation_functions", ["relu", "tanh"]),
    "dropout": ("dropout_ratio drop_probability dropout_coefficient", [0.1, 0.3]),
    "momentum": ("momentum_term momentum_coefficient sgd_momentum", [0.8, 0.9]),
    "beta": ("beta_value beta_val rmsprop_beta", [0.8, 0.9]),
    "epsilon": ("eps_val adam_epsilon", [1e-8, 1e-6]),
    "batch_size": ("tr_batch_size b_size", [16, 32]),
    "loss": ("error_function loss_criterion objective_function", ["cross_entropy", "mse"]),
    "schedule": ("learning_rate_scheduler lr_policy lr_decay_type", ["cosine", "constant"]),
}


@pytest.mark.parametrize(
    ("written", "name"), [(each, name) for name, (all_, _) in NAMES.items() for each in all_.split()]
)
def test_parameters_are_read_by_their_words_and_values(written, name):
    values = NAMES[name][1]
    sweep = read_sweep({"method": "random", "metric": {"name": "val_acc"}, "parameters": {written: {"values": values}}})
    assert list(sweep.varying) == [name]
    assert len(sweep.varying[name].grid()) == 2


@pytest.mark.parametrize("written", ["frobnicate", "weight_temperature", "iterations", "step"])
def test_words_that_say_something_else_are_refused_where_they_vary(written):
    content = {"method": "random", "parameters": {written: {"values": [1, 2]}, "lr": {"value": 1}}}
    with pytest.raises(UsageError, match=f"unknown setting {written}"):
        read_sweep(content)
    fixed = read_sweep({"method": "random", "parameters": {written: {"value": 1}, "lr": {"value": 1}}})
    assert f"parameters.{written} is ignored: it is no setting here" in " ".join(map(str, fixed.notices))


def test_names_can_be_given_a_meaning():
    content = {"method": "random", "parameters": {"zeta": {"values": [0.1, 0.2]}}}
    assert list(read_sweep({**content, "handgrad": {"map": {"zeta": "lr"}}}).varying) == ["learning_rate"]
    assert list(read_sweep(content, named={"zeta": "dropout"}).varying) == ["dropout"]
    with pytest.raises(UsageError, match=r"handgrad.map.zeta: nothing is no setting"):
        read_sweep(content, named={"zeta": "nothing"})
    with pytest.raises(UsageError, match="unknown key 'maps' in handgrad"):
        read_sweep({**content, "handgrad": {"maps": {}}})


@pytest.mark.parametrize(
    ("parameters", "becomes", "notice"),
    [
        ({"fc1": [64, 128], "fc2": [32]}, {"hidden_size": ((64, 32), (128, 32))}, "taken as hidden_size, a list of 2"),
        (
            {"alpha": [1e-4, 1e-3], "learning_rate_init": [0.1]},
            {"weight_decay": (1e-4, 1e-3), "learning_rate": (0.1,)},
            "alpha is taken as weight_decay",
        ),
        ({"step_size": [0.01, 0.1]}, {"learning_rate": (0.01, 0.1)}, "step_size is taken as learning_rate"),
        ({"regularization": [0, 0.1]}, {"weight_decay": (0.0, 0.1)}, "taken as weight_decay, an L2 penalty"),
        ({"use_momentum": [True], "momentum": [0.5]}, {"momentum": (0.5,)}, "momentum says how much"),
        ({"normalize": [True], "precision": [64]}, {"normalize": ("unit",), "dtype": ("float64",)}, ""),
        ({"num_fc": [1, 2], "fc_size": [64, 128]}, {"num_layers": (1, 2), "hidden_size": (64, 128)}, ""),
        ({"layers_and_units": [[64], [64, 32]]}, {"hidden_size": ((64,), (64, 32))}, "taken as hidden_size"),
        ({"activation": ["tf.nn.relu", "nn.Tanh"]}, {"activation": ("relu", "tanh")}, ""),
        (
            {"gamma": [0.9], "optimizer": ["sgd", "momentum"]},
            {"momentum": (0.9,), "optimizer": ("sgd", "momentum")},
            "gamma is taken as momentum, since the file names the optimizer",
        ),
        (
            {"gamma": [0.9], "scheduler": ["step", "exponential"]},
            {"schedule_factor": (0.9,), "schedule": ("step", "exponential")},
            "gamma is taken as schedule_factor, since the file names the schedule",
        ),
        ({"nesterov": [False]}, {}, "nesterov is ignored: it is no setting here"),
        ({"hidden_spec": ["64,64", "128-32"]}, {"hidden_size": ((64, 64), (128, 32))}, "by its words and values"),
        ({"lin1_size": [64], "lin2_size": [8, 16]}, {"hidden_size": ((64, 8), (64, 16))}, "a list of 2"),
        ({"num_layers": [3], "hidden_size_1": [8, 16]}, {"num_layers": (3,), "hidden_size": (8, 16)}, "of every layer"),
        ({"depth": [1, 2], "h1": [8], "h2": [4, 6]}, {"hidden_size": ((8,), (8, 4), (8, 6))}, "the first 1 or 2"),
        ({"l1": [64], "l2": [32, 64]}, {"hidden_size": ((64, 32), (64, 64))}, "parameters.l1, parameters.l2: taken as"),
        ({"l1": [0.1], "l2": [0, 0.5]}, {"l1": (0.1,), "weight_decay": (0.0, 0.5)}, ""),
        ({"opt": ["batch", "Adam Optimizer"]}, {"optimizer": ("sgd", "adam")}, ""),
        (
            {"opt": ["rmsp", "adamm", "sgd"]},
            {"optimizer": ("rmsprop", "adam", "sgd")},
            "opt.values: rmsp is taken as rms",
        ),
        ({"bs": [[16, 32]]}, {"batch_size": (16, 32)}, "bs.value: a list is no batch_size; each of it is tried"),
        ({"lr": [0, 0.1, 0.01]}, {"learning_rate": (0.1, 0.01)}, "lr.values: 0 is left out, it is no learning_rate"),
        ({"dropout": [None, 0.2]}, {"dropout": (0.0, 0.2)}, "dropout.values: None is taken as 0"),
        ({"learning_rtae": [1, 2]}, {"learning_rate": (1, 2)}, "learning_rate, which differs by one letter"),
        ({"data_scaling": ["min_max", "standard"]}, {"normalize": ("unit", "standard")}, "by its words and values"),
        ({"init": ["normalized_Xavier", "random initializer"]}, {"weight_init": ("xavier", "random")}, ""),
        ({"criterion": ["NLLLoss", "mse"]}, {"loss": ("cross_entropy", "mean_squared_error")}, ""),
        ({"wandb": ["online"]}, {"wandb_mode": ("online",)}, "wandb is taken as wandb_mode"),
        ({"device": ["cuda"], "run_name": ["a"]}, {}, "computes on the processor"),
    ],
)
def test_parameters_are_read_beside_each_other(parameters, becomes, notice):
    content = {name: {"value": v[0]} if len(v) == 1 else {"values": v} for name, v in parameters.items()}
    definition = sweep(epochs={"value": 1}, **content)
    found = {name: tuple(d.grid()) for name, d in definition.parameters.items() if name != "epochs"}
    assert found == becomes
    assert notice in " ".join(said(definition))


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"fc1": {"min": 8, "max": 64}}, "parameters.fc1 are the sizes of one layer each: list the values of all"),
        ({"use_momentum": {"value": True}}, "parameters.use_momentum does not say how much: give a number as momentum"),
        ({"regularizer": {"values": ["l2", "none"]}}, "parameters.regularizer cannot vary: the penalty is L2"),
        (
            {"kernelsize": {"values": [3, 5]}, "zeta": {"values": [1, 2]}, "opt.num_filters": {"values": [[8], [16]]}},
            "unknown settings kernelsize, opt.num_filters: a convolutional network is given whole, as layers: {",
        ),
        ({"data_sizes": {"values": [[100], [200]]}}, "unknown setting data_sizes"),
        ({"model": {"values": ["resnet50", "vit"]}}, "got 'resnet50'; did you mean resnet20? and 'vit'"),
        ({"augment_data": {"values": [True, False]}}, "images are varied by noise, shift, elastic, flip"),
    ],
)
def test_doubtful_parameters_are_refused(parameters, says):
    with pytest.raises(UsageError, match=re.escape(says)):
        sweep(**parameters)


def test_a_project_that_is_named_twice_alike_is_no_doubt():
    content = {"method": "grid", "parameters": {"wandb_project": {"value": "p"}, "lr": {"value": 1}}}
    assert read_sweep({**content, "project": "p"}).constants["wandb_project"] == "p"
    with pytest.raises(UsageError, match="wandb_project stands among the parameters, and in"):
        read_sweep({**content, "project": "q"})


def test_keys_in_another_spelling_are_taken_with_a_notice():
    definition = read_sweep({"Method": "grid", "parameters": {"lr": {"value": 1}}, "run-cap": 10})
    assert (definition.method, definition.run_cap) == ("grid", 10)
    assert any("run-cap is taken as run_cap" in notice for notice in said(definition))


def test_early_stops_without_rungs_stop_nothing():
    stopping = {"type": "hyperband", "max_iter": 2, "s": 2}
    definition = read_sweep({"method": "grid", "parameters": {"lr": {"value": 1}}, "early_terminate": stopping})
    assert definition.early_terminate is None
    assert any(
        "early_terminate has no rungs, and stops no run: max_iter 2 / eta is below 1" in n for n in said(definition)
    )


def test_a_learning_rate_from_0_is_taken_from_just_above():
    definition = sweep(lr={"distribution": "uniform", "min": 0, "max": 0.1})
    assert definition.parameters["learning_rate"] == Uniform(1e-7, 0.1)
    assert "parameters.lr.min: 0 itself is no learning_rate" in " ".join(said(definition))


def test_a_goal_in_capitals_is_taken_with_a_notice():
    content = {
        "method": "random",
        "metric": {"name": "val_acc", "goal": "MAXIMIZE"},
        "parameters": {"lr": {"value": 1}},
    }
    sweep = read_sweep(content)
    assert sweep.metric.goal == "maximize"
    assert "MAXIMIZE is taken as maximize, which W&B would refuse" in " ".join(map(str, sweep.notices))


def test_a_base_that_leaves_no_configuration_is_refused():
    parameters = {"parameters": {"num_layers": {"values": [1, 3]}}, "method": "random"}
    with pytest.raises(Exception, match="layers describes the whole network"):
        read_sweep(parameters, RunConfig(layers=["flatten", "dense:8"]))


def test_the_example_of_w_and_b_s_documentation():
    definition = read_sweep(
        {
            "program": "train.py",
            "method": "bayes",
            "metric": {"name": "validation_loss", "goal": "minimize"},
            "parameters": {
                "learning_rate": {"min": 0.0001, "max": 0.1},
                "batch_size": {"values": [16, 32, 64]},
                "epochs": {"values": [5, 10, 15]},
                "optimizer": {"values": ["adam", "sgd"]},
            },
        }
    )
    assert definition.size is None
    config = definition.to_config(definition.sample(np.random.default_rng(0)), RunConfig())
    assert config.optimizer in ("adam", "sgd")


def test_what_yaml_repeats_is_read_where_it_is_repeated(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text(
        "common: &common {epochs: {value: 3}, lr: {value: 0.1}}\nsizes: &sizes [32, 64]\nmethod: grid\n"
        "parameters:\n  <<: *common\n  lr: {values: [0.2, 0.3]}\n  hidden_size: {values: *sizes}\n"
    )
    sweep = read_sweep(path)
    assert sweep.constants == {"epochs": 3}
    assert {name: each.grid() for name, each in sweep.varying.items()} == {
        "learning_rate": [0.2, 0.3],
        "hidden_size": [32, 64],
    }
    assert "common, sizes: taken for what is repeated elsewhere by *" in [notice.what for notice in sweep.notices]
    path.write_text(path.read_text().replace("values: *sizes", "values: [32]"))
    with pytest.raises(UsageError, match="unknown key 'sizes'"):
        read_sweep(path)
