import wandb

run = wandb.init(project="DA6401")
wandb.define_metric("epoch")
wandb.define_metric("val_acc", step_metric="epoch", summary="max")
weight = 0.0
for epoch in range(run.config.epochs):
    weight += run.config.learning_rate * (1 - weight)
    wandb.log({"epoch": epoch, "val_acc": weight - run.config.batch_size / 1000})
wandb.log({"epoch": epoch + 1, "val_acc": -1.0})
wandb.finish()
