"""`train`, `fit` and a network's methods from Python: what people hold is taken, and a mistake is one line."""

import csv
import re

import numpy as np
import pytest

import handgrad
from handgrad import nn
from handgrad.errors import HandgradError, UsageError
from handgrad.optim import Adam
from handgrad.training import CSVLogger, EarlyStopping, ModelCheckpoint
from handgrad.training.settings import Augmentation, read_settings

GENERATOR = np.random.default_rng(0)
CENTRES = np.eye(3, 4)
LABELS = np.arange(60) % 3
X = (CENTRES[LABELS] + GENERATOR.normal(0, 0.1, (60, 4))).astype(np.float32)
WORDS = np.array(["cat", "dog", "eel"])
ROW = [0.1, 0.2, 0.3, 0.4]


@pytest.fixture(autouse=True)
def from_python(monkeypatch):
    monkeypatch.setattr(HandgradError, "names_flags", False)


def small(**settings):
    return handgrad.Network(["dense:8", "relu", "dense:3"], 4, seed=1, **settings)


def trained(x=X, y=LABELS, **settings):
    network = small()
    network.fit(x, y, **{"epochs": 5, "learning_rate": 0.05, "batch_size": 16, "verbose": 0, **settings})
    return network


def column(labels):
    return np.asarray(labels)[:, None]


@pytest.mark.parametrize(
    ("x", "y", "answer"),
    [
        (X.tolist(), LABELS.tolist(), LABELS),
        (X.astype(object), LABELS.astype(object), LABELS),
        (X.astype(np.float64), LABELS.astype(float), LABELS),
        (X, WORDS[LABELS], WORDS[LABELS]),
        (X, list(WORDS[LABELS]), WORDS[LABELS]),
        (X, WORDS[LABELS].astype(object), WORDS[LABELS]),
        (X, np.eye(3)[LABELS], LABELS),
        (X, column(LABELS), LABELS),
        (X, 10 * LABELS + 1, 10 * LABELS + 1),
    ],
)
def test_inputs_in_any_form(x, y, answer):
    network = trained(x, y)
    assert (network.predict(x) == answer).mean() > 0.9
    assert network.evaluate(x, y).accuracy > 0.9
    assert network.predict_proba(x[:2]).shape == (2, 3)


def test_the_same_numbers_in_any_form_train_the_same_bits():
    expected = trained().parameters
    for x, y in ((X.tolist(), LABELS.tolist()), (X, WORDS[LABELS]), (X, np.eye(3)[LABELS])):
        np.testing.assert_array_equal(trained(x, y).parameters, expected)


def test_frames():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: python -m pip install pandas")
    x, y = pandas.DataFrame(X, columns=list("abcd")), pandas.Series(WORDS[LABELS], dtype="category")
    network = trained(x, y)
    np.testing.assert_array_equal(network.parameters, trained().parameters)
    assert (network.predict(x) == y).mean() > 0.9
    with pytest.raises(UsageError, match=r"y has no label in row 2: it is nan"):
        trained(x, y.where(y.index != 2))


def test_names_in_place_of_objects_are_the_objects():
    named = read_settings(
        {"optimizer": "Adam", "lr": 0.01, "beta1": 0.8, "schedule": "cosine", "noise": 0.1, "l1": 0.5}
    )
    assert named.optimizer == Adam(0.01, beta1=0.8)
    assert (named.augmentation, named.transforms.l1) == (Augmentation(noise=0.1), 0.5)
    assert read_settings({"optimizer": Adam(0.5), "beta1": 0.8}).optimizer == Adam(0.5, beta1=0.8)
    by_name, by_object = (
        handgrad.Network(layers, 4, loss=loss, seed=1)
        for layers, loss in (
            (["dense:8", "relu", "dense:3"], "mse"),
            ([nn.Dense(8), nn.ReLU(), nn.Dense(3)], nn.LOSSES["mean_squared_error"]()),
        )
    )
    assert by_name.layers == by_object.layers
    assert by_name.loss == by_object.loss


def test_validation_data_weights_and_a_function(capsys):
    seen = []
    network = small()
    history = network.fit(
        X[:40], LABELS[:40], validation_data=(X[40:], LABELS[40:]), epochs=3, batch_size=10, sample_weight=LABELS[:40],
        callbacks=[lambda epoch, logs: seen.append((epoch, logs["val_loss"], logs["train_loss"]))], verbose=0,
    )  # fmt: skip
    assert seen == [(each.epoch, each.validation_loss, each.train_loss) for each in history.epochs]
    assert network.history is history
    assert len(history.losses) == 3 * -(-np.count_nonzero(LABELS[:40]) // 10)  # images of weight 0 are left out
    assert network.evaluate(X[40:], LABELS[40:]).loss == pytest.approx(
        history.best("validation_accuracy").validation_loss
    )
    assert capsys.readouterr().out == ""
    small().fit(X, LABELS, epochs=2)
    assert len(re.findall(r"epoch \d", capsys.readouterr().out)) == 2


def test_train_is_one_line_and_an_exception_stops():
    network = handgrad.train(X, WORDS[LABELS], layers=["dense:8", "relu"], epochs=4, lr=0.05, verbose=0, preset="plain")
    assert (network.predict(X) == WORDS[LABELS]).mean() > 0.9
    assert network.history.epochs[-1].epoch == 4
    weighted = handgrad.train(X, WORDS[LABELS], layers="dense:8", class_weight={"eel": 3}, epochs=1, verbose=0)
    assert weighted.class_weights == (1, 1, 3)
    network = handgrad.train(X, LABELS, layers="dense:8 relu", callbacks=lambda epoch, logs: epoch == 2, verbose=0)
    assert (network.history.stopped, len(network.history.epochs)) == ("callback", 2)


def test_callbacks_with_names_that_people_know(tmp_path):
    network, log = small(), tmp_path / "log.csv"
    watching = [
        EarlyStopping(monitor="val_loss", patience=2, min_delta=10.0),
        ModelCheckpoint(tmp_path / "best.safetensors", monitor="val_loss", save_best_only=True),
        ModelCheckpoint(tmp_path / "all-{epoch:02d}.safetensors"),
        CSVLogger(log),
    ]
    history = network.fit(X, LABELS, epochs=9, learning_rate=0.05, callbacks=watching, verbose=0)
    assert (history.stopped, len(history.epochs)) == ("patience", 3)  # no epoch is better than the first by 10
    with log.open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["validation_loss"]) for row in rows] == [each.validation_loss for each in history.epochs]
    assert {row["test_loss"] for row in rows} == {""}
    kept = handgrad.load_model(tmp_path / "best.safetensors")  # the least loss was that of the last epoch
    np.testing.assert_array_equal(kept.parameters, network.parameters)
    assert len(list(tmp_path.glob("all-0?.safetensors"))) == 3


def changed(values, place, value):
    values = np.array(values, object)
    values[place] = value
    return values


NAN = np.where(np.arange(240).reshape(60, 4) == 7, np.nan, X)
MISTAKES = [
    ((NAN, LABELS), "x is not all finite: 1 of 60 images with NaN or infinity, the first is image 1"),
    ((np.where(np.isnan(NAN), np.inf, NAN), LABELS), "the first is image 1 (infinity)"),
    (([["a", "b", "c", "d"]] * 60, LABELS), "x holds texts such as"),
    ((changed(X, (3, 1), "a"), LABELS), "x holds 'a' at [3, 1], expected numbers only"),
    ((changed(X, (3, 1), None), LABELS), "x holds None at [3, 1], expected numbers only"),
    ((None, LABELS), "x must be an array, a list or a frame, got None"),
    (({"a": 1}, LABELS), "x must be an array, a list or a frame, got a dict"),
    (([ROW, ROW[:3]], [0, 1]), "its rows have different lengths"),
    ((X[0], LABELS), "x must have an axis of images first, got shape (4,)"),
    ((X[:0], LABELS[:0]), "x holds no images"),
    ((X.reshape(60, 2, 2)[:, :, :1], LABELS), "the network takes images of shape (4,), got (2, 1)"),
    ((X[:, :3], LABELS), "the network takes images of shape (4,), got (3,)"),
    ((X + 1j, LABELS), "x holds values of type complex"),
    ((X, LABELS[:50]), "x has 60 images, but there are 50 labels: give one for each"),
    ((X, None), "data must be images and labels, (x, y), got a ndarray"),
    ((X, 3), "y must be an array, a list or a frame, got a int"),
    ((X, LABELS * 0), "all 54 training images are of one class, 0"),
    ((X, np.arange(60)), "y has 60 classes (0, 1, 2, 3, 4, …), but the network 3 outputs: end it with dense:60"),
    ((X, LABELS + 0.5), "label 0.5 in row 0 and in 59 other rows, expected a whole number"),
    ((X, changed(LABELS, 5, None)), "y has no label in row 5: it is None"),
    ((X, changed(LABELS, 5, "a")), "y mixes texts and numbers: 'a' and 0"),
    ((X, np.ones((60, 3))), "row 0 of shape (60, 3) is not one-hot"),
    ((X, LABELS, {"optimizer": "adm"}), "did you mean adam?"),
    ((X, LABELS, {"optimizer": 3}), "optimizer must be a name such as"),
    ((X, LABELS, {"learning_rate": -1}), "learning_rate must be positive, got -1"),
    ((X, LABELS, {"epochs": 2.5}), "epochs must be a whole number, got 2.5"),
    ((X, LABELS, {"epoch": 2, "bach_size": 3}), "unknown setting bach_size: did you mean batch_size?"),
    ((X, LABELS, {"dropout": 0.5}), "dropout describes a network: give it to handgrad.Network or handgrad.train"),
    ((X, LABELS, {"monitor": "roc"}), "monitor must be one of"),
    ((X, LABELS, {"validation_data": X}), "validation_data must be images and labels, (x, y), got a ndarray"),
    ((X, LABELS, {"validation_data": (X[:9].astype(int), LABELS[:9])}), "Give both in one type"),
    ((X, LABELS, {"sample_weight": -np.ones(60)}), "sample_weight must be finite and not negative"),
    ((X, LABELS, {"sample_weight": [1.0, 2.0]}), "sample_weight must be 60 numbers, one an image"),
    ((X, [*LABELS[:30], *map(str, LABELS[30:])]), "y mixes texts and numbers: '0' and 0"),
    ((X.astype(str), LABELS), "x holds texts such as '"),
    ((X, LABELS, {"callbacks": "early_stopping"}), "a function of epoch and logs, got 'early_stopping'"),
    ((X, LABELS, {"callbacks": lambda: None}), "does not take: too many positional arguments"),
    (
        (X, LABELS, {"verbose": "loud"}),
        "verbose must be 0 for no progress, or 1 for a bar or a line an epoch, got 'loud'",
    ),
    ((X, LABELS, {"epochs": "3"}), "epochs must be in [0, 1000000], got '3'"),
    ((X, LABELS, {"optimizer": type("Two", (), {"__repr__": lambda _: "Two (\n  lines\n)"})()}), "got Two ( lines )"),
    ((X, LABELS, {"metrics": ["accuracy"]}), "unknown setting metrics"),
    ((X, LABELS, {"callbacks": [EarlyStopping]}), "a callback is a Callback, or a function of epoch and logs"),
    ((X, LABELS, {"callbacks": [EarlyStopping()], "validation_split": 0}), "but no image validates"),
]


@pytest.mark.parametrize(("given", "says"), MISTAKES, ids=[says for _, says in MISTAKES])
def test_a_mistake_is_one_line(given, says):
    x, y, *more = given
    with pytest.raises(UsageError, match=re.escape(says)) as caught:
        small().fit(x, y, **{"verbose": 0, **(more[0] if more else {})})
    assert "\n" not in str(caught.value)
    assert "--" not in str(caught.value)


BUILDING = [
    (lambda: handgrad.Network(["dense:-5"], 4), "dense"),
    (lambda: handgrad.Network(["dens:5"], 4), "did you mean dense?"),
    (lambda: handgrad.Network([None], 4), "layers"),
    (lambda: handgrad.Network(None, 4), "layers must be a list of layers"),
    (lambda: handgrad.Network([], 4), "a network needs at least one layer with parameters"),
    (lambda: handgrad.Network(["dense:3"], None), "input_shape must be that of one image"),
    (lambda: handgrad.Network(["dense:3"], (4,), loss="mess"), "loss must be one of cross_entropy, mean_squared_error"),
    (lambda: handgrad.Network(["dense:3"], (4,), dtype="float16"), "dtype must be one of float32, float64"),
    (
        lambda: handgrad.train(X, LABELS, dataset="mnist"),
        "train takes arrays and returns a network, and has no use for dataset",
    ),
    (lambda: handgrad.train(X, LABELS, model="svm"), "train trains networks"),
    (lambda: handgrad.train(X, LABELS, droput=0.1), "did you mean dropout?"),
    (lambda: handgrad.train(X, LABELS, class_weight={0: 1, 7: 2}), "class_weight names 7, which is no class of y"),
    (lambda: small().evaluate(X, LABELS[:3]), "x has 60 images, but there are 3 labels"),
    (lambda: small().predict([["a"]]), "x holds texts such as"),
    (lambda: ModelCheckpoint("a.h5"), "is named as another library's file"),
    (lambda: ModelCheckpoint("{acc}.safetensors"), "asks for 'acc', which no epoch has"),
    (lambda: small().evaluate(X, LABELS + 5), "y: label 5 in row 0, expected one of 0, 1, 2"),
    (lambda: handgrad.fit("mlp", X, LABELS), "network must be a handgrad.Network, got 'mlp'"),
    (lambda: handgrad.train(X, LABELS, optimizer=Adam()), "train takes optimizer by name, got Adam("),
    (lambda: handgrad.train(X, LABELS, layers=[handgrad.nn.Dense(3)]), "train takes layers by name, got [Dense("),
    (lambda: handgrad.Network(["dense:3"], 4, class_names=["a"]), "class_names has 1 names for 3 outputs"),
    (lambda: handgrad.Network(["dense:3"], 4, seed="x"), "seed must be a whole number, 0 at least, got 'x'"),
    (lambda: handgrad.execute("mnist"), "execute takes a handgrad.RunConfig, got 'mnist'"),
    (lambda: handgrad.load(3), "data set must be a path, got 3"),
    (lambda: handgrad.open_run(None), "run must be a path, got None"),
    (lambda: handgrad.load_model(None), "path must be a path, got None"),
    (lambda: handgrad.save_model(3, "a.safetensors"), "save_model takes a network, got 3"),
    (lambda: ModelCheckpoint(3), "path must be a path, got 3"),
    (lambda: CSVLogger(3), "path must be a path, got 3"),
    (lambda: EarlyStopping(min_delta="a"), "min_delta must be zero or positive, got 'a'"),
    (lambda: EarlyStopping(None), "monitor must be a metric such as validation_loss, got None"),
    (lambda: EarlyStopping("roc"), "monitor must be a metric such as validation_loss, got 'roc'"),
    (lambda: handgrad.RunConfig(epochs=-1), "epochs must be 1 to 1000000, got -1"),
]


@pytest.mark.parametrize(("build", "says"), BUILDING, ids=[says for _, says in BUILDING])
def test_a_mistake_in_building_is_one_line(build, says):
    with pytest.raises(UsageError, match=re.escape(says)) as caught:
        build()
    assert "\n" not in str(caught.value)
    assert "--" not in str(caught.value)


def test_a_summary_is_a_line_a_layer(capsys):
    small().summary()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[:2] for line in lines[2:]] == [["0", "Dense"], ["1", "ReLU"], ["2", "Dense"], ["all", "67"]]


def test_what_is_guessed_is_said(caplog):
    trained(X, 10 * LABELS + 1)
    assert "classes are the labels that occur: 1, 11, 21" in caplog.text
    trained((255 * np.clip(X, 0, 1)).astype(np.float32), LABELS)
    assert "which are not scaled: divide them" in caplog.text
