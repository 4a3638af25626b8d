"""The five course reports are trained as they say: what a recipe states is what its runs replication are given."""

import pytest

from handgrad.claims import REPORTS, read_document, report_file
from handgrad.config import RunConfig, build_layers, value_type_of
from handgrad.config.describe import idle
from handgrad.config.lookup import setting_name
from handgrad.nn import Network
from handgrad.reproduce.plan import Choice, make_plan
from handgrad.reproduce.tasks import config_of

OTHERWISE = {"ee6132-2018": {"model"}}  # an SVM of either kernel there is a model of its own here
TUNABLE = {"learning_rate", "weight_init", "init_scale", "momentum", "weight_decay"}


def trained(report):
    """The document, and its experiments that runs are made for."""
    document = read_document(report_file(report))
    return document, [name for name, each in document.experiments.items() if not each.ensemble]


@pytest.mark.parametrize("report", REPORTS)
def test_replications_have_the_stated_settings(report):
    document, names = trained(report)
    for name in names:
        config = config_of(document, name)
        stated = {each: value for each, value in document.settings_of(name).items() if each in RunConfig.model_fields}
        for setting in set(stated) - idle(config) - OTHERWISE.get(report, set()):
            got = getattr(config, setting)
            assert value_type_of(setting).read(stated[setting]) in (got, (got,)), f"{name}: {setting}"


@pytest.mark.slow
@pytest.mark.parametrize("report", REPORTS)
def test_retrained_is_tuned_in_a_few_settings_and_never_on_test_images(report, tmp_path):
    document = read_document(report_file(report))
    tuning = {document.tuned_by(name) for name in document.experiments if "retrained" in document.variants(name)}
    assert bool(tuning - {None}) == document.reports  # an experiment of its own has nothing to be retrained
    for name, planned in make_plan(document, Choice(), tmp_path).sweeps.items():
        assert planned.definition.metric.name == "validation_accuracy"
        assert planned.base.validation_fraction > 0
        assert (planned.base.fold, planned.base.log_test) == (None, False)
        if name in tuning:
            assert set(planned.definition.varying) <= TUNABLE
            assert 6 <= planned.wanted <= 16


@pytest.mark.parametrize("report", REPORTS)
def test_a_value_left_open_has_its_reasons_and_stands_once(report):
    document = read_document(report_file(report))
    parts = [document, *document.experiments.values()]
    opened = [(setting_name(written), choice) for part in parts for written, choice in part.open.items()]
    stated = [
        (setting_name(written), value) for part in parts for written, value in (part.settings | part.train).items()
    ]
    assert len(opened) > 4
    for setting, choice in opened:
        assert type(choice.value) not in (int, float) or (setting, choice.value) not in stated
        assert choice.why.endswith(".")
        assert not choice.sweep or 5 <= len(choice.sweep) <= 9


@pytest.mark.parametrize("report", REPORTS)
def test_no_comment_says_what_is_open(report):
    assert "# open" not in report_file(report).read_text()


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_parameters_are_as_many_as_printed(name):
    document = read_document(report_file("dl-2022"))
    network = Network(build_layers(config_of(document, name), 10), (28, 28))
    assert network.parameters.size == document.experiments[name].printed.parameters
