import argparse
import json
import numpy as np
from sklearn.metrics import accuracy_score, precision_score, recall_score, f1_score
from ann.neural_network import NeuralNetwork

def parse_arguments():
    p = argparse.ArgumentParser(description="Run inference")
    p.add_argument("--model_path", type=str, required=True)
    p.add_argument("-d", "--dataset", default="mnist", choices=["mnist", "fashion_mnist"])
    p.add_argument("-b", "--batch_size", type=int, default=64)
    p.add_argument("-nhl", "--hidden_layers", type=int, default=2)
    p.add_argument("-sz", "--num_neurons", dest="hidden_size", type=int, nargs="+", default=[128])
    p.add_argument("-a", "--activation", default="relu", choices=["relu", "sigmoid", "tanh"])
    p.add_argument("-wi", "--weight_init", default="xavier")
    p.add_argument("-l", "--loss", default="cross_entropy")
    return p.parse_args()

def evaluate_model(model, X, y):
    logits = model.forward(X)
    pred = np.argmax(logits, axis=1)
    return {"logits": logits, "accuracy": accuracy_score(y, pred), "precision": precision_score(y, pred, average="macro", zero_division=0),
            "recall": recall_score(y, pred, average="macro", zero_division=0), "f1": f1_score(y, pred, average="macro", zero_division=0)}

def main():
    args = parse_arguments()
    from keras.datasets import mnist, fashion_mnist
    (_, _), (X, y) = (mnist if args.dataset == "mnist" else fashion_mnist).load_data()
    X = X.reshape(X.shape[0], -1).astype(np.float64) / 255.0
    model = NeuralNetwork(args)
    model.set_weights(np.load(args.model_path, allow_pickle=True).item())
    results = evaluate_model(model, X, y)
    print(f"Accuracy : {results['accuracy']*100:.2f}%")
    print("Evaluation complete!")
    return results

if __name__ == "__main__":
    main()
