import wandb


def main():
    with wandb.init(project="DA6401", settings=wandb.Settings(silent=True)) as run:
        config = run.config
        weight = 0.0
        for epoch in range(config["epochs"]):
            weight += config["learning_rate"] * (1 - weight)
            run.log({"val": {"acc": weight - config.batch_size / 1000, "loss": 1 - weight}})
        run.summary["best"] = weight


if __name__ == "__main__":
    main()
