import numpy as np


class TwoLayerNet(object):
    def __init__(self, input_size, hidden_size, output_size, std=1e-1):
        self.params = {}
        self.params["W1"] = std * np.random.randn(hidden_size, input_size)
        self.params["b1"] = np.zeros(hidden_size)
        self.params["W2"] = std * np.random.randn(output_size, hidden_size)
        self.params["b2"] = np.zeros(output_size)
        self.grads = {}

    def predict_probs(self, X):
        W1, b1, W2, b2 = (self.params[k] for k in ("W1", "b1", "W2", "b2"))
        self.X = X
        self.h = np.maximum(0, X.dot(W1.T) + b1)
        s = self.h.dot(W2.T) + b2
        s = s - np.max(s, axis=1, keepdims=True)
        self.p = np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True)
        return self.p

    def total_loss(self, y):
        return -np.sum(np.log(self.p[range(len(y)), y]))

    def compute_gradients(self, y):
        ds = self.p.copy()
        ds[range(len(y)), y] -= 1
        self.grads["W2"] = ds.T.dot(self.h)
        self.grads["b2"] = ds.sum(axis=0)
        dh = ds.dot(self.params["W2"])
        dh[self.h <= 0] = 0
        self.grads["W1"] = dh.T.dot(self.X)
        self.grads["b1"] = dh.sum(axis=0)
