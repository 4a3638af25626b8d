import argparse

import numpy as np

from ann.neural_network import NeuralNetwork


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--model_path", default="best_model.npy")
    p.add_argument("-sz", "--hidden_size", type=int, nargs="+", default=[64, 64])
    p.add_argument("-a", "--activation", default="relu")
    p.add_argument("-wi", "--weight_init", default="xavier")
    p.add_argument("-l", "--loss", default="cross_entropy")
    args = p.parse_args()
    net = NeuralNetwork(args)
    net.set_weights(np.load(args.model_path, allow_pickle=True).item())


if __name__ == "__main__":
    main()
