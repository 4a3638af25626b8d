import numpy as np
class BinaryNet:
    def __init__(self, n_x, n_h, n_y=1):
        np.random.seed(2)
        self.W1 = np.random.randn(n_h, n_x) * 0.01
        self.b1 = np.zeros((n_h, 1))
        self.W2 = np.random.randn(n_y, n_h) * 0.01
        self.b2 = np.zeros((n_y, 1))
    def forward_propagation(self, X):
        self.X = X
        self.A1 = np.tanh(self.W1 @ X + self.b1)
        self.A2 = 1 / (1 + np.exp(-(self.W2 @ self.A1 + self.b2)))
        return self.A2
    def compute_cost(self, A2, Y):
        m = Y.shape[1]
        return float(-(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)).sum() / m)
    def backward_propagation(self, Y):
        m = Y.shape[1]
        dZ2 = self.A2 - Y
        self.dW2 = dZ2 @ self.A1.T / m
        self.db2 = dZ2.sum(axis=1, keepdims=True) / m
        dZ1 = self.W2.T @ dZ2 * (1 - self.A1 ** 2)
        self.dW1 = dZ1 @ self.X.T / m
        self.db1 = dZ1.sum(axis=1, keepdims=True) / m
