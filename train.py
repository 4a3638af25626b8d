"""The course's command line: `python train.py --wandb_entity myname --wandb_project myprojectname`.

The same as `handgrad train`, and every run is followed on Weights & Biases.
"""

import importlib
import sys

from handgrad.cli.starting import refuse_windows

if __name__ == "__main__":
    refuse_windows()
    sys.exit(importlib.import_module("handgrad.cli.main").main(["train.py", *sys.argv[1:]]))
