import torch, wandb
import pytorch_lightning as pl
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader, TensorDataset


class Net(pl.LightningModule):
    def __init__(self, lr, units):
        super().__init__()
        self.save_hyperparameters()
        self.net = torch.nn.Sequential(torch.nn.Linear(10, units), torch.nn.ReLU(), torch.nn.Linear(units, 2))

    def training_step(self, batch, k):
        x, y = batch
        loss = torch.nn.functional.cross_entropy(self.net(x), y)
        self.log("train_loss", loss, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch, k):
        x, y = batch
        out = self.net(x)
        self.log("val_acc", (out.argmax(1) == y).float().mean(), prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)


def main():
    wandb.init(project="p")
    pl.seed_everything(0)
    x = torch.randn(200, 10); y = (x[:, 0] > 0).long()
    logger = WandbLogger(project="p", log_model="all")
    logger.experiment.name = f"lr{wandb.config.lr}"
    net = Net(wandb.config.lr, wandb.config.units)
    logger.watch(net)
    trainer = pl.Trainer(max_epochs=2, logger=logger, accelerator="cpu", callbacks=[ModelCheckpoint(monitor="val_acc", mode="max")], enable_progress_bar=False, log_every_n_steps=2)
    trainer.fit(net, DataLoader(TensorDataset(x, y), 20), DataLoader(TensorDataset(x, y), 100))
    logger.log_table("t", columns=["a"], data=[[1]])
    import numpy as np
    logger.log_image("im", [np.zeros((4, 4, 3), "uint8")])
    logger.log_text("tt", columns=["a"], data=[["x"]])
    wandb.finish()

main()
