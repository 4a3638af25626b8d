import numpy as np
def make_net(widths, seed=0):
    r = np.random.default_rng(seed)
    Ws = [r.standard_normal((i, j)) / i**0.5 for i, j in zip(widths, widths[1:])]
    bs = [np.zeros(j) for j in widths[1:]]
    return Ws, bs
def run_forward(x, Ws, bs):
    hs = [x]
    for k in range(len(Ws)):
        a = hs[-1] @ Ws[k] + bs[k]
        hs.append(np.tanh(a) if k < len(Ws) - 1 else a)
    return hs[-1], hs
def mse_loss(pred, target):
    return ((pred - target) ** 2).mean()
def run_backward(hs, target, Ws, bs):
    d = 2 * (hs[-1] - target) / target.size
    gW, gb = [], []
    for k in reversed(range(len(Ws))):
        gW.insert(0, hs[k].T @ d)
        gb.insert(0, d.sum(0))
        d = (d @ Ws[k].T) * (1 - hs[k] ** 2)
    return gW, gb
