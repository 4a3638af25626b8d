"""Networks with several paths as PyTorch's modules; imported by name where PyTorch is installed, and printed whole."""

from collections.abc import Callable, Iterator

from torch import Tensor, cat, nn


class Step(nn.Identity):
    """Where paths part or meet: "split", "branch", "add" or "concat"."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self.step = step

    def extra_repr(self) -> str:
        """What stands in the parentheses when the model is printed."""
        return self.step


class Graph(nn.Sequential):
    """Modules in order; a branch goes back to what came to its split, and add or concat join where the paths ended."""

    def forward(self, x: Tensor) -> Tensor:
        """The last module's output."""
        for _, y in self.walk(x, lambda name, module, x: module(x)):
            x = y
        return x

    def walk(self, x: Tensor, call: Callable[[str, nn.Module, Tensor], Tensor]) -> Iterator[tuple[str, Tensor]]:
        """Each module's name with its output; `call(name, module, x)` computes it."""
        splits: list[list[Tensor]] = []  # of each: what came to it, then the ends of its paths
        for name, module in self.named_children():
            step = getattr(module, "step", "")
            if step == "split":
                splits.append([x])
            elif step == "branch":
                splits[-1].append(x)
                x = splits[-1][0]
            elif step:
                ends = [*splits.pop()[1:], x]
                x = cat(ends, 1) if step == "concat" else sum(ends[1:], ends[0])
            else:
                x = call(name, module, x)
            yield name, x
