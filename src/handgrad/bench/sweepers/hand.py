"""handgrad as a user sweeps with it: method random, a worker a core."""

from handgrad.bench.sweepers import Job, Swept
from handgrad.config import RunConfig
from handgrad.sweeps import SweepDefinition
from handgrad.sweeps.folder import Settings, create_sweep
from handgrad.sweeps.pace import stretches
from handgrad.sweeps.start import run_sweep


def sweep(job: Job) -> list[Swept]:
    """A sweep in a folder of its own; accuracies and times are those of its runs."""
    definition, base = SweepDefinition.from_mapping(job.definition), RunConfig(**job.base)
    settings = Settings("random", seed=base.seed, configurations=len(job.trials))
    made = create_sweep(job.folder / "sweep", definition, base, settings)
    run_sweep(made, job.slots)
    found = []
    for trial in made.trials():
        run = made.run(trial)
        (stretch,) = stretches([run])
        accuracies = [epoch["validation_accuracy"] for epoch in run.metrics["epochs"]]
        found.append(Swept(trial.number, accuracies, stretch.stepped, stretch.over))
    return found
