"""`handgrad export RUN FILE`."""

from pathlib import Path

from handgrad.cli.console import say, working
from handgrad.cli.parser import Parser
from handgrad.runs import open_run
from handgrad.torch_port import save_torch, source

EXAMPLES = """  handgrad export runs/NAME weights.safetensors
  handgrad export runs/NAME weights.pt > network.py
  handgrad train --model_path weights.safetensors     the way back"""


def run(tokens: list[str]) -> int:
    """Write the weights, and print what loads them."""
    parser = Parser(
        "export",
        "Write the weights of a run with PyTorch's names and layouts, and print the code\n"
        "that builds the network in PyTorch and loads them. A file ending in .npz\n"
        "keeps handgrad's own names and layouts, for NumPy.",
        EXAMPLES,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument("file", type=Path, metavar="FILE", help="ends in .safetensors, .pt (needs PyTorch) or .npz")
    arguments = parser.arguments(tokens)
    network = open_run(arguments.run).load_model()
    with working("writing the weights"):
        save_torch(network, arguments.file)
    if arguments.file.suffix != ".npz":
        say(source(network, str(arguments.file)))
    return 0
