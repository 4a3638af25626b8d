"""Saliency, Grad-CAM and occlusion against PyTorch's own gradients of the same network, in float64."""

import numpy as np
import pytest
from tests.ingredients import nn

import handgrad
from handgrad.errors import UsageError
from handgrad.evaluation.explanation import backward, explain, gradcam_layer
from handgrad.nn import Network, Scaling

torch = pytest.importorskip("torch")

NETWORKS = {
    "cnn in colour": (
        [
            *(nn.Conv2D(4, 3), nn.BatchNorm(), nn.ReLU(), nn.MaxPool2D(2)),
            *(nn.Conv2D(5, 3, 2), nn.Tanh(), nn.Dropout(0.3), nn.Flatten(), nn.Dense(4)),
        ],
        (3, 16, 9),
        6,
    ),
    "pooled": ([nn.Conv2D(4, 3), nn.ReLU(), nn.GlobalAveragePool(), nn.Dense(4)], (16, 9), 1),
    "with two paths": (
        [
            *(nn.Split(), nn.Conv2D(3, 3), nn.ReLU(), nn.Branch(), nn.Conv2D(3, 1), nn.Add(), nn.Tanh()),
            *(nn.Flatten(), nn.Dense(4)),
        ],
        (2, 16, 9),
        6,
    ),
    "mlp": ([nn.Flatten(), nn.Dense(6), nn.LayerNorm(), nn.Sigmoid(), nn.Dense(4)], (16, 9), None),
}
CLOSE = {"rtol": 0, "atol": 1e-10}


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS.keys())
def case(request):
    """A network with statistics of its own, its port, an image, and the layer that Grad-CAM weighs."""
    from handgrad.torch_port import to_torch

    layers, shape, layer = request.param
    generator = np.random.default_rng(0)
    network = Network(layers, shape, dtype="float64", seed=3)
    network.loss_and_gradients(generator.normal(size=(6, *shape)), generator.integers(0, 4, 6))
    return network, to_torch(network).eval(), generator.normal(size=shape), layer


def test_saliency_is_the_gradient_of_the_score(case):
    network, port, image, _ = case
    before = network.gradients.copy(), network.buffers.copy()
    entered = torch.tensor(image[None], requires_grad=True)
    score = port(entered)[0, 2]
    score.backward()
    found = explain(network, image, 2)
    np.testing.assert_allclose(found.saliency, entered.grad[0].numpy(), **CLOSE)
    assert found.score == pytest.approx(score.item(), abs=1e-10)
    assert all(map(np.array_equal, before, (network.gradients, network.buffers)))


def test_gradcam_weighs_maps_by_their_mean_gradient(case):
    network, port, image, layer = case
    assert gradcam_layer(network) == layer
    found = explain(network, image, 1)
    if layer is None:
        assert found.gradcam.size == 0
        assert found.layer == "the network has no convolution"
        return
    kept = []
    getattr(port, str(layer)).register_forward_hook(lambda module, entered, output: kept.append(output))
    score = port(torch.tensor(image[None]))[0, 1]
    (gradient,) = torch.autograd.grad(score, kept[0])
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    heat = torch.relu((weights * kept[0]).sum(1, keepdim=True)).detach()
    np.testing.assert_allclose(found.gradcam, heat[0, 0].numpy(), **CLOSE)
    whole = torch.nn.functional.interpolate(heat, size=image.shape[-2:], mode="bilinear", align_corners=False)
    np.testing.assert_allclose(found.heat, whole[0, 0].numpy(), **CLOSE)


def test_occlusion_is_the_mean_fall_over_the_squares_that_cover_a_pixel(case):
    """Of 16 x 9 pixels, squares of 2 x 1 move by 1."""
    network, port, image, _ = case
    border = [np.median(np.concatenate([c[0], c[-1], c[:, 0], c[:, -1]])) for c in image.reshape(-1, 16, 9)]
    total, count = np.zeros((16, 9)), np.zeros((16, 9))
    with torch.no_grad():
        whole = float(port(torch.tensor(image[None]))[0, 3])
        for i in range(15):
            for j in range(9):
                covered = image.reshape(-1, 16, 9).copy()
                covered[:, i : i + 2, j] = np.array(border)[:, None]
                fall = whole - float(port(torch.tensor(covered.reshape(1, *image.shape)))[0, 3])
                total[i : i + 2, j] += fall
                count[i : i + 2, j] += 1
    np.testing.assert_allclose(explain(network, image, 3).occlusion, total / count, **CLOSE)


def test_captum_finds_the_same(case):
    attr = pytest.importorskip("captum.attr", reason="captum is not installed: pip install --no-deps captum")
    network, port, image, layer = case
    entered, found = torch.tensor(image[None], requires_grad=True), explain(network, image, 1)
    saliency = attr.Saliency(port).attribute(entered, target=1, abs=False)[0]
    np.testing.assert_allclose(found.saliency, saliency.numpy(), **CLOSE)
    if layer is not None:
        heat = attr.LayerGradCam(port, getattr(port, str(layer))).attribute(entered, target=1, relu_attributions=True)
        np.testing.assert_allclose(found.gradcam, heat[0, 0].detach().numpy(), **CLOSE)


def test_bytes_are_explained_by_the_whole_range_of_a_pixel():
    """score = w (scale pixel + shift): per 255 levels it changes by 255 scale w, each channel by its own scale."""
    network = Network(
        [nn.Flatten(), nn.Dense(2)], (3, 2, 2), dtype="float64", scaling=Scaling((0.1, 0.2, 0.3), (0.0, 1.0, 2.0))
    )
    image = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    expected = network.views["1.weight"][:, 0].reshape(3, 2, 2) * 255 * np.array([0.1, 0.2, 0.3])[:, None, None]
    np.testing.assert_allclose(explain(network, image, 0).saliency, expected, rtol=1e-12)


def test_gradients_of_every_layer_and_image_at_once():
    """Two dense layers: d score / d hidden = the class's column of weights, where the ReLU lets it through."""
    network = Network([nn.Dense(3), nn.ReLU(), nn.Dense(2)], (4,), dtype="float64")
    images = np.random.default_rng(1).normal(size=(5, 4))
    found = backward(network, images, np.array([0, 1, 0, 1, 1]))
    column = network.views["2.weight"].T[[0, 1, 0, 1, 1]]
    np.testing.assert_allclose(found.gradients[1], column, rtol=1e-12)
    np.testing.assert_allclose(found.gradients[0], column * (found.outputs[0] > 0), rtol=1e-12)
    np.testing.assert_allclose(found.input, found.gradients[0] @ network.views["0.weight"].T, rtol=1e-12)


def test_what_cannot_be_explained():
    network = Network([nn.Dense(2)], (4,))
    with pytest.raises(UsageError, match="takes 4 numbers and no image"):
        explain(network, np.zeros(4))
    with pytest.raises(UsageError, match="there is no class 2: there are 0, 1"):
        explain(Network([nn.Flatten(), nn.Dense(2)], (2, 2)), np.zeros((2, 2)), 2)


def test_a_class_by_its_name_and_an_image_as_a_list():
    network = Network([nn.Flatten(), nn.Dense(2)], (2, 2), class_names=("shoe", "T-shirt"))
    image = [[0, 10], [200, 255]]
    found = handgrad.explain(network, image, "t shirt")
    assert (found.target, found.class_name) == (1, "T-shirt")
    slope = 255 * network.scaling.scale
    np.testing.assert_allclose(found.saliency, slope * network.views["1.weight"][:, 1].reshape(2, 2), rtol=1e-6)
    titles = [axes.get_title(loc="left").split("\n")[0] for axes in found.plot().axes]
    assert titles == ["image", "saliency", "occlusion"]
