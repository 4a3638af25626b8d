"""Both passes of a whole network, and how far rounding may part two of them."""

import numpy as np
from tests.rounding import assert_close, deviations, terms_of_network

from handgrad.nn import Network, gradcheck
from handgrad.nn.gradcheck import STEP


def passes(network, images, labels, **mode):
    """The loss of a batch, its gradients and the buffers that it leaves; and then what evaluation gives."""
    loss = network.loss_and_gradients(images, labels, **mode)
    left = {"loss": loss, "gradients": network.gradients.copy(), "buffers": network.buffers.copy()}
    return {**left, "logits": network.logits(images), "probabilities": network.predict_proba(images)}


def rounding(network, images, labels, **mode):
    """How far `passes` may be off by rounding in the network's precision, by the name of each array."""
    exact = Network(network.layers, network.input_shape, loss=network.loss, dtype="float64")
    buffers = network.buffers.astype(float)

    def compute(parameters, images):
        exact.parameters[:], exact.buffers[:] = parameters, buffers
        return passes(exact, images, labels, **mode)

    inputs = network.parameters.astype(float), images.astype(float)
    return deviations(compute, inputs, terms_of_network(network, len(images)), network.dtype)


def check(network, images, labels, expected, **mode):
    """Hold what `passes` gives, by the names in `expected`, against it."""
    allowed = rounding(network, images, labels, **mode)
    found = passes(network, images, labels, **mode)
    for name, value in expected.items():
        assert_close(found[name], value, allowed[name], name)


def wrong_gradients(network, batch, **mode):
    """A line on each parameter whose gradient is not the finite difference of the loss, by the parameter's name.

    Math    the check's five points make of an error e of each loss one of (1 + 8 + 8 + 1) e / 12 h, in each element;
            the truncation h^4 L^(5) / 30 is 3e-18 L^(5): beside that it is nothing. The error is relative to both
            norms, or to 1e-4 of the whole gradient's
    """
    allowed = 18 / 12 * rounding(network, *batch, **mode)["loss"] / STEP
    checks, found = gradcheck(network, batch, **mode), {}
    network.loss_and_gradients(*batch, **mode)
    assert [check.name for check in checks] == [slot.name for slot in network.parameter_slots]
    for check, slot in zip(checks, network.parameter_slots, strict=True):
        norm, whole = (np.linalg.norm(vector) for vector in (slot.view(network.gradients), network.gradients))
        limit = allowed * np.sqrt(check.checked) / max(2 * norm, 1e-4 * whole)
        layer = f"{type(network.layers[slot.layer]).__name__} {check.name}"
        if check.checked <= check.on_kink:
            found[check.name] = f"{layer}: {check.on_kink} of {check.checked + check.on_kink} elements are on a kink"
        elif not check.relative_error <= limit:
            found[check.name] = (
                f"{layer}: its gradient is off by {check.relative_error:.2g}, rounding makes {limit:.2g}"
            )
    return found
