import os
os.environ.setdefault("KERAS_BACKEND", "torch")
import numpy as np
import wandb
from wandb.integration.keras import WandbMetricsLogger, WandbModelCheckpoint
from wandb.keras import WandbCallback
import keras

run = wandb.init(project="fashion", config={"lr": 0.1, "units": 8})
g = np.random.default_rng(0)
x = g.normal(size=(200, 10)).astype("float32"); y = (x[:, 0] > 0).astype("int32")
model = keras.Sequential([keras.layers.Input((10,)), keras.layers.Dense(wandb.config.units, activation="relu"), keras.layers.Dense(2, activation="softmax")])
model.compile(optimizer=keras.optimizers.SGD(wandb.config.lr), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, validation_split=0.2, epochs=2, verbose=0, callbacks=[WandbMetricsLogger(log_freq=5), WandbCallback(monitor="val_loss", save_model=False), WandbModelCheckpoint("models/best.keras", save_best_only=True)])
wandb.finish()
