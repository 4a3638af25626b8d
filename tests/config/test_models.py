"""`model`: the networks that have a name, and those listed in a file."""

import pytest
from tests.ingredients import nn

from handgrad.config import RunConfig, build_layers
from handgrad.config.layer_list import NAMED, build_layer, named_network
from handgrad.errors import FileSystemError, UsageError
from handgrad.nn import He, Network, XavierUniform
from handgrad.nn.graph import graph_of

LISTED = """
- conv2d: {filters: 6, kernel_size: [2, 3], padding: valid}
- relu
- max_pool2d: 2
- dense:20
"""
AS_TEXTS = ("conv2d:6,2x3,padding=valid", "relu", "max_pool2d:2", "dense:20")


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(LISTED)
    return path


def test_cnn_is_the_network_of_the_course_report():
    stage = [nn.Conv2D(4, 3, initializer=He()), nn.BatchNorm(), nn.ReLU(), nn.MaxPool2D(2)]
    layers = build_layers(RunConfig(model="cnn"), 10)
    assert layers == [*stage, *stage, nn.Flatten(), nn.Dense(10, He())]
    # 4 (9 + 1) + 8, 4 (36 + 1) + 8, and 4 channels of 7 x 7 pixels: 196 * 10 + 10
    assert Network(layers, (28, 28)).parameters.size == 48 + 156 + 1970


@pytest.mark.parametrize(("side", "filters"), [(7, [16]), (28, [16, 32]), (32, [16, 32, 64]), (64, [16, 32, 64, 64])])
def test_cnn_for_colour_halves_the_image_until_it_is_below_8_pixels(side, filters):
    layers = build_layers(RunConfig(model="cnn"), 10, (3, side, side + 5))
    assert [layer.filters for layer in layers if isinstance(layer, nn.Conv2D)] == filters
    *_, before, _, _ = Network(layers, (3, side, side + 5)).plans
    assert min(before.output[1:]) < 8


def test_cnn_takes_the_activation_and_the_initialiser():
    layers = build_layers(RunConfig(model="cnn", activation="tanh", weight_init="xavier"), 10)
    assert [layers[0], layers[2]] == [nn.Conv2D(4, 3, initializer=XavierUniform()), nn.Tanh()]


def test_a_file_becomes_the_list_of_layers(net):
    config = RunConfig(model=str(net))
    assert (config.layers, config.model) == (AS_TEXTS, "mlp")
    assert RunConfig.from_mapping({"model": net}) == config
    assert RunConfig.from_mapping(config.to_mapping()) == config, "the file is not needed again"
    assert "--layers conv2d:6,2x3,padding=valid relu max_pool2d:2 dense:20" in config.command()


def test_a_file_may_name_the_list(net):
    net.write_text("layers: [relu, 'dense:5']")
    assert RunConfig(model=str(net)).layers == ("relu", "dense:5")


def test_a_network_described_anew_replaces_the_old_description(net):
    deep, listed, cnn = RunConfig(num_layers=5, dropout=0.1), RunConfig(model=str(net)), RunConfig(model="cnn")
    assert deep.replaced(model="CNN") == cnn
    assert deep.replaced(model=net) == listed
    assert listed.replaced(model="cnn") == cnn
    assert cnn.replaced(layers=list(AS_TEXTS)) == listed
    assert listed.replaced(model="mlp") == RunConfig()
    assert cnn.replaced(epochs=3).model == "cnn"


def test_names_and_commands():
    config = RunConfig(model="cnn", dataset="mnist", seed=2)
    assert config.auto_name() == "mnist_cnn_bs_128_ac_relu_adam_lr_0.001_s_2"
    assert config.command() == "handgrad train --dataset mnist --model cnn --seed 2"


@pytest.mark.parametrize("content", ["epochs: 3", "cnn", "{layers: 3}", "{layers: [relu], epochs: 3}"])
def test_a_file_without_a_list_is_refused(content, net):
    net.write_text(content)
    with pytest.raises(UsageError, match=r"net\.yaml must hold a list of layers such as .*\(--model\)$"):
        RunConfig(model=str(net))


def test_a_missing_file_and_layers_besides_are_refused(net):
    with pytest.raises(FileSystemError, match=r"cannot read .*other\.yaml"):
        RunConfig(model=str(net.with_name("other.yaml")))
    with pytest.raises(UsageError, match=r"layers is given twice: in .*net\.yaml and by itself"):
        RunConfig(model=str(net), layers=["relu"])


# LeNet-5 as it is usually built: 156 + 2,416 + 48,120 + 10,164 + 850; ResNet-20 in
# He et al. (2016), table 6; VGG8 by its own code; Mixer-S in the paper's sizes, below.
PAPERS = {"lenet5": (61_706, 1), "resnet20": (270_000, 5_000), "vgg8": (3_918_858, 1)}


def count(items, shape, classes):
    layers = [build_layer(item) for item in [*items, f"dense:{classes}"]]
    return sum(part.size for plan in graph_of(layers, shape).plans for part in plan.parameters)


@pytest.mark.parametrize("name", NAMED)
def test_named_networks_have_the_parameters_of_the_papers(name):
    said = named_network(name)
    assert count(said["layers"], tuple(said["input"]), 10) == said["parameters"]
    expected, apart = PAPERS.get(name, (said["parameters"], 1))
    assert abs(said["parameters"] - expected) < apart
    config = RunConfig(model=name)
    assert build_layers(config, 10) == build_layers(RunConfig(layers=said["layers"]), 10)
    assert f"--model {name}" in config.command()
    with pytest.raises(UsageError, match=f"model {name} describes the whole network: leave out dropout"):
        RunConfig(model=name, dropout=0.1)


@pytest.mark.parametrize(("patch", "millions"), [(16, 18.5), (32, 19.1)])
def test_the_mixer_in_the_papers_sizes_has_its_parameters(patch, millions):
    """Table 1: 18 and 19 million. 224 / 16 = 14 patches a side, 512 channels, layers of 256 and 2,048 units."""
    side, ours = 224 // patch, " ".join(named_network("mlp-mixer-s")["layers"])
    ours = ours.replace("conv2d:64,1 gelu conv2d:64,1", f"conv2d:256,1 gelu conv2d:{side**2},1")
    ours = ours.replace("conv2d:512,1 gelu conv2d:128,1", "conv2d:2048,1 gelu conv2d:512,1")
    ours = ours.replace("conv2d:128,4,4", f"conv2d:512,{patch},{patch}").replace("transpose:8", f"transpose:{side}")
    assert round(count(ours.split(), (3, 224, 224), 1000) / 1e6, 1) == millions


BLOCKS = """
- conv2d: {filters: 8, padding: [0, 1, 0, 1], bias: false}
- residual: [conv2d:8, relu]
- repeat:
    times: 2
    layers:
      - Residual: {layers: [conv2d:8, batch_norm], shortcut: [conv2d:8,1]}
- concat: [[conv2d:4,1], [], [relu, residual: [tanh]]]
"""
PROJECTED = ["split", "conv2d:8", "batch_norm", "branch", "conv2d:8,1", "add"]
AS_A_LIST = (
    *("conv2d:8,padding=0x1x0x1,bias=false", "split", "conv2d:8", "relu", "branch", "add", *PROJECTED, *PROJECTED),
    *("split", "conv2d:4,1", "branch", "branch", "relu", "split", "tanh", "branch", "add", "concat"),
)


def test_blocks_become_a_list_of_layers(net):
    net.write_text(BLOCKS)
    config = RunConfig(model=str(net))
    assert config.layers == AS_A_LIST
    assert RunConfig.from_mapping(config.to_mapping()) == config
    assert RunConfig(layers=" ".join(config.layers)).layers == config.layers, "on a command line"
    layers = build_layers(config, 10)
    assert Network(layers, (3, 6, 6)).plans[-2].output == (20, 5, 5)
    assert layers[0] == nn.Conv2D(8, padding=(0, 1, 0, 1), bias=False, initializer=He())


WRONG = {
    "- residual: {layer: [relu]}": "residual, which takes a list, or layers and shortcut, got layer",
    "- concat: [relu, relu]": "concat, which takes two or more lists of layers, got",
    "- repeat: [relu]": "repeat, which takes times and layers, got",
    "- repeat: {times: 0, layers: [relu]}": "repeat, whose times must be",
    "- residual: [conv3d:8]": "conv3d.*did you mean conv2d",
    "- conv2d: {filters: 4, padding: full}": "conv2d.*padding must be",
    "- conv2d: {filters: 4, bias: 2}": "conv2d.*bias must be",
}


@pytest.mark.parametrize(("content", "message"), WRONG.items())
def test_what_is_wrong_in_a_block_is_told_in_a_line(content, message, net):
    net.write_text(content)
    with pytest.raises(UsageError, match=message) as refused:
        RunConfig(model=str(net))
    assert "\n" not in str(refused.value)


MISFITS = {
    "shapes": (["split", "conv2d:4", "branch", "add"], r"layer 3, Add: add takes .*, got \(4, 6, 6\) and \(3, 6, 6\)"),
    "sides": (["split", "max_pool2d", "branch", "concat"], r"layer 3, Concat: .*\(3, 3, 3\) and \(3, 6, 6\)"),
    "not joined": (["split", "conv2d:4", "branch"], "layer 0, Split, has no end: give it Add or Concat"),
    "no split": (["conv2d:4", "add"], "layer 1, Add, has no Split before it"),
    "groups": (["conv2d:4,groups=2"], "groups needs channels and filters that 2 divides, got 3 channels and 4 filters"),
    "padding": (
        ["conv2d:4,3,padding=3"],
        "padding must be less than the 3 pixels that a kernel reaches in height, got 3",
    ),
}


@pytest.mark.parametrize(("layers", "message"), MISFITS.values(), ids=MISFITS)
def test_what_does_not_fit_is_refused_with_both_shapes_and_the_layer(layers, message):
    with pytest.raises(UsageError, match=message):
        Network(build_layers(RunConfig(layers=layers), 10), (3, 6, 6))
