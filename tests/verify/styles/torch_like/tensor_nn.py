import numpy as np


class Module:
    def __init__(self):
        self._modules = {}
        self._parameters = {}

    def __setattr__(self, name, value):
        if isinstance(value, Module):
            self.__dict__.setdefault("_modules", {})[name] = value
        elif isinstance(value, Parameter):
            self.__dict__.setdefault("_parameters", {})[name] = value
        object.__setattr__(self, name, value)

    def parameters(self):
        for p in self._parameters.values():
            yield p
        for m in self._modules.values():
            yield from m.parameters()

    def zero_grad(self):
        for p in self.parameters():
            p.grad = np.zeros_like(p.data)

    def __call__(self, *args):
        return self.forward(*args)


class Parameter:
    def __init__(self, data):
        self.data = np.asarray(data, dtype=np.float64)
        self.grad = np.zeros_like(self.data)


class Linear(Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        bound = 1 / np.sqrt(in_features)
        self.weight = Parameter(np.random.uniform(-bound, bound, (out_features, in_features)))
        self.bias = Parameter(np.zeros(out_features))

    def forward(self, x):
        self.x = x
        return x @ self.weight.data.T + self.bias.data

    def backward(self, grad_out):
        self.weight.grad += grad_out.T @ self.x
        self.bias.grad += grad_out.sum(0)
        return grad_out @ self.weight.data


class ReLU(Module):
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, grad_out):
        return grad_out * self.mask


class Sequential(Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = list(layers)
        for i, l in enumerate(layers):
            setattr(self, f"l{i}", l)

    def forward(self, x):
        for l in self.layers:
            x = l(x)
        return x

    def backward(self, g):
        for l in reversed(self.layers):
            g = l.backward(g)
        return g


class CrossEntropyLoss(Module):
    def forward(self, logits, target):
        z = logits - logits.max(1, keepdims=True)
        self.p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        self.target = target
        return -np.log(self.p[np.arange(len(target)), target]).mean()

    def backward(self):
        g = self.p.copy()
        g[np.arange(len(self.target)), self.target] -= 1
        return g / len(self.target)


class MLP(Module):
    def __init__(self, in_dim, hidden_dim, out_dim):
        super().__init__()
        self.net = Sequential(Linear(in_dim, hidden_dim), ReLU(), Linear(hidden_dim, hidden_dim), ReLU(), Linear(hidden_dim, out_dim))
        self.criterion = CrossEntropyLoss()

    def forward(self, x):
        return self.net(x)

    def loss(self, logits, target):
        return self.criterion(logits, target)

    def backward(self):
        return self.net.backward(self.criterion.backward())

    def train_step(self, x, target, lr=0.1):
        self.zero_grad()
        loss = self.loss(self.forward(x), target)
        self.backward()
        for p in self.parameters():
            p.data -= lr * p.grad
        return loss
