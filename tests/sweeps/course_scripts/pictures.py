import wandb

run = wandb.init(project="DA6401", tags=["mnist"])
config = run.config
names = ["T-shirt", "Trouser", "Pullover"]
image = [[(row * column) % 256 for column in range(28)] for row in range(28)]
wandb.log({"examples": [wandb.Image(image, caption=name) for name in names]})
weight = 0.0
for epoch in range(config.epochs):
    weight += config.learning_rate * (1 - weight)
    wandb.log({"val_acc": weight - config.batch_size / 1000, "weights": wandb.Histogram([weight, 0.1, 0.2])})
truth, predicted = [0, 1, 2, 2], [0, 2, 2, 2]
matrix = wandb.plot.confusion_matrix(probs=None, y_true=truth, preds=predicted, class_names=names)
wandb.log({"conf_mat": matrix})
table = wandb.Table(columns=["image", "label", "prediction"])
table.add_data(wandb.Image(image), "Trouser", "Pullover")
wandb.log({"table": table})
wandb.log({"line": wandb.plot.line(wandb.Table(data=[[0, 1], [1, 2]], columns=["x", "y"]), "x", "y", title="a line")})
artifact = wandb.Artifact("model", type="model", metadata={"epochs": config.epochs})
with artifact.new_file("weight.txt") as file:
    file.write(str(weight))
run.log_artifact(artifact)
wandb.watch(None)
wandb.alert(title="done", text="the training is over")
