import math
class Scalar:
    def __init__(self, value, parents=()):
        self.value = float(value); self.grad = 0.0; self.parents = parents; self._bw = None
    @staticmethod
    def lift(x): return x if isinstance(x, Scalar) else Scalar(x)
    def __add__(self, o):
        o = Scalar.lift(o); r = Scalar(self.value + o.value, (self, o))
        def bw(): self.grad += r.grad; o.grad += r.grad
        r._bw = bw; return r
    __radd__ = __add__
    def __mul__(self, o):
        o = Scalar.lift(o); r = Scalar(self.value * o.value, (self, o))
        def bw(): self.grad += o.value * r.grad; o.grad += self.value * r.grad
        r._bw = bw; return r
    __rmul__ = __mul__
    def __neg__(self): return self * -1
    def __sub__(self, o): return self + (-Scalar.lift(o))
    def sigmoid(self):
        s = 1 / (1 + math.exp(-self.value)); r = Scalar(s, (self,))
        def bw(): self.grad += s * (1 - s) * r.grad
        r._bw = bw; return r
    def backward(self):
        order, seen = [], set()
        def visit(n):
            if id(n) in seen: return
            seen.add(id(n))
            for p in n.parents: visit(p)
            order.append(n)
        visit(self); self.grad = 1.0
        for n in order[::-1]:
            if n._bw: n._bw()
