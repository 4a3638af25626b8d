import numpy as np


class Net:
    def __init__(self, n_x, n_h, n_y, learning_rate=0.1):
        self.lr = learning_rate
        self.W1 = np.random.randn(n_x, n_h) * 0.1
        self.B1 = np.zeros((1, n_h))
        self.W2 = np.random.randn(n_h, n_y) * 0.1
        self.B2 = np.zeros((1, n_y))

    def softmax(self, z):
        z = np.exp(z - np.max(z, axis=1, keepdims=True))
        return z / z.sum(axis=1, keepdims=True)

    def forward(self, X):
        self.Z1 = np.dot(X, self.W1) + self.B1
        self.A1 = np.tanh(self.Z1)
        return self.softmax(np.dot(self.A1, self.W2) + self.B2)

    def train_step(self, X, Y):
        out = self.forward(X)
        m = X.shape[0]
        dZ2 = (out - Y) / m
        dW2 = np.dot(self.A1.T, dZ2)
        dZ1 = np.dot(dZ2, self.W2.T) * (1 - np.power(self.A1, 2))
        self.W2 -= self.lr * dW2
        self.B2 -= self.lr * np.sum(dZ2, axis=0, keepdims=True)
        self.W1 -= self.lr * np.dot(X.T, dZ1)
        self.B1 -= self.lr * np.sum(dZ1, axis=0, keepdims=True)
        return -np.mean(np.sum(Y * np.log(out + 1e-10), axis=1))
