"""The training loop, its history, checkpoints, and models on disk."""

from handgrad.training.callbacks import CSVLogger, EarlyStopping, LearningRateFinder, ModelCheckpoint
from handgrad.training.checkpoint import load_newest_checkpoint, save_checkpoint
from handgrad.training.fit import fit
from handgrad.training.history import Epoch, Evaluation, History
from handgrad.training.layer_statistics import LayerRecorder
from handgrad.training.models import load_model, save_model
from handgrad.training.network import Network, train
from handgrad.training.settings import Augmentation, Settings
from handgrad.training.trainer import Callback, Trainer
