import numpy as np

np.random.seed(42)
n_inputs, n_hidden, n_classes = 20, 16, 5

w_hidden = np.random.normal(0, 0.1, (n_inputs, n_hidden))
b_hidden = np.zeros((1, n_hidden))
w_out = np.random.normal(0, 0.1, (n_hidden, n_classes))
b_out = np.zeros((1, n_classes))


def forward(x):
    global hidden, probs, inputs
    inputs = x
    hidden = np.tanh(x @ w_hidden + b_hidden)
    scores = hidden @ w_out + b_out
    exps = np.exp(scores - scores.max(axis=1, keepdims=True))
    probs = exps / exps.sum(axis=1, keepdims=True)
    return probs


def loss(y_hat, y):
    return -np.sum(y * np.log(y_hat)) / y.shape[0]


def backward(y):
    d_scores = (probs - y) / y.shape[0]
    d_w_out = hidden.T @ d_scores
    d_b_out = d_scores.sum(axis=0, keepdims=True)
    d_hidden = (d_scores @ w_out.T) * (1 - hidden * hidden)
    d_w_hidden = inputs.T @ d_hidden
    d_b_hidden = d_hidden.sum(axis=0, keepdims=True)
    return d_w_hidden, d_b_hidden, d_w_out, d_b_out


if __name__ == "__main__":
    x = np.random.rand(100, n_inputs)
    y = np.eye(n_classes)[np.random.randint(0, n_classes, 100)]
    for _ in range(100):
        forward(x)
        print(loss(probs, y))
        backward(y)
