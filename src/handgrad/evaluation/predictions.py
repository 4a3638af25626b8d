"""What one model or an ensemble predicts for images of known class, and how far an answer can be trusted."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from handgrad import kernels
from handgrad.errors import DivergedError, UsageError
from handgrad.nn import Network

Array = NDArray[Any]
NEIGHBOURS = 10_000  # training images among which the nearest is looked for
REFERENCES = 500  # test images whose distances are the usual ones
UNUSUAL = 0.99  # quantile of these, beyond which a picture is unlike the training images
SMALLEST = float(np.finfo(np.float64).tiny)  # in place of a probability that was rounded to 0
FEWEST = 50  # test images on which the share of right answers is estimated
FIRST_WORD = 1e-6  # far below one vote
ROUNDS = 50  # of greedy selection


class Predictions(NamedTuple):
    """A score of every class for every image, and the true classes.

    `scores` are probabilities; where `probabilistic` is False (an SVM's decision function, votes) they only rank.

    Shapes  scores (N, K) float64; labels (N,) int64 in [0, K)
    """

    scores: Array
    labels: Array
    class_names: tuple[str, ...]
    probabilistic: bool = True

    @property
    def classes(self) -> int:
        """How many classes there are, also those without an image."""
        return len(self.class_names)

    @property
    def predicted(self) -> Array:
        """The class of the highest score; the first one of several.  Shapes  -> (N,) int64"""
        return self.scores.argmax(axis=1)

    @property
    def right(self) -> Array:
        """Whether an image was taken for what it is.  Shapes  -> (N,) bool"""
        return self.predicted == self.labels

    @property
    def losses(self) -> Array:
        """Of each image -ln p of its true class; of mere scores, how far another class lies ahead.  Shapes  -> (N,)"""
        true = self.scores[np.arange(len(self.labels)), self.labels]
        return -np.log(np.maximum(true, SMALLEST)) if self.probabilistic else self.scores.max(axis=1) - true

    def largest_losses(self, count: int) -> Array:
        """The rows of the images of largest loss, the largest first; of equal ones the first.  Shapes  -> (count,)"""
        return np.argsort(-self.losses, kind="stable")[:count]


def predict(network: Network, images: Array, labels: Array, class_names: Sequence[str] = ()) -> Predictions:
    """The network's probabilities, worked out in float64 so that none is rounded to 0 or to its neighbour's.

    Classes are called as `class_names` says, or as the network does, or by their numbers.

    Shapes  images (N, *input_shape) uint8 or float; labels (N,) int in [0, K)
    Raises  UsageError for images or labels that do not fit; DivergedError when an output is not finite.
    """
    network.batches(images, labels)  # which checks both
    logits = network.logits(images).astype(np.float64)
    broken = np.count_nonzero(~np.isfinite(logits).all(axis=1))
    if broken:
        raise DivergedError(f"the network's outputs are not finite for {broken} of {len(logits)} images: it diverged")
    names = tuple(class_names) or network.class_names or tuple(map(str, range(network.classes)))
    return Predictions(scipy.special.softmax(logits, axis=1), np.asarray(labels, np.int64), names)


def require_images(predictions: Predictions) -> None:
    """Raises  UsageError when there are none: no share of nothing is a number."""
    if not len(predictions.labels):
        raise UsageError("there are no images to evaluate on: choose another part or data set (--on, --dataset)")


def same_images(one: Predictions, other: Predictions) -> bool:
    """Whether two models can be compared image by image, as far as labels and classes tell."""
    return one.class_names == other.class_names and np.array_equal(one.labels, other.labels)


class Measure(NamedTuple):
    """Accuracies and F1 as shares of 1, and mean loss without penalties or class weights, in evaluation mode.

    `balanced_accuracy` is the mean recall of the classes that occur; `macro_f1` the mean F1 of those that occur in
    truth or prediction.
    """

    accuracy: float = float("nan")
    loss: float = float("nan")
    balanced_accuracy: float = float("nan")
    macro_f1: float = float("nan")


def class_means(labels: Array, predicted: Array, classes: int) -> tuple[float, float]:
    """Balanced accuracy and macro F1, as scikit-learn's `balanced_accuracy_score` and `f1_score(average="macro")`.

    Shapes  labels, predicted (N,) int in [0, K), N > 0
    Math    recall[c] = right[c] / true[c];  F1[c] = 2 right[c] / (true[c] + taken[c])
    """
    true, taken = (np.bincount(each, minlength=classes) for each in (labels, predicted))
    right = np.bincount(labels[labels == predicted], minlength=classes)
    recalls = right[true > 0] / true[true > 0]
    either = true + taken > 0
    return float(recalls.mean()), float((2 * right[either] / (true + taken)[either]).mean())


def measure(network: Network, images: Array, labels: Array, rows: Array | None = None) -> Measure:
    """What a network is worth over `rows` of the images (all of them by default), NaN when there are none.

    Shapes  images (N, *input_shape) uint8 or float; labels (N,) int in [0, K); rows (n,) int
    """
    batches = network.batches(images, labels, rows)
    if not batches.order.size:
        return Measure()
    logits = np.empty((batches.order.size, network.classes), network.dtype)
    loss, accuracy = kernels.driver.evaluate_rows(network.program(batches.size), batches, logits)
    means = class_means(batches.labels[batches.order], logits.argmax(axis=1), network.classes)
    return Measure(float(accuracy), float(loss), *means)


class Familiarity(NamedTuple):
    """Training images of length 1, and the distance to the nearest of them within which most test images lie."""

    known: Array
    usual: float

    def unlike(self, pictures: Array) -> Array:
        """Which pictures are farther from every training image than 99 % of the test images.  Shapes  -> (N,) bool"""
        return _distances(pictures, self.known) > self.usual


def familiarity(train: Array, test: Array) -> Familiarity:
    """By the cosine distance of pixels, which does not depend on brightness.

    Shapes  train, test (N, ...) any number of each; evenly spaced ones are used
    """
    known = of_length_one(_some(train, NEIGHBOURS))
    return Familiarity(known, float(np.quantile(_distances(_some(test, REFERENCES), known), UNUSUAL)))


class Trust(NamedTuple):
    """Of `images` test images with the most similar probability of the answer, the share that was right."""

    share: float
    images: int


def trust(predictions: Predictions, probability: float) -> Trust:
    """The share of right answers among the FEWEST test images whose highest probability is nearest to this one."""
    nearest = np.argsort(np.abs(predictions.scores.max(axis=1) - probability), kind="stable")[:FEWEST]
    return Trust(float(predictions.right[nearest].mean()), len(nearest))


def _some(images: Array, most: int) -> Array:
    return images[np.linspace(0, len(images) - 1, min(most, len(images))).astype(int)]


def of_length_one(images: Array) -> Array:
    """Each as a row of length 1; one of zeros stays so.  Shapes  (N, ...) -> (N, D) float32"""
    flat = images.reshape(len(images), -1).astype(np.float32)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def _distances(images: Array, known: Array) -> Array:
    """Math  1 - max over known images of the cosine of the angle.  Shapes  -> (N,)"""
    return 1 - (of_length_one(images) @ known.T).max(axis=1)


def ensemble(members: Sequence[Predictions]) -> Predictions:
    """The mean of the members' probabilities, or their votes where one of them has no probabilities.

    Among classes of equally many votes, the one that the earliest member named wins.

    Raises  UsageError when there are no members, or they were asked about different images.
    """
    if not members:
        raise UsageError("an ensemble needs at least one run")
    first = members[0]
    if not all(same_images(first, other) for other in members):
        raise UsageError("the members of an ensemble must be asked about the same images")
    if all(member.probabilistic for member in members):
        return first._replace(scores=np.mean([member.scores for member in members], axis=0))
    votes = np.zeros_like(first.scores)
    for place, member in enumerate(members):
        votes[np.arange(len(votes)), member.predicted] += 1 + FIRST_WORD * 2.0**-place
    return first._replace(scores=votes / len(members), probabilistic=False)


def select_greedily(library: Sequence[Predictions], rounds: int = ROUNDS) -> list[int]:
    """The places in `library` of an ensemble's members, one for each time that a member counts.

    Again and again the member is added, also repeatedly, with which the mean of probabilities is best; the best of all
    these ensembles is returned. Best is the one of most right answers, among equal ones that of least cross-entropy.

    Raises  UsageError when the members were asked about different images, or have no probabilities.
    Ref     Caruana, Niculescu-Mizil, Crew & Ksikes (2004), Ensemble Selection from Libraries of Models
    """
    first = library[0]
    if not all(same_images(first, each) and each.probabilistic for each in library):
        raise UsageError("members can be selected only by their probabilities for the same images")
    total, picks = np.zeros_like(first.scores), list[int]()
    reached: list[tuple[int, float]] = []
    for count in range(1, rounds + 1):
        qualities = [_quality((total + each.scores) / count, first.labels) for each in library]
        best = max(range(len(library)), key=qualities.__getitem__)
        total += library[best].scores
        picks.append(best)
        reached.append(qualities[best])
    return picks[: reached.index(max(reached)) + 1]


def _quality(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[int, float]:
    """Right answers, and the mean log probability of the true class, without the noise of its last digits."""
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    right = int(np.sum(scores.argmax(axis=1) == labels))
    return right, round(float(np.mean(np.log(np.maximum(own, np.finfo(np.float64).tiny)))), 9)
