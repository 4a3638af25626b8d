import wandb

wandb.init(project="DA6401")
config = wandb.config
wandb.run.name = "e_{}_lr_{}_bs_{}".format(config.epochs, config.learning_rate, config.batch_size)
wandb.run.save()
weight = 0.0
for epoch in range(config.epochs):
    weight += config.learning_rate * (1 - weight)
    wandb.log({"epoch": epoch}, commit=False)
    wandb.log({"val_acc": weight - config.batch_size / 1000})
print("done:", wandb.run.name, wandb.run.id, wandb.run.dir)
