"""Augmentation as a training sees it."""

import numpy as np

from handgrad.data import Split
from handgrad.training import Augmentation


def test_noise_is_as_strong_on_floats_as_on_the_same_pixels(make_trainer, digits_split):
    floats = Split(digits_split.x / 255, digits_split.y, digits_split.train_rows, digits_split.validation_rows)
    losses = []
    for split in (digits_split, floats):
        trainer = make_trainer(split=split, dtype="float64", epochs=1, augmentation=Augmentation(noise=0.05))
        losses.append(trainer.run().losses)
    # Pixels differ by the rounding of pixel / 255, which 38 steps let grow.
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-10)
