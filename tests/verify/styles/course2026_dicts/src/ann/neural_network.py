import numpy as np
class NeuralNetwork:
    def __init__(self, cli_args):
        n = cli_args.num_layers
        h = cli_args.hidden_size
        h = h if isinstance(h, (list, tuple)) else [h] * n
        self.dims = [784, *h, 10]
        self.act = cli_args.activation
        rng = np.random.default_rng(1)
        self.W = {i: rng.normal(0, 0.05, (self.dims[i], self.dims[i + 1])) for i in range(len(self.dims) - 1)}
        self.b = {i: np.zeros(self.dims[i + 1]) for i in range(len(self.dims) - 1)}
    def _f(self, z): return {"relu": np.maximum(z, 0), "tanh": np.tanh(z), "sigmoid": 1 / (1 + np.exp(-z))}[self.act]
    def _df(self, a): return {"relu": (a > 0) * 1.0, "tanh": 1 - a * a, "sigmoid": a * (1 - a)}[self.act]
    def forward(self, X):
        self.cache = [X]
        for i in self.W:
            z = self.cache[-1] @ self.W[i] + self.b[i]
            self.cache.append(z if i == len(self.W) - 1 else self._f(z))
        return self.cache[-1]
    def backward(self, y_true, y_pred):
        e = np.exp(y_pred - y_pred.max(1, keepdims=True)); p = e / e.sum(1, keepdims=True)
        d = (p - y_true) / y_true.shape[0]
        L = len(self.W)
        gW, gb = np.empty(L, object), np.empty(L, object)
        for k, i in enumerate(reversed(range(L))):
            gW[k], gb[k] = self.cache[i].T @ d, d.sum(0)
            if i: d = d @ self.W[i].T * self._df(self.cache[i])
        return gW, gb
    def get_weights(self):
        return {f"{n}{i}": getattr(self, n)[i] for i in self.W for n in "Wb"}
    def set_weights(self, w):
        for i in self.W: self.W[i], self.b[i] = w[f"W{i}"].copy(), w[f"b{i}"].copy()
