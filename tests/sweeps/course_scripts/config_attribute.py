import wandb

wandb.init()
config = wandb.config
weight = 0.0
for epoch in range(config.epochs):
    weight += config.learning_rate * (1 - weight)
    wandb.log({"val_acc": weight - config.batch_size / 1000})
