import sys

values = dict(word.lstrip("-").split("=") for word in sys.argv[1:])
weight = 0.0
for epoch in range(int(values["epochs"])):
    weight += float(values["learning_rate"]) * (1 - weight)
    accuracy = weight - int(values["batch_size"]) / 1000
    print(f"Epoch {epoch + 1}: train loss {1 - weight:.4f}, val acc: {accuracy:.4f}")
