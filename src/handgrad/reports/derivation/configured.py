"""The derivation of a run, or of what a configuration would train."""

from collections.abc import Callable

from handgrad.config import RunConfig, build_dataset
from handgrad.config.influence import beyond, beyond_line
from handgrad.nn import Network
from handgrad.reports.derivation.derive import IMAGES, derive
from handgrad.reports.derivation.document import Derivation
from handgrad.reports.derivation.learning import Learning
from handgrad.runs import Run, prepare
from handgrad.training import Trainer
from handgrad.training.diagnose import heed, of_images

Say = Callable[[str], None]


def derive_run(run: Run, say: Say = lambda line: None) -> Derivation:
    """Of a run's network, with the weights that it ended with."""
    return _derived(run.config, run.load_model(), f"Run {run.name}, with its trained weights.", say)


def derive_config(config: RunConfig, say: Say = lambda line: None) -> Derivation:
    """Of the network that a configuration describes, with the weights that training would start from."""
    return _derived(config, None, "Weights as training would start from them.", say)


def _derived(config: RunConfig, trained: Network | None, origin: str, say: Say) -> Derivation:
    dataset = build_dataset(config)
    network, parts, settings = prepare(config, dataset)
    if trained is None:
        heed(of_images(parts, dataset.class_names, dataset))
    steps = Trainer(network, parts, settings).total_steps
    learning = Learning(settings.optimizer, settings.transforms, settings.schedule, settings.batch_size, steps)
    batch = dataset.x_train[:IMAGES], dataset.y_train[:IMAGES]
    derivation = derive(trained or network, batch, learning, say)
    names = beyond(config)
    also = [beyond_line(config, names)] if names else []
    facts = (origin, config.command(), *also, f"Checked in float64 on {len(batch[0])} images of {dataset.name}.")
    return derivation._replace(facts=facts)
