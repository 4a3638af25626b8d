"""Who chooses the next configuration of a sweep. A new one is a file, or a class, and a row of BRAINS."""

from handgrad.sweeps.brains.bayes import Bayes, GaussianProcess
from handgrad.sweeps.brains.brain import Brain
from handgrad.sweeps.brains.exhaustive import Grid
from handgrad.sweeps.brains.independent import Random

BRAINS: dict[str, type[Brain]] = {"grid": Grid, "random": Random, "bayes": Bayes, "gp": GaussianProcess}
