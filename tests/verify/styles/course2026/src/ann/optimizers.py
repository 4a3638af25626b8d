import numpy as np


class SGD:
    def __init__(self, lr, weight_decay=0.0):
        self.lr = lr
        self.wd = weight_decay

    def update(self, layers):
        for layer in layers:
            layer.W -= self.lr * (layer.grad_W + self.wd * layer.W)
            layer.b -= self.lr * layer.grad_b


class Momentum:
    def __init__(self, lr, beta=0.9, weight_decay=0.0):
        self.lr, self.beta, self.wd = lr, beta, weight_decay
        self.v = {}

    def update(self, layers):
        for i, layer in enumerate(layers):
            if i not in self.v:
                self.v[i] = [np.zeros_like(layer.W), np.zeros_like(layer.b)]
            vw, vb = self.v[i]
            vw[...] = self.beta * vw + self.lr * (layer.grad_W + self.wd * layer.W)
            vb[...] = self.beta * vb + self.lr * layer.grad_b
            layer.W -= vw
            layer.b -= vb


class NAG:
    def __init__(self, lr, beta=0.9, weight_decay=0.0):
        self.lr, self.beta, self.wd = lr, beta, weight_decay
        self.v = {}

    def update(self, layers):
        for i, layer in enumerate(layers):
            if i not in self.v:
                self.v[i] = [np.zeros_like(layer.W), np.zeros_like(layer.b)]
            for k, (p, g) in enumerate(((layer.W, layer.grad_W + self.wd * layer.W), (layer.b, layer.grad_b))):
                old = self.v[i][k]
                new = self.beta * old - self.lr * g
                p += -self.beta * old + (1 + self.beta) * new
                self.v[i][k] = new


class RMSProp:
    def __init__(self, lr, beta=0.9, eps=1e-8, weight_decay=0.0):
        self.lr, self.beta, self.eps, self.wd = lr, beta, eps, weight_decay
        self.s = {}

    def update(self, layers):
        for i, layer in enumerate(layers):
            if i not in self.s:
                self.s[i] = [np.zeros_like(layer.W), np.zeros_like(layer.b)]
            for k, (p, g) in enumerate(((layer.W, layer.grad_W + self.wd * layer.W), (layer.b, layer.grad_b))):
                self.s[i][k] = self.beta * self.s[i][k] + (1 - self.beta) * g**2
                p -= self.lr * g / (np.sqrt(self.s[i][k]) + self.eps)


class Adam:
    def __init__(self, lr, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
        self.lr, self.b1, self.b2, self.eps, self.wd = lr, beta1, beta2, eps, weight_decay
        self.m, self.v, self.t = {}, {}, 0

    def update(self, layers):
        self.t += 1
        for i, layer in enumerate(layers):
            if i not in self.m:
                self.m[i] = [np.zeros_like(layer.W), np.zeros_like(layer.b)]
                self.v[i] = [np.zeros_like(layer.W), np.zeros_like(layer.b)]
            for k, (p, g) in enumerate(((layer.W, layer.grad_W + self.wd * layer.W), (layer.b, layer.grad_b))):
                self.m[i][k] = self.b1 * self.m[i][k] + (1 - self.b1) * g
                self.v[i][k] = self.b2 * self.v[i][k] + (1 - self.b2) * g * g
                mh = self.m[i][k] / (1 - self.b1**self.t)
                vh = self.v[i][k] / (1 - self.b2**self.t)
                p -= self.lr * mh / (np.sqrt(vh) + self.eps)


class Nadam(Adam):
    def update(self, layers):
        self.t += 1
        for i, layer in enumerate(layers):
            if i not in self.m:
                self.m[i] = [np.zeros_like(layer.W), np.zeros_like(layer.b)]
                self.v[i] = [np.zeros_like(layer.W), np.zeros_like(layer.b)]
            for k, (p, g) in enumerate(((layer.W, layer.grad_W + self.wd * layer.W), (layer.b, layer.grad_b))):
                self.m[i][k] = self.b1 * self.m[i][k] + (1 - self.b1) * g
                self.v[i][k] = self.b2 * self.v[i][k] + (1 - self.b2) * g * g
                mh = self.m[i][k] / (1 - self.b1**self.t)
                vh = self.v[i][k] / (1 - self.b2**self.t)
                look = self.b1 * mh + (1 - self.b1) * g / (1 - self.b1**self.t)
                p -= self.lr * look / (np.sqrt(vh) + self.eps)
