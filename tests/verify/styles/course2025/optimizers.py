import numpy as np


class Optimizer:
    def __init__(self, name="sgd", lr=0.01, momentum=0.9, beta=0.9, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.name, self.lr, self.momentum = name, lr, momentum
        self.beta, self.beta1, self.beta2, self.epsilon = beta, beta1, beta2, epsilon
        self.m, self.v, self.t = None, None, 0

    def step(self, params, grads):
        if self.m is None:
            self.m = [np.zeros_like(p) for p in params]
            self.v = [np.zeros_like(p) for p in params]
        self.t += 1
        for i, (p, g) in enumerate(zip(params, grads)):
            if self.name == "sgd":
                p -= self.lr * g
            elif self.name == "momentum":
                self.m[i] = self.momentum * self.m[i] + g
                p -= self.lr * self.m[i]
            elif self.name == "nesterov":
                self.m[i] = self.momentum * self.m[i] + g
                p -= self.lr * (g + self.momentum * self.m[i])
            elif self.name == "rmsprop":
                self.v[i] = self.beta * self.v[i] + (1 - self.beta) * g**2
                p -= self.lr * g / (np.sqrt(self.v[i]) + self.epsilon)
            else:
                self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
                self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g**2
                m_hat = self.m[i] / (1 - self.beta1**self.t)
                v_hat = self.v[i] / (1 - self.beta2**self.t)
                if self.name == "nadam":
                    m_hat = self.beta1 * m_hat + (1 - self.beta1) * g / (1 - self.beta1**self.t)
                p -= self.lr * m_hat / (np.sqrt(v_hat) + self.epsilon)
