import argparse

import numpy as np
import wandb

from ann.neural_network import NeuralNetwork
from ann.optimizers import NAG, SGD, Adam, Momentum, Nadam, RMSProp


def parse_arguments():
    p = argparse.ArgumentParser()
    p.add_argument("-d", "--dataset", default="mnist")
    p.add_argument("-e", "--epochs", type=int, default=5)
    p.add_argument("-b", "--batch_size", type=int, default=64)
    p.add_argument("-l", "--loss", default="cross_entropy")
    p.add_argument("-o", "--optimizer", default="sgd")
    p.add_argument("-lr", "--learning_rate", type=float, default=0.01)
    p.add_argument("-wd", "--weight_decay", type=float, default=0.0)
    p.add_argument("-nhl", "--num_layers", type=int, default=2)
    p.add_argument("-sz", "--hidden_size", type=int, nargs="+", default=[64, 64])
    p.add_argument("-a", "--activation", default="relu")
    p.add_argument("-wi", "--weight_init", default="xavier")
    p.add_argument("--model_save_path", default="best_model.npy")
    return p.parse_args()


OPTIMIZERS = {"sgd": SGD, "momentum": Momentum, "nag": NAG, "rmsprop": RMSProp, "adam": Adam, "nadam": Nadam}


def main():
    args = parse_arguments()
    from tensorflow.keras.datasets import mnist

    (x, y), _ = mnist.load_data()
    wandb.init(project="da6401", config=vars(args))
    x = x.reshape(len(x), -1) / 255.0
    targets = np.eye(10)[y]
    net, opt = NeuralNetwork(args), OPTIMIZERS[args.optimizer](args.learning_rate, weight_decay=args.weight_decay)
    for epoch in range(args.epochs):
        order = np.random.permutation(len(x))
        for s in range(0, len(x), args.batch_size):
            rows = order[s : s + args.batch_size]
            logits = net.forward(x[rows])
            net.backward(targets[rows], logits)
            opt.update(net.layers)
        print(epoch, net.compute_loss(targets, net.forward(x)))
    np.save(args.model_save_path, net.get_weights())


if __name__ == "__main__":
    main()
