"""Optuna with PyTorch: a process a core on one study, which holds the configurations in the order given."""

import multiprocessing
from typing import Any

import optuna
import torch
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState

from handgrad.bench.sweepers import Job, Swept
from handgrad.bench.sweepers.torch_trial import read, train

NAME, CHOICE = "sweep", "configuration"


def sweep(job: Job) -> list[Swept]:
    """Begin a study, enqueue every configuration, and run it in forked processes that share the images."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    data = read(job.images)
    study = optuna.create_study(study_name=NAME, storage=_storage(job), direction="maximize")
    for number in range(len(job.trials)):
        study.enqueue_trial({CHOICE: number})
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_work, args=(job, data)) for _ in range(job.slots)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    done = {t.params[CHOICE]: t.user_attrs for t in study.get_trials() if t.state == TrialState.COMPLETE}
    return [Swept(number, **told) for number, told in sorted(done.items())]


def _work(job: Job, data: dict[str, Any]) -> None:
    study = optuna.load_study(study_name=NAME, storage=_storage(job), sampler=optuna.samplers.RandomSampler(seed=0))
    count = len(job.trials)

    def objective(trial: Any) -> float:
        if trial.number >= count:  # drawn in the moment in which another process took the last one
            trial.study.stop()
            raise optuna.TrialPruned
        told = train(job.trials[trial.suggest_int(CHOICE, 0, count - 1)], data)
        for name, value in told.items():
            trial.set_user_attr(name, value)
        return float(max(told["accuracies"]))

    study.optimize(objective, callbacks=[MaxTrialsCallback(count, states=(TrialState.COMPLETE, TrialState.RUNNING))])


def _storage(job: Job) -> Any:
    """A file that processes share, which Optuna takes for its quickest storage of that kind."""
    return JournalStorage(JournalFileBackend(str(job.folder / "journal.log")))
