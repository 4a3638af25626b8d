"""The five course reports are trained as they say: what a recipe states is what its runs replication are given."""

import pytest

from handgrad.claims import REPORTS, read_document, report_file
from handgrad.config import RunConfig, build_layers, value_type_of
from handgrad.config.describe import idle
from handgrad.nn import Network
from handgrad.reproduce.tasks import config_of

# An SVM of either kernel there is a model of its own here; a penalty on the sum over a batch there, on its mean here.
OTHERWISE = {"ee6132-2018": {"model"}, "ee6132-momentum": {"weight_decay"}}
ARCHITECTURE = ("dataset", "num_layers", "hidden_size", "activation", "dropout", "batch_norm", "layers", "epochs")


def trained(report):
    """The document, and its experiments that runs are made for."""
    document = read_document(report_file(report))
    return document, [name for name, each in document.experiments.items() if not each.ensemble]


@pytest.mark.parametrize("report", REPORTS)
def test_replications_have_the_stated_settings(report):
    document, names = trained(report)
    for name in names:
        config = config_of(document, name, "replication")
        stated = {each: value for each, value in document.settings_of(name).items() if each in RunConfig.model_fields}
        for setting in set(stated) - idle(config) - OTHERWISE.get(report, set()):
            got = getattr(config, setting)
            assert value_type_of(setting).read(stated[setting]) in (got, (got,)), f"{name}: {setting}"


@pytest.mark.parametrize("report", REPORTS)
def test_retrained_keeps_network_data_and_epochs(report):
    document, names = trained(report)
    for name in names:
        if "retrained" in document.variants(name):
            one, other = (config_of(document, name, variant) for variant in ("replication", "retrained"))
            assert [getattr(one, each) for each in ARCHITECTURE] == [getattr(other, each) for each in ARCHITECTURE]


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_parameters_are_as_many_as_printed(name):
    document = read_document(report_file("dl-2022"))
    network = Network(build_layers(config_of(document, name, "replication"), 10), (28, 28))
    assert network.parameters.size == document.experiments[name].printed.parameters
