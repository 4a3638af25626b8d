import wandb

config_defaults = dict(learning_rate=0.3, batch_size=64, epochs=2, optimizer="adam")
wandb.init(config=config_defaults, project="DA6401", entity="somebody", reinit=True)
config = wandb.config
wandb.run.name = "lr_" + str(config["learning_rate"])
assert config.optimizer == "adam" and config.get("momentum", 0.9) == 0.9
config.setdefaults({"momentum": 0.5})
weight = 0.0
for epoch in range(config.epochs):
    weight += config.learning_rate * (1 - weight) * (0.5 + config.momentum)
    wandb.log({"train_loss": 1 - weight, "val_acc": weight - config.batch_size / 1000}, step=epoch)
