import numpy as np


class MLP:
    def __init__(self, layer_sizes, weight_decay=0.0):
        self.W = [np.random.randn(a, b) / np.sqrt(a) for a, b in zip(layer_sizes[:-1], layer_sizes[1:])]
        self.b = [np.zeros(b) for b in layer_sizes[1:]]
        self.weight_decay = weight_decay

    def forward(self, X):
        self.a = [X]
        for W, b in zip(self.W[:-1], self.b[:-1]):
            self.a.append(np.maximum(0, self.a[-1] @ W + b))
        z = self.a[-1] @ self.W[-1] + self.b[-1]
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def loss(self, y_true, y_pred):
        data = -np.mean(np.sum(y_true * np.log(y_pred + 1e-12), axis=1))
        return data + 0.5 * self.weight_decay * sum(np.sum(w**2) for w in self.W)

    def backward(self, y_true, y_pred):
        delta = (y_pred - y_true) / len(y_true)
        dW, db = [None] * len(self.W), [None] * len(self.W)
        for i in range(len(self.W) - 1, -1, -1):
            dW[i] = self.a[i].T @ delta
            db[i] = delta.sum(axis=0)
            dW[i] += self.weight_decay * self.W[i]
            if i:
                delta = (delta @ self.W[i].T) * (self.a[i] > 0)
        return dW, db
