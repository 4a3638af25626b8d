import argparse

import wandb
from neural_network import NeuralNetwork
from optimizers import Optimizer

parser = argparse.ArgumentParser()
parser.add_argument("-wp", "--wandb_project", default="myproject")
parser.add_argument("-we", "--wandb_entity", default="myname")
parser.add_argument("-d", "--dataset", default="fashion_mnist")
for short, name, default in (
    ("-e", "--epochs", 1),
    ("-b", "--batch_size", 4),
    ("-l", "--loss", "cross_entropy"),
    ("-o", "--optimizer", "sgd"),
    ("-lr", "--learning_rate", 0.1),
    ("-m", "--momentum", 0.5),
    ("-beta", "--beta", 0.5),
    ("-beta1", "--beta1", 0.5),
    ("-beta2", "--beta2", 0.5),
    ("-eps", "--epsilon", 1e-6),
    ("-w_d", "--weight_decay", 0.0),
    ("-w_i", "--weight_init", "random"),
    ("-nhl", "--num_layers", 1),
    ("-sz", "--hidden_size", 4),
    ("-a", "--activation", "sigmoid"),
):
    parser.add_argument(short, name, default=default, type=type(default))
args = parser.parse_args()
wandb.init(project=args.wandb_project, config=vars(args))
net = NeuralNetwork(784, [args.hidden_size] * args.num_layers, 10, args.activation, args.loss)
opt = Optimizer(args.optimizer, args.learning_rate)
