import argparse
import wandb

parser = argparse.ArgumentParser()
parser.add_argument("-lr", "--learning_rate", type=float, default=0.1)
parser.add_argument("-b", "--batch_size", type=int, default=16)
parser.add_argument("-e", "--epochs", type=int, default=3)
parser.add_argument("-wp", "--wandb_project", default="DA6401")
args = parser.parse_args()

wandb.login()
wandb.init(project=args.wandb_project, config=args)
weight = 0.0
for epoch in range(args.epochs):
    weight += args.learning_rate * (1 - weight)
    wandb.log({"epoch": epoch + 1, "val_acc": weight - args.batch_size / 1000, "val_loss": 1 - weight})
wandb.finish()
