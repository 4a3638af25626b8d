import wandb

sweep_config = {
    "name": "agent_function",
    "method": "random",
    "metric": {"name": "val_acc", "goal": "maximize"},
    "parameters": {
        "learning_rate": {"values": [0.5, 0.1, 0.01]},
        "batch_size": {"values": [16, 32]},
        "epochs": {"value": 3},
    },
}


def train(config=None):
    with wandb.init(config=config):
        config = wandb.config
        weight = 0.0
        for epoch in range(config.epochs):
            weight += config.learning_rate * (1 - weight)
            wandb.log({"val_acc": weight - config.batch_size / 1000})


sweep_id = wandb.sweep(sweep_config, project="DA6401", entity="somebody")
wandb.agent(sweep_id, function=train, count=4)
