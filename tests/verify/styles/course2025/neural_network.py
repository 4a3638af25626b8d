import numpy as np


class NeuralNetwork:
    def __init__(
        self, input_size, hidden_layers, output_size, activation="sigmoid", loss="cross_entropy", weight_init="xavier"
    ):
        self.sizes = [input_size] + hidden_layers + [output_size]
        self.activation, self.loss = activation, loss
        self.W, self.b = [], []
        for i in range(len(self.sizes) - 1):
            scale = np.sqrt(2 / (self.sizes[i] + self.sizes[i + 1])) if weight_init == "xavier" else 0.1
            self.W.append(scale * np.random.randn(self.sizes[i], self.sizes[i + 1]))
            self.b.append(np.zeros((1, self.sizes[i + 1])))

    def _g(self, x):
        return {"sigmoid": lambda: 1 / (1 + np.exp(-x)), "tanh": lambda: np.tanh(x), "relu": lambda: np.maximum(x, 0)}[
            self.activation.lower()
        ]()

    def _dg(self, x):
        if self.activation.lower() == "sigmoid":
            return self._g(x) * (1 - self._g(x))
        return 1 - np.tanh(x) ** 2 if self.activation.lower() == "tanh" else np.where(x > 0, 1.0, 0.0)

    def forward(self, X):
        self.a, self.h = [], [X]
        for i in range(len(self.W)):
            self.a.append(self.h[-1] @ self.W[i] + self.b[i])
            if i == len(self.W) - 1:
                e = np.exp(self.a[-1] - self.a[-1].max(axis=1, keepdims=True))
                self.h.append(e / e.sum(axis=1, keepdims=True))
            else:
                self.h.append(self._g(self.a[-1]))
        return self.h[-1]

    def calculate_loss(self, y_true, y_pred):
        if self.loss == "cross_entropy":
            return -np.sum(y_true * np.log(y_pred + 1e-9)) / len(y_true)
        return 0.5 * np.sum((y_pred - y_true) ** 2) / len(y_true)

    def backward(self, X, y_true):
        n = X.shape[0]
        y_pred = self.h[-1]
        if self.loss == "cross_entropy":
            da = y_pred - y_true
        else:
            g = y_pred - y_true
            da = y_pred * (g - (g * y_pred).sum(axis=1, keepdims=True))
        dW, db = {}, {}
        for i in range(len(self.W) - 1, -1, -1):
            dW[i] = self.h[i].T @ da / n
            db[i] = np.sum(da, axis=0, keepdims=True) / n
            if i > 0:
                da = (da @ self.W[i].T) * self._dg(self.a[i - 1])
        return dW, db
