"""The course's command line: `python train.py --wandb_entity myname --wandb_project myprojectname`.

The same as `handgrad train`, and every run is followed on Weights & Biases.
"""

import sys

from handgrad.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train.py", *sys.argv[1:]]))
