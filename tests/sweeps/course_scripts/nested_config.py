import wandb

run = wandb.init(project="DA6401", config={"optimizer": {"name": "sgd"}, "batch_size": 8})
optimizer = wandb.config["optimizer"]
weight = 0.0
for epoch in range(wandb.config.epochs):
    weight += optimizer["learning_rate"] * (1 - weight)
    wandb.log({"val_acc": weight - wandb.config.batch_size / 1000})
run.finish()
