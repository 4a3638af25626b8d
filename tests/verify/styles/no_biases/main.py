import numpy as np
class DeepNeuralNetwork():
    def __init__(self, sizes, epochs=10, l_rate=0.001):
        self.sizes = sizes
        self.epochs = epochs
        self.l_rate = l_rate
        self.params = self.initialization()
    def sigmoid(self, x, derivative=False):
        if derivative:
            return (np.exp(-x))/((np.exp(-x)+1)**2)
        return 1/(1 + np.exp(-x))
    def softmax(self, x):
        exps = np.exp(x - x.max(axis=0))
        return exps / np.sum(exps, axis=0)
    def initialization(self):
        a, b, c, d = self.sizes
        return {'W1': np.random.randn(b, a) * np.sqrt(1. / b), 'W2': np.random.randn(c, b) * np.sqrt(1. / c), 'W3': np.random.randn(d, c) * np.sqrt(1. / d)}
    def forward_pass(self, x_train):
        p = self.params
        p['A0'] = x_train
        p['Z1'] = np.dot(p["W1"], p['A0'])
        p['A1'] = self.sigmoid(p['Z1'])
        p['Z2'] = np.dot(p["W2"], p['A1'])
        p['A2'] = self.sigmoid(p['Z2'])
        p['Z3'] = np.dot(p["W3"], p['A2'])
        p['A3'] = self.softmax(p['Z3'])
        return p['A3']
    def backward_pass(self, y_train, output):
        p = self.params
        m = y_train.shape[1]
        change_w = {}
        error = (output - y_train) / m
        change_w['W3'] = error @ p['A2'].T
        error = np.dot(p['W3'].T, error) * self.sigmoid(p['Z2'], derivative=True)
        change_w['W2'] = error @ p['A1'].T
        error = np.dot(p['W2'].T, error) * self.sigmoid(p['Z1'], derivative=True)
        change_w['W1'] = error @ p['A0'].T
        return change_w
