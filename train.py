"""The command line of the DA6401 course: `python train.py --wandb_entity myname --wandb_project myprojectname`.

The same as `handgrad train`, but every run is logged to Weights & Biases, and the preset is `plain`.
"""

import importlib
import sys

from handgrad.cli.starting import refuse_windows

if __name__ == "__main__":
    refuse_windows()
    sys.exit(importlib.import_module("handgrad.cli.main").main(["train.py", *sys.argv[1:]]))
