"""`fit`: train a network in one call."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.data import Dataset, Split, holdout, split
from handgrad.nn import Network
from handgrad.training.history import History
from handgrad.training.observer import Observer
from handgrad.training.settings import Settings
from handgrad.training.trainer import Trainer

Array = NDArray[Any]
VALIDATION = 0.1


def fit(
    network: Network,
    data: Dataset | Split | tuple[Array, Array],
    settings: Settings | None = None,
    *,
    observers: Sequence[Observer] = (),
    **changes: Any,
) -> History:
    """Train `network` on a data set (10 % held out for validation, never the test part), a split, or (images, labels).

    `changes` are fields of Settings, such as epochs=5, optimizer=Adam(1e-3), batch_size=32.

    Raises  UsageError when settings make no sense or data do not fit the network; DivergedError.
    """
    settings = replace(settings or Settings(), **changes)
    return Trainer(network, _split(data, settings.seed), settings, observers).run()


def _split(data: Dataset | Split | tuple[Array, Array], seed: int) -> Split:
    if isinstance(data, Split):
        return data
    if isinstance(data, Dataset):
        return split(data, VALIDATION, seed)
    images, labels = data
    return Split(images, labels, *holdout(np.asarray(labels), VALIDATION, seed))
