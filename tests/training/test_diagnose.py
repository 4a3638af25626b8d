"""What is told before a training, and after one that learned nothing."""

import numpy as np
import pytest
from tests.ingredients import nn, optim

from handgrad.data import Dataset, Split, load, split
from handgrad.errors import UsageError
from handgrad.nn import Network
from handgrad.nn.initializers import Normal, Zeros
from handgrad.training import Settings, fit
from handgrad.training.diagnose import diagnose, lonely_batches

DIGITS = load("digits")
NORMED = [nn.Flatten(), nn.Dense(8), nn.BatchNorm(), nn.ReLU(), nn.Dense(10)]


def told(parts, names=tuple("0123456789"), dataset=None, **settings):
    network = Network([nn.Flatten(), nn.Dense(len(names))], parts.x.shape[1:])
    return [(each.severity, str(each)) for each in diagnose(parts, names, dataset, network, Settings(**settings))]


def altered(**parts):
    """The digits with other arrays in place of some."""
    arrays = {name: getattr(DIGITS, name) for name in ("x_train", "y_train", "x_test", "y_test")}
    return Dataset("set", **(arrays | parts), class_names=DIGITS.class_names)


def findings(dataset, **settings):
    return told(split(dataset, 0.1, 0), dataset=dataset, **settings)


def test_nothing_is_said_of_an_ordinary_training():
    assert findings(DIGITS, epochs=5) == []


@pytest.mark.parametrize(
    ("parts", "severity", "fragment"),
    [
        ({"y_train": DIGITS.y_train * 0 + 7}, "error", "1294 training images are of one class, 7"),
        (
            {"x_train": DIGITS.x_train * 0 + np.uint8(255)},
            "error",
            "1294 training images are blank, every pixel is 255",
        ),
        ({"x_train": DIGITS.x_train * 0 + DIGITS.x_train[0]}, "error", "1294 training images are one and the same"),
        ({"y_train": DIGITS.y_train % 9}, "warning", "of classes without a training image: 9"),
        ({"y_test": DIGITS.y_test % 9}, "warning", "no test image is of class 9"),
        ({"x_test": DIGITS.x_train[:359]}, "warning", "test images are training images too"),
        (
            {"x_train": np.where(np.arange(len(DIGITS.x_train))[:, None, None] % 2, DIGITS.x_train, np.uint8(3))},
            "warning",
            "training images are blank",
        ),
    ],
    ids=["one class", "blank", "equal", "unknown class", "untested class", "leak", "some blank"],
)
def test_images_and_labels(parts, severity, fragment):
    assert [each for each in findings(altered(**parts), epochs=5) if each[0] == severity and fragment in each[1]]


def test_few_steps_and_few_validation_images():
    few = findings(DIGITS, epochs=2, batch_size=100)
    assert few == [
        (
            "warning",
            "26 steps in all (epochs 2, 13 steps each) are few to learn from. Raise epochs, or lower batch_size",
        )
    ]
    parts = split(DIGITS, 0.02, 0)
    ((_, message),) = told(parts, epochs=9)
    assert "the epoch to keep is chosen by 29 validation images: each of them is 3.4 points" in message
    assert told(parts, epochs=9, keep="last") == []


@pytest.mark.parametrize(
    ("images", "size", "severity"),
    [
        (100, 1, "error"),
        (101, 20, "error"),
        (1, 20, "error"),
        (21, 20, "error"),
        (100, 2, "warning"),
        (103, 20, "warning"),
        (100, 20, None),
        (104, 20, None),
        (4, 20, None),
    ],
)
def test_batch_norm_wants_several_images(images, size, severity):
    """And the batch size that is proposed leaves no small batch."""
    found = list(lonely_batches(Network(NORMED, (8, 8)), images, size))
    assert [each.severity for each in found] == ([severity] if severity else [])
    assert not list(lonely_batches(Network([nn.Flatten(), nn.Dense(3)], (8, 8)), images, size))
    for each in found:
        proposed = [int(word.rstrip(",")) for word in each.fix.split() if word.rstrip(",").isdigit()]
        assert all(not list(lonely_batches(Network(NORMED, (8, 8)), images, n)) for n in proposed)
        assert proposed or images < 4


def test_batch_norm_of_channels_has_pixels_to_go_by():
    network = Network([nn.Conv2D(2, 3), nn.BatchNorm(), nn.ReLU(), nn.Flatten(), nn.Dense(10)], (8, 8))
    assert not list(lonely_batches(network, 100, 1))


def test_fit_refuses_what_cannot_work():
    with pytest.raises(UsageError, match=r"batch_norm needs several images in each batch, got one in every batch"):
        fit(Network(NORMED, (8, 8)), DIGITS, epochs=1, batch_size=1)
    images = DIGITS.x_train[:40] / 255
    images[3, 2, 1] = np.nan
    with pytest.raises(UsageError, match=r"1 of 40 images with NaN or infinity, the first is image 3 \(NaN\)"):
        fit(Network(NORMED, (8, 8)), (images, DIGITS.y_train[:40]), epochs=1)


def layered(*hidden, **options):
    return Network([nn.Flatten(), *hidden, nn.Dense(10, **options)], (8, 8))


LEVELS = np.rint(DIGITS.x_train / 255 * 16)


def scored(pixels, white):
    """Right answers of 200 images after four epochs on others: trained and asked in one type."""
    network = layered(nn.Dense(16), nn.ReLU())
    fit(network, (pixels[200:], DIGITS.y_train[200:]), epochs=4, optimizer=optim.Adam(0.005))
    assert network.scaling.scale == pytest.approx(1 / white)
    return int((network.predict_proba(pixels[:200]).argmax(axis=1) == DIGITS.y_train[:200]).sum())


def test_fit_takes_whole_numbers_for_pixels_whatever_their_type():
    """Scales of a power of two give the same bits; 255 and 4095 round otherwise."""
    floats = layered(nn.Dense(16), nn.ReLU())
    fit(floats, (LEVELS[200:] / 16, DIGITS.y_train[200:]), epochs=4, optimizer=optim.Adam(0.005))
    right = int((floats.predict_proba(LEVELS[:200] / 16).argmax(axis=1) == DIGITS.y_train[:200]).sum())
    assert right > 150
    for kind in (np.uint8, np.int8, np.int64, np.uint16):
        assert scored(LEVELS.astype(kind), 16) == right
    assert abs(scored(np.rint(LEVELS * 4095 / 16).astype(np.uint16), 4095) - right) <= 6
    assert abs(scored(DIGITS.x_train, 255) - right) <= 6


def test_channels_last_are_refused():
    with pytest.raises(UsageError, match=r"input_shape must be \(channels, height, width\), got \(8, 8, 3\)"):
        Network([nn.Conv2D(2, 3), nn.Flatten(), nn.Dense(2)], (8, 8, 3))
    network = Network([nn.Conv2D(2, 3), nn.Flatten(), nn.Dense(2)], (3, 8, 8))
    with pytest.raises(UsageError, match=r"got \(8, 8, 3\). With channels last, give np.moveaxis\(images, -1, 1\)"):
        network.logits(np.zeros((5, 8, 8, 3)))
    assert network.logits(np.zeros((5, 192))).shape == (5, 2)


@pytest.mark.parametrize(
    ("make", "options", "cause"),
    [
        (lambda: layered(nn.Dense(32), nn.ReLU()), {"optimizer": optim.SGD(500.0)}, "lower learning_rate (now 500)"),
        (
            lambda: layered(nn.Dense(32), nn.ReLU()),
            {"optimizer": optim.Adam(1e-8)},
            "100,000 times smaller than the 0.001 of the optimizer",
        ),
        (
            lambda: layered(nn.Dense(32, Zeros()), nn.ReLU(), initializer=Zeros()),
            {},
            "have the same weights and stay alike",
        ),
        (
            lambda: layered(nn.Dense(32, Normal(300.0)), nn.Sigmoid()),
            {"optimizer": optim.SGD(1e-6)},
            "layer 2 (Sigmoid) are at the ends",
        ),
        (
            lambda: layered(*[layer for _ in range(10) for layer in (nn.Dense(16), nn.Sigmoid())]),
            {},
            "gradients vanish",
        ),
        (
            lambda: layered(nn.Dense(8), nn.Dropout(0.98), nn.ReLU(), nn.Dense(8), nn.Dropout(0.98)),
            {"epochs": 1},
            "takes away 98 %",
        ),
    ],
    ids=["rate too high", "rate too low", "zeros", "saturated", "vanishing", "dropout"],
)
def test_a_training_at_the_chance_level_says_why(make, options, cause, caplog):
    fit(make(), DIGITS, **({"epochs": 2} | options))
    assert "is at the chance level: always naming the largest class is right for" in caplog.text
    assert cause in caplog.text
    assert "the data can be learned" in caplog.text


def test_shuffled_labels_are_suspected(caplog):
    labels = np.random.default_rng(0).permutation(DIGITS.y_train)
    fit(layered(nn.Dense(16), nn.ReLU()), (DIGITS.x_train, labels), epochs=4)
    assert "labels may not belong to their images" in caplog.text
    assert "the data may be at fault" in caplog.text


def test_a_training_that_learned_is_left_alone(caplog):
    fit(layered(nn.Dense(16), nn.ReLU()), DIGITS, epochs=4, optimizer=optim.Adam(0.005))
    assert "chance" not in caplog.text


def test_classes_out_of_balance(caplog):
    rare = np.flatnonzero((DIGITS.y_train == 0) | (np.arange(len(DIGITS.y_train)) % 90 == 0))
    parts = Split(DIGITS.x_train[rare], np.minimum(DIGITS.y_train[rare], 1), np.arange(100), np.arange(100, len(rare)))
    fit(layered(nn.Dense(4), nn.ReLU()), parts, epochs=1, optimizer=optim.Adam(1e-6))
    assert "of the training images are of one class: balance the classes" in caplog.text
