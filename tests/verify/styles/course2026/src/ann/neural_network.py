import numpy as np

from .activations import get_activation
from .neural_layer import Layer
from .objective_functions import cross_entropy, cross_entropy_grad, mse, mse_grad


class NeuralNetwork:
    def __init__(self, cli_args):
        sizes = [784] + list(cli_args.hidden_size) + [10]
        self.layers = [Layer(a, b, cli_args.weight_init) for a, b in zip(sizes[:-1], sizes[1:])]
        self.activations = [get_activation(cli_args.activation) for _ in sizes[1:-1]]
        self.loss_name = cli_args.loss

    def forward(self, X):
        out = X
        for i, layer in enumerate(self.layers):
            out = layer.forward(out)
            if i < len(self.activations):
                out = self.activations[i].forward(out)
        return out

    def compute_loss(self, y_true, logits):
        return mse(y_true, logits) if self.loss_name == "mse" else cross_entropy(y_true, logits)

    def backward(self, y_true, y_pred):
        grad = mse_grad(y_true, y_pred) if self.loss_name == "mse" else cross_entropy_grad(y_true, y_pred)
        grad_W, grad_b = [], []
        for i in reversed(range(len(self.layers))):
            grad = self.layers[i].backward(grad)
            grad_W.append(self.layers[i].grad_W)
            grad_b.append(self.layers[i].grad_b)
            if i > 0:
                grad = self.activations[i - 1].backward(grad)
        self.grad_W = np.empty(len(grad_W), dtype=object)
        self.grad_b = np.empty(len(grad_b), dtype=object)
        for i, (w, b) in enumerate(zip(grad_W, grad_b)):
            self.grad_W[i], self.grad_b[i] = w, b
        return self.grad_W, self.grad_b

    def get_weights(self):
        d = {}
        for i, layer in enumerate(self.layers):
            d[f"W{i}"] = layer.W.copy()
            d[f"b{i}"] = layer.b.copy()
        return d

    def set_weights(self, weights):
        for i, layer in enumerate(self.layers):
            layer.W = weights[f"W{i}"].copy()
            layer.b = weights[f"b{i}"].copy()
