"""The callback of XGBoost, under W&B's names for what it logs."""

from xgboost.callback import TrainingCallback

import wandb


class WandbCallback(TrainingCallback):
    """Logs the metrics of each round, and the best score at the end."""

    def __init__(self, *_, **more):
        super().__init__()

    def after_iteration(self, model, epoch, evals_log):
        row = {f"{data}-{name}": values[-1] for data, found in evals_log.items() for name, values in found.items()}
        wandb.log({**row, "epoch": epoch})
        return False

    def after_training(self, model):
        for key in ("best_score", "best_iteration"):
            if model.attr(key) is not None:
                wandb.summary[key] = float(model.attr(key))
        return model


wandb_callback = WandbCallback
