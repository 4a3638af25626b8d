import numpy as np

class ReluFn:
    @staticmethod
    def apply(v): return np.maximum(v, 0.0)
    @staticmethod
    def derivative(v): return (v > 0).astype(float)

class DenseLayer:
    def __init__(self, n_inputs, n_neurons, act=None):
        self.weights = 0.1 * np.random.randn(n_inputs, n_neurons)
        self.biases = np.zeros((1, n_neurons))
        self.act = act
    def forward(self, inputs):
        self.inputs = inputs
        self.z = np.dot(inputs, self.weights) + self.biases
        self.output = self.act.apply(self.z) if self.act else self.z
        return self.output
    def backward(self, dvalues):
        if self.act: dvalues = dvalues * self.act.derivative(self.z)
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)
        return self.dinputs

class Sequential:
    def __init__(self, input_dim, hidden_units, n_classes):
        dims = [input_dim] + list(hidden_units)
        self.layers = [DenseLayer(a, b, ReluFn) for a, b in zip(dims[:-1], dims[1:])]
        self.layers.append(DenseLayer(dims[-1], n_classes))
    def predict(self, batch):
        out = batch
        for l in self.layers: out = l.forward(out)
        e = np.exp(out - out.max(axis=1, keepdims=True))
        self.proba = e / e.sum(axis=1, keepdims=True)
        return self.proba
    def categorical_loss(self, targets):
        return float(np.mean(-np.log(np.clip(self.proba[np.arange(len(targets)), targets], 1e-7, 1 - 1e-7))))
    def backpropagate(self, targets):
        g = self.proba.copy()
        g[np.arange(len(targets)), targets] -= 1
        g = g / len(targets)
        for l in reversed(self.layers): g = l.backward(g)
