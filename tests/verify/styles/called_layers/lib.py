import numpy as np
class Linear:
    def __init__(self, in_dim, out_dim):
        self.weight = np.random.randn(in_dim, out_dim) * 0.1
        self.bias = np.zeros(out_dim)
    def __call__(self, x):
        self.x = x
        return x.dot(self.weight) + self.bias
    def backward(self, grad_output):
        self.grad_weight = self.x.T.dot(grad_output)
        self.grad_bias = grad_output.sum(axis=0)
        return grad_output.dot(self.weight.T)
class Tanh:
    def __call__(self, x):
        self.out = np.tanh(x); return self.out
    def backward(self, grad_output):
        return grad_output * (1 - self.out * self.out)
class Net:
    def __init__(self, in_dim, hidden_dims, out_dim):
        d = [in_dim] + hidden_dims
        self.seq = []
        for a, b in zip(d, d[1:]):
            self.seq.append(Linear(a, b)); self.seq.append(Tanh())
        self.seq.append(Linear(d[-1], out_dim))
    def __call__(self, x):
        for m in self.seq: x = m(x)
        return x
    def backward(self, grad_output):
        for m in self.seq[::-1]: grad_output = m.backward(grad_output)
        return grad_output
class Adam:
    def __init__(self, model, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.layers = [m for m in model.seq if isinstance(m, Linear)]
        self.lr, self.betas, self.eps, self.t = lr, betas, eps, 0
        self.m = [[0, 0] for _ in self.layers]; self.v = [[0, 0] for _ in self.layers]
    def step(self):
        self.t += 1
        b1, b2 = self.betas
        for i, l in enumerate(self.layers):
            for j, (p, g) in enumerate([(l.weight, l.grad_weight), (l.bias, l.grad_bias)]):
                self.m[i][j] = b1 * self.m[i][j] + (1 - b1) * g
                self.v[i][j] = b2 * self.v[i][j] + (1 - b2) * g ** 2
                p -= self.lr * (self.m[i][j] / (1 - b1 ** self.t)) / (np.sqrt(self.v[i][j] / (1 - b2 ** self.t)) + self.eps)
