import numpy as np


class Layer:
    def __init__(self, n_in, n_out, weight_init="random"):
        if weight_init == "xavier":
            limit = np.sqrt(6.0 / (n_in + n_out))
            self.W = np.random.uniform(-limit, limit, (n_in, n_out))
        else:
            self.W = np.random.randn(n_in, n_out) * 0.01
        self.b = np.zeros((1, n_out))
        self.grad_W = None
        self.grad_b = None

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, delta):
        self.grad_W = self.x.T @ delta
        self.grad_b = np.sum(delta, axis=0, keepdims=True)
        return delta @ self.W.T
