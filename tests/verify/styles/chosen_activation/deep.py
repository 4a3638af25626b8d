import numpy as np


class DeepNet:
    """Columns are examples."""

    def __init__(self, n_x, hidden_layers, n_y, activation="sigmoid"):
        dims = [n_x] + list(hidden_layers) + [n_y]
        self.L = len(dims) - 1
        self.act = activation
        self.params = {}
        for l in range(1, self.L + 1):
            self.params["W" + str(l)] = np.random.randn(dims[l], dims[l - 1]) / np.sqrt(dims[l - 1])
            self.params["b" + str(l)] = np.zeros((dims[l], 1))

    def g(self, Z):
        if self.act == "sigmoid":
            return 1 / (1 + np.exp(-Z))
        if self.act == "tanh":
            return np.tanh(Z)
        return np.maximum(0, Z)

    def g_prime(self, Z):
        if self.act == "sigmoid":
            s = self.g(Z)
            return s * (1 - s)
        if self.act == "tanh":
            return 1 - np.tanh(Z) ** 2
        return (Z > 0).astype(Z.dtype)

    def forward(self, X):
        self.cache = {"A0": X}
        A = X
        for l in range(1, self.L):
            Z = np.dot(self.params["W" + str(l)], A) + self.params["b" + str(l)]
            A = self.g(Z)
            self.cache["Z" + str(l)] = Z
            self.cache["A" + str(l)] = A
        Z = np.dot(self.params["W" + str(self.L)], A) + self.params["b" + str(self.L)]
        expZ = np.exp(Z - np.max(Z, axis=0, keepdims=True))
        A = expZ / np.sum(expZ, axis=0, keepdims=True)
        self.cache["A" + str(self.L)] = A
        return A

    def compute_cost(self, AL, Y):
        m = Y.shape[1]
        return -1 / m * np.sum(Y * np.log(AL))

    def backward(self, Y):
        m = Y.shape[1]
        self.grads = {}
        dZ = self.cache["A" + str(self.L)] - Y
        for l in range(self.L, 0, -1):
            self.grads["dW" + str(l)] = 1 / m * np.dot(dZ, self.cache["A" + str(l - 1)].T)
            self.grads["db" + str(l)] = 1 / m * np.sum(dZ, axis=1, keepdims=True)
            if l > 1:
                dZ = np.dot(self.params["W" + str(l)].T, dZ) * self.g_prime(self.cache["Z" + str(l - 1)])
        return self.grads
