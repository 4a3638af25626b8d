"""A network as an ONNX file, for onnxruntime and whatever else reads the format."""

import json
from typing import Any

import numpy as np

from handgrad.exports.operators import Step, calls, installed, scaling_of, trace
from handgrad.nn import Network

OPSET, IR_VERSION = 17, 8  # of 2022: runtimes of that year and later read it


def onnx_content(network: Network) -> bytes:
    """A model in float32.

    Shapes  images (batch, *input_shape), pixels as the data set has them, which the graph normalises
            -> logits (batch, K), probabilities (batch, K)
    Raises  UsageError without the package `onnx`, or for a layer that has no form there.
    """
    onnx = installed("onnx", "onnx")
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, array: Any) -> str:
        constants.append(onnx.numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    def node(operator: str, inputs: list[str], output: str, **values: Any) -> str:
        nodes.append(onnx.helper.make_node(operator, inputs, [output], **values))
        return output

    def apply(step: Step, inputs: list[str]) -> str:
        arrays = {name: constant(step.own[name], array) for name, array in step.arrays.items()}
        begin, known = len(nodes), {name: [array] for name, array in arrays.items()} | {"x": inputs}
        for call in calls(step.text.format(**step.values)):
            output = f"{step.layer}.{call.result or 'output'}_{begin}"
            sources = [each for name in call.inputs for each in known.get(name, [])]  # no bias
            known[call.result] = [node(call.operator, sources, output, **call.values)]
        return known[""][0]

    factor, summand = scaling_of(network)
    scaled = node("Mul", ["images", constant("scale", factor)], "scaled")
    normalised = node("Add", [scaled, constant("shift", summand)], "normalised")
    flat = node("Flatten", [trace(network, "onnx", apply, normalised)], "logits")
    node("Softmax", [flat], "probabilities", axis=1)
    value, real = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    outputs = [value(name, real, ["batch", network.classes]) for name in ("logits", "probabilities")]
    graph = onnx.helper.make_graph(
        nodes, "handgrad", [value("images", real, ["batch", *network.input_shape])], outputs, constants
    )
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="handgrad")
    model.doc_string = description(network)
    onnx.helper.set_model_props(model, {"class_names": json.dumps(list(network.class_names))})
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def description(network: Network) -> str:
    """What goes in and comes out."""
    return (
        f"ONNX opset {OPSET}. Input: images (batch, {', '.join(map(str, network.input_shape))}) float32, pixels as in "
        f"the data set, which the graph normalises: {network.scaling.scale} * pixel + {network.scaling.shift}. "
        f"Outputs: logits and probabilities (batch, {network.classes})."
    )
