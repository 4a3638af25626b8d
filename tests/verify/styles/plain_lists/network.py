import numpy as np


class MLP:
    """A plain class with lists."""

    def __init__(self, layer_sizes, activation="tanh", lr=0.01):
        rng = np.random.RandomState(0)
        self.weights = [rng.randn(m, n) / np.sqrt(m) for m, n in zip(layer_sizes[:-1], layer_sizes[1:])]
        self.biases = [np.zeros(n) for n in layer_sizes[1:]]
        self.activation = activation
        self.lr = lr

    def act(self, z):
        if self.activation == "relu":
            return np.where(z > 0, z, 0)
        if self.activation == "tanh":
            return np.tanh(z)
        return 1 / (1 + np.exp(-z))

    def act_prime(self, z):
        if self.activation == "relu":
            return (z > 0) * 1.0
        if self.activation == "tanh":
            return 1 - np.tanh(z) ** 2
        s = 1 / (1 + np.exp(-z))
        return s * (1 - s)

    def feedforward(self, x):
        self.hs, self.zs = [x], []
        h = x
        for w, b in zip(self.weights[:-1], self.biases[:-1]):
            z = np.dot(h, w) + b
            h = self.act(z)
            self.zs.append(z)
            self.hs.append(h)
        z = np.dot(h, self.weights[-1]) + self.biases[-1]
        ex = np.exp(z - z.max(axis=-1, keepdims=True))
        self.probs = ex / ex.sum(axis=-1, keepdims=True)
        return self.probs

    def loss(self, x, labels):
        p = self.feedforward(x)
        return -np.log(p[np.arange(len(labels)), labels]).mean()

    def backprop(self, x, labels):
        p = self.feedforward(x)
        delta = p.copy()
        delta[np.arange(len(labels)), labels] -= 1
        delta /= len(labels)
        dws, dbs = [None] * len(self.weights), [None] * len(self.weights)
        for i in range(len(self.weights) - 1, -1, -1):
            dws[i] = np.dot(self.hs[i].T, delta)
            dbs[i] = delta.sum(axis=0)
            if i > 0:
                delta = np.dot(delta, self.weights[i].T) * self.act_prime(self.zs[i - 1])
        return dws, dbs
