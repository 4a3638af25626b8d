"""HandgradClassifier: networks under scikit-learn's conventions, for pipelines, searches and cross-validation."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import scipy
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from handgrad.config import RunConfig, build_layers, build_loss
from handgrad.config.describe import idle_line
from handgrad.config.schema import NETWORKS, REPLACED_BY_CNN, REPLACED_BY_NAMED
from handgrad.data import Split, holdout
from handgrad.errors import DivergedError, UsageError
from handgrad.evaluation import Measure
from handgrad.kernels.program import Batches
from handgrad.training import Callback, Epoch, Network, Trainer
from handgrad.training.settings import build_settings

Array = NDArray[Any]
AUTO_BATCH = 200  # as in MLPClassifier
# scikit-learn's names of RunConfig's settings; all other parameters that are settings have the setting's own name.
SETTINGS = {
    "hidden_layer_sizes": "hidden_size",
    "learning_rate_init": "learning_rate",
    "alpha": "weight_decay",
    "max_iter": "epochs",
    "n_iter_no_change": "patience",
    "random_state": "seed",
}
NOT_SETTINGS = ("image_shape", "class_weight", "tol", "early_stopping", "verbose")


def _has_no_last_epoch(estimator: Any) -> bool:
    """Raises  AttributeError, for `available_if`: what chooses an epoch, or decays to the last, is for `fit` alone."""
    if estimator.early_stopping or estimator.schedule != "constant":
        raise AttributeError("partial_fit needs early_stopping=False and schedule='constant': no epoch is its last")
    return True


@dataclass(eq=False, repr=False)
class HandgradClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A network of hand-written layers with the conventions of scikit-learn, and the defaults of MLPClassifier.

    X enters the network as it is: nothing is scaled, not even bytes. Divide pixels by 255, or put a StandardScaler
    before it. Labels may be numbers or text, one a sample.

    Parameters
    ----------
    hidden_layer_sizes, activation, alpha, batch_size, learning_rate_init, max_iter, random_state, tol, n_iter_no_change
    early_stopping, validation_fraction, verbose
        As in MLPClassifier: training stops when the loss (or, with early_stopping, the accuracy on the held-out
        fraction) has not become better by tol for n_iter_no_change epochs. early_stopping keeps the best epoch's
        weights. RunConfig's weight_decay is alpha / batch_size, or alpha by the mean sum of a batch's weights.
        learning_rate_init=None is the optimizer's own.
        batch_size="auto" is 200, or less for fewer samples, or where 200 would leave a last batch of one sample.
    model, layers, dropout, batch_norm, weight_init, loss, label_smoothing, optimizer, momentum, schedule, l1, clip_norm
    dtype
        As in RunConfig; `handgrad train --help all` lists their values.
    class_weight
        "balanced", or a dict of weights by class, as in scikit-learn. It multiplies the sample weights; the loss of a
        batch is divided by the sum of its weights. Accuracies held out for early_stopping are weighted, too.
    image_shape
        Height and width, or channels, height and width, of the image that each row of X is, for model="cnn" and for
        layers that need images; one of them may be -1, as in reshape. X may then have this shape, too.

    Attributes
    ----------
    classes_, n_features_in_, feature_names_in_, n_iter_, loss_curve_, validation_scores_, coefs_, intercepts_
        As in MLPClassifier, but for loss_curve_, which is without the penalty, and for two classes, which have two
        outputs.
    network_
        The trained `handgrad.Network`.
    """

    hidden_layer_sizes: Any = (100,)
    activation: str = "relu"
    model: str = "mlp"
    layers: Any = None
    image_shape: Any = None
    dropout: float = 0.0
    batch_norm: bool = False
    weight_init: str = "xavier"
    loss: str = "cross_entropy"
    label_smoothing: float | None = None
    optimizer: str = "adam"
    learning_rate_init: float | None = None
    momentum: float | None = None
    schedule: str = "constant"
    alpha: float = 0.0001
    l1: float = 0.0
    clip_norm: float = 0.0
    class_weight: Any = None
    batch_size: Any = "auto"
    max_iter: int = 200
    tol: float = 1e-4
    n_iter_no_change: int = 10
    early_stopping: bool = False
    validation_fraction: float = 0.1
    dtype: str = "float32"
    random_state: Any = None
    verbose: bool = False

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network; a sample of weight 2 counts as two, one of weight 0 is left out."""
        with _in_words_of_python():
            config = self._config()
            X, y = self._validated(X, y, config.dtype)
            self.classes_, labels = np.unique(y, return_inverse=True)
            weights = self._weights(sample_weight, X, labels)
            self._begin(config)
            self._train(config, X, labels, weights, config.epochs)
        return self

    @available_if(_has_no_last_epoch)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch of these samples, and go on from there at the next call; the first one names all classes.

        As many calls with the same samples as fit makes epochs give the same weights.
        """
        with _in_words_of_python():
            config = self._config()
            if self.class_weight == "balanced":
                raise ValueError("class_weight='balanced' needs all samples at once: give partial_fit weights by class")
            first = _check_partial_fit_first_call(self, classes)
            X, y = self._validated(X, y, config.dtype, reset=first)
            labels = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
            if unknown := sorted(set(y[self.classes_[labels] != y].tolist())):
                raise ValueError(f"y has {unknown[0]!r}, which is not among the classes of the first partial_fit")
            weights = self._weights(sample_weight, X, labels)
            if first or not hasattr(self, "network_"):
                self._begin(config)
            self._train(config, X, labels, weights, 1)
        return self

    def predict(self, X: Any) -> Array:
        """The likeliest class of each sample."""
        likeliest = self._logits(X).argmax(axis=1)
        return self.classes_[likeliest]

    def predict_proba(self, X: Any) -> Array:
        """Probability of each class, in the order of `classes_`, worked out in float64."""
        return scipy.special.softmax(self._logits(X).astype(np.float64), axis=1)

    @property
    def coefs_(self) -> list[Array]:
        """Weights of each layer that has them; (inputs, outputs) of a dense one."""
        return self._arrays("weight")

    @property
    def intercepts_(self) -> list[Array]:
        """Biases of each layer that has them."""
        return self._arrays("bias")

    def __sklearn_tags__(self) -> Any:
        """Images of one size are what a fixed `image_shape` takes, which no table of any other width is."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = self.image_shape is not None
        tags.input_tags.two_d_array = self.image_shape is None or -1 in np.ravel(self.image_shape).tolist()
        return tags

    def _arrays(self, name: str) -> list[Array]:
        return [view for key, view in self.network_.views.items() if key.endswith(f".{name}")]

    def _config(self) -> RunConfig:
        """The parameters as a configuration, which checks them; a batch_size that is chosen by the data is left out."""
        self._check_what_is_no_setting()
        settings = {name: SETTINGS.get(name, name) for name in self.get_params() if name not in NOT_SETTINGS}
        values = {setting: getattr(self, name) for name, setting in settings.items()}
        if self.layers is not None or self.model != "mlp":
            defaults = {SETTINGS.get(field.name, field.name): field.default for field in fields(self)}
            for name in (
                REPLACED_BY_CNN if self.model == "cnn" else REPLACED_BY_NAMED
            ):  # nobody gave what is as by default
                if name in values and repr(values[name]) == repr(defaults[name]):
                    del values[name]
        elif isinstance(self.hidden_layer_sizes, np.ndarray):
            values["hidden_size"] = self.hidden_layer_sizes.tolist()
        if self.batch_size == "auto":
            del values["batch_size"]
        seed = self.random_state
        values["seed"] = seed if isinstance(seed, Integral) else check_random_state(seed).randint(2**31 - 1)
        config = RunConfig(**values, log_every=10**9)
        if line := idle_line(config, [name for name in ("momentum", "label_smoothing") if values[name] is not None]):
            warnings.warn(line, stacklevel=3)
        return config

    def _check_what_is_no_setting(self) -> None:
        for name in ("early_stopping", "verbose"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise UsageError(f"{name} must be True or False, got {getattr(self, name)!r}")
        if not isinstance(self.tol, Real) or not self.tol >= 0:
            raise UsageError(f"tol must be zero or positive, got {self.tol!r}")
        if self.early_stopping and self.validation_fraction == 0:
            raise UsageError("early_stopping needs validation_fraction above 0, got 0")
        if self.model not in NETWORKS:
            raise UsageError(f"model must be one of {', '.join(NETWORKS)}, got {self.model!r}")
        if self.model == "cnn" and self.image_shape is None:
            raise UsageError("model cnn needs image_shape, such as (28, 28) for rows of 784 pixels")

    def _validated(self, X: Any, y: Any, dtype: str, *, reset: bool = True) -> Any:
        """X as rows of `dtype`, and y unless it is for prediction, checked by scikit-learn."""
        if self.image_shape is not None and getattr(X, "ndim", 2) > 2:
            images = np.asarray(X)
            X = images.reshape(len(images), -1)
            if (shape := self._input_shape(X.shape[1])) != images.shape[1:]:
                raise ValueError(f"X must hold images of shape {shape}, got {images.shape[1:]}")
        if not reset and y is None:
            return validate_data(self, X, reset=False, dtype=dtype, order="C")
        X, y = validate_data(self, X, y, reset=reset, dtype=dtype, order="C")
        check_classification_targets(y)
        return X, y

    def _logits(self, X: Any) -> Array:
        check_is_fitted(self)
        X = self._validated(X, None, self.network_.dtype, reset=False)
        return self.network_.logits(X.reshape(len(X), *self.network_.input_shape))

    def _input_shape(self, features: int) -> tuple[int, ...]:
        if self.image_shape is None:
            return (features,)
        try:
            return np.broadcast_to(0, features).reshape(self.image_shape).shape
        except (TypeError, ValueError):
            what = f"image_shape must have {features} pixels, as X has features"
            raise ValueError(f"{what}, got {self.image_shape!r}") from None

    def _weights(self, sample_weight: Any, X: Array, labels: Array) -> Array | None:
        """How much each sample counts: its weight times that of its class; None where all count alike."""
        if sample_weight is None and self.class_weight is None:
            return None
        weights: Array = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not weights.any():
            raise ValueError("sample_weight is zero for every sample: give at least one a positive weight")
        if self.class_weight == "balanced":
            counts = np.bincount(labels, weights)
            return weights * weights.sum() / (np.count_nonzero(counts) * np.where(counts, counts, 1.0))[labels]
        if self.class_weight is not None:
            by_class = compute_class_weight(self.class_weight, classes=self.classes_, y=self.classes_)
            if not (by_class >= 0).all():
                raise ValueError(
                    f"class_weight must be zero or positive for every class, got {self.class_weight!r:.60}"
                )
            weights = weights * by_class[labels]
        return weights

    def _begin(self, config: RunConfig) -> None:
        """A network with its first weights."""
        classes = len(self.classes_)
        if classes < 2:
            raise ValueError(f"a classifier needs samples of 2 classes or more, got {classes} class")
        shape = self._input_shape(self.n_features_in_)
        layers = build_layers(config, classes)
        self.network_ = Network(
            layers,
            shape,
            loss=build_loss(config),
            seed=config.seed,
            dtype=config.dtype,
        )
        if self.network_.plans[-1].output != (classes,):
            raise UsageError(f"layers give outputs of shape {self.network_.plans[-1].output}, expected ({classes},)")
        self.n_iter_, self.loss_curve_ = 0, list[float]()
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self._made: tuple[int, Array, Array] | None = None

    def _train(self, config: RunConfig, X: Array, labels: Array, weights: Array | None, epochs: int) -> None:
        most = AUTO_BATCH if self.batch_size == "auto" else config.batch_size
        X, labels, weights = _in_one_batch(X, labels, weights, most)
        held_out = config.validation_fraction if self.early_stopping else 0
        rows = np.arange(len(X)) if weights is None else np.flatnonzero(weights)
        kept, held = holdout(labels[rows], held_out, config.seed)
        total = len(kept) if weights is None else float(weights[rows[kept]].sum())
        if weights is not None and np.ptp(weights[rows]) == 0:  # all samples count alike
            weights = None
        parts = Split(X.reshape(len(X), *self.network_.input_shape), labels, rows[kept], rows[held], weights)
        count = len(parts.train_rows)
        fitting = (size for size in range(min(AUTO_BATCH, count), 0, -1) if count % size != 1)
        size = next(fitting) if self.batch_size == "auto" else min(config.batch_size, count)
        settings = build_settings(config)
        penalty = replace(settings.transforms, weight_decay=config.weight_decay * count / (size * total))
        settings = replace(settings, batch_size=size, epochs=epochs, patience=0, transforms=penalty)
        trainer = Continued(self.network_, parts, settings, [Progress(self)])
        if self._made:
            trainer.epochs_before = self.n_iter_
            trainer.steps_before, trainer.optimization.memory[:], trainer.optimization.states[:] = self._made
        trainer.run()
        made = trainer.optimization
        self._made = trainer.steps_before + trainer.step, made.memory.copy(), np.array(made.states)


def _in_one_batch(X: Array, labels: Array, weights: Array | None, most: int) -> tuple[Array, Array, Array | None]:
    """Samples of which `most` or fewer are one batch: in an order of their own, and whole weights as repetitions.

    So neither the order nor whether samples are weighted or repeated changes a bit of what is learned from one batch.
    """
    counts = np.ones(len(X), int) if weights is None else np.rint(weights).astype(int)
    whole = weights is None or np.array_equal(weights, counts)
    if (counts.sum() if whole else len(X)) > most:
        return X, labels, weights
    keys = np.column_stack([labels, np.zeros(len(X)) if weights is None or whole else weights, X])
    order = np.argsort(keys.view(np.dtype((np.void, keys.itemsize * keys.shape[1]))).ravel(), kind="stable")
    if whole:
        order = order.repeat(counts[order])
    return X[order], labels[order], None if weights is None or whole else weights[order]


class Continued(Trainer):
    """A training that goes on after epochs and steps on other samples, and weighs those held out, too."""

    epochs_before = 0

    def batches(self, epoch: int) -> Batches:
        """Shuffled as no epoch before."""
        return super().batches(self.epochs_before + epoch)

    def measure(self, images: Array, labels: Array, rows: Array | None = None) -> Measure:
        """Its accuracy counts samples as the loss in training does."""
        measured, weights = super().measure(images, labels, rows), self.split.weights
        if weights is None or rows is None or not rows.size:
            return measured
        right = self.network.logits(images[rows]).argmax(axis=1) == labels[rows]
        return measured._replace(accuracy=float(np.average(right, weights=weights[rows])))


class Progress(Callback):
    """Writes the epochs down in an estimator, and stops where they have not become better for long."""

    def __init__(self, estimator: HandgradClassifier) -> None:
        self.estimator, self.best, self.stale = estimator, -np.inf, 0

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """As MLPClassifier does it, but without the penalty in the loss."""
        estimator, score = self.estimator, -epoch.train_loss
        estimator.n_iter_ += 1
        estimator.loss_curve_.append(epoch.train_loss)
        if estimator.validation_scores_ is not None:
            score = epoch.validation_accuracy
            estimator.validation_scores_.append(score)
        self.stale = 0 if score >= self.best + estimator.tol else self.stale + 1
        self.best = max(self.best, score)
        if estimator.verbose:
            held_out = "" if estimator.validation_scores_ is None else f", validation accuracy {score:.4f}"
            print(f"epoch {estimator.n_iter_}: loss {epoch.train_loss:.6f}{held_out}", flush=True)
        if self.stale > estimator.n_iter_no_change:
            trainer.stop("patience")


@contextmanager
def _in_words_of_python() -> Iterator[None]:
    """A mistake as the ValueError that scikit-learn's users expect, naming parameters and no flags."""
    try:
        yield
    except (UsageError, DivergedError) as error:
        text = str(error)
        for name, setting in SETTINGS.items():
            text = re.sub(rf"\b{setting}\b", name, text)
        raise (ValueError if isinstance(error, UsageError) else DivergedError)(text) from None
