"""Command lines as they stand in public hand-ins of the course (2023 to 2026) and in small MNIST projects: understood.

Only the flags; names of people and projects are replaced. A row is the line and what its author says with it.
"""

import shlex

import pytest

from handgrad.cli.flags import parse
from handgrad.errors import UsageError

CE, MSE = "cross_entropy", "mean_squared_error"
FULL = "-wp p -we n -d fashion_mnist -e {} -b {} -l {} -o {} -lr {} -m 0.9 -beta 0.5 -beta1 0.9 -beta2 0.999"

UNDERSTOOD = {
    # the course's own table, 2023 to 2025
    "--wandb_entity myname --wandb_project myprojectname": {"wandb_entity": "myname", "wandb_project": "myprojectname"},
    "-wp p -we n": {"wandb_project": "p", "wandb_entity": "n"},
    "-w_p p -w_e n --epochs 3": {"wandb_project": "p", "wandb_entity": "n", "epochs": 3},
    f"{FULL.format(10, 32, CE, 'adam', 0.001)} -eps 0.0001 -w_d 0.0005 -w_i glorot -nhl 3 -sz 128 -a relu": {
        "epochs": 10,
        "batch_size": 32,
        "optimizer": "adam",
        "epsilon": 1e-4,
        "weight_decay": 5e-4,
        "weight_init": "xavier",
        "num_layers": 3,
    },
    f"{FULL.format(1, 4, CE, 'sgd', 0.1)} -eps 0.000001 -w_d .0 -w_i random -nhl 1 -sz 4 -a sigmoid": {
        "optimizer": "sgd",
        "hidden_size": 4,
        "num_layers": 1,
        "weight_decay": 0,
        "weight_init": "random",
        "activation": "sigmoid",
    },
    "-wp p -we n -e 100 -b 32 -o adam -lr 0.001 -eps 1e-8 -w_i xavier -nhl 3 -sz 64 -a relu -c 25": {
        "epochs": 100,
        "epsilon": 1e-8,
        "count": 25,
        "config": None,
    },
    "-wp p -we n --epochs 30 -o nadam -lr 0.0001 -nhl 3 -sz 32": {"epochs": 30, "num_layers": 3, "hidden_size": 32},
    "-wp p -we n -d mnist -e 15 -o sgd -a relu": {"dataset": "mnist", "epochs": 15, "optimizer": "sgd"},
    "-wp DA6401_A1 -we n -d fashion_mnist -o rmsprop -lr 0.0001 -w_i Xavier -nhl 4 -sz 128 -a ReLU": {
        "optimizer": "rmsprop",
        "weight_init": "xavier",
        "num_layers": 4,
        "activation": "relu",
    },
    "-p myproject -d mnist --num_layers 4 --hidden_size 256": {
        "wandb_project": "myproject",
        "num_layers": 4,
        "hidden_size": 256,
    },
    "--wandb_entity n --wandb_project p --optimizer nadam --weight_decay 0 --weight_init xavier --eps 1e-8": {
        "optimizer": "nadam",
        "weight_decay": 0,
        "epsilon": 1e-8,
    },
    "--wandb_entity n --wandb_project p --start_sweep": {"mode": "sweep"},
    "--sweep": {"mode": "sweep"},
    "--sweep --count 20 -wp p": {"mode": "sweep", "count": 20},
    "--mode sweep --sweep_count 10": {"mode": "sweep", "count": 10},
    "--mode train -e 3": {"mode": "single", "epochs": 3},
    "--sweep_config sweep.yaml": {"sweep_config": "sweep.yaml"},
    "--sweep sweep.yaml": {"sweep_config": "sweep.yaml"},
    "-e 25 -o adam -lr 0.0005 -w_d 0.0005 -nhl 3 -sz 128 -a tanh -loss cross_entropy -w_i xavier_normal": {
        "loss": CE,
        "weight_init": "xavier_normal",
        "activation": "tanh",
    },
    "-e 25 -o adam -lr 0.0005 -a tanh -loss squared_error -b 64 -d mnist": {"loss": MSE, "batch_size": 64},
    "-e 10 -lr 0.001 -cm 1": {"epochs": 10, "learning_rate": 0.001, "momentum": None},
    "-e 10 -wl 1 -cm 0": {"epochs": 10, "use_wandb": True},
    "-e 10 -cm True -v True -i_w False": {"use_wandb": False},
    "-d fashion_mnist -e 20 -o adam": {"epochs": 20},
    "-d mnist -e 30 -b 16 -o rmsprop -lr 0.0005 -a ReLU": {"batch_size": 16, "learning_rate": 5e-4},
    "--epochs 10 --batch_size 16 --optimizer adam --learning_rate 0.001": {"epochs": 10, "batch_size": 16},
    "--wandb-project p --wandb-entity n --weight-decay 0.0005 --weight-init Xavier": {"weight_decay": 5e-4},
    "--optimizer nag --learning_rate 0.001": {"optimizer": "nag"},
    "--weight_init Xavier --activation ReLU --weight_decay 0.0005 --beta 0.9": {"beta": 0.9, "activation": "relu"},
    "-a identity -o momentum -m 0.8": {"activation": "identity", "optimizer": "momentum", "momentum": 0.8},
    "--l2_lamb 0.0005 -sz 256 -a relu": {"weight_decay": 5e-4, "hidden_size": 256},
    "-wd 0.005 -w_i kaiming": {"weight_decay": 0.005, "weight_init": "he"},
    # the 2026 edition
    "-d mnist -e 10 -b 32 -l cross_entropy -o adam -lr 0.001 -nhl 3 -sz 128 128 128 -a relu -w_i xavier": {
        "hidden_sizes": (128, 128, 128),
        "weight_init": "xavier",
    },
    "-d fashion_mnist -e 20 -b 64 -o nadam -lr 0.001 -nhl 2 -sz 64 64 -a tanh --wandb": {
        "hidden_sizes": (64, 64),
        "use_wandb": True,
    },
    "-d mnist -e 10 -b 64 -l cross_entropy -o rmsprop -wd 0.0 -nhl 3 -sz 128 -a relu -w_i xavier -w_p p": {
        "hidden_sizes": (128, 128, 128),
        "wandb_project": "p",
    },
    "-d mnist -e 1 -w_p p --log_images": {"epochs": 1},
    "-d mnist -e 10 -w_p p --log_gradients --grad_log_steps 50": {"epochs": 10},
    "-d mnist --log_activations --log_conf_matrix --tags baseline": {"dataset": "mnist"},
    "-d mnist -e 30 -b 64 -o rmsprop -lr 0.0005 -nhl 3 -sz 128 64 32 -a sigmoid -wi xavier": {
        "hidden_sizes": (128, 64, 32)
    },
    "-d mnist -e 20 -wd 0.0001 -o momentum -nhl 2 -sz 128 128 -a relu --model_save_path best_model.npy": {
        "model_save_path": "best_model.npy",
        "hidden_sizes": (128, 128),
    },
    "--dataset mnist --num_layers 4 --hidden_size 128 128 128 128 --wandb_mode disabled": {
        "num_layers": 4,
        "wandb_mode": "disabled",
    },
    "-d mnist -msp best_model.npy --save_config best_config.json": {
        "model_save_path": "best_model.npy",
        "config_save_path": "best_config.json",
    },
    "-d mnist --save_model best_model.npy --no_wandb": {"model_save_path": "best_model.npy", "use_wandb": False},
    "-m best_model.npy -d mnist -b 64": {"model_path": "best_model.npy", "momentum": None},
    "-d mnist -a relu relu relu -nhl 3 -sz 128": {"activation": "relu", "num_layers": 3},
    "-d mnist --hidden_layers 128 128 64": {"hidden_sizes": (128, 128, 64)},
    "-d mnist --hidden_layers 3 --num_neurons 128": {"hidden_sizes": (128, 128, 128)},
    "--batchsize 64 --learningrate 0.001 --hidden_layers 128 64": {"batch_size": 64, "hidden_sizes": (128, 64)},
    "-sz 128,64 -nhl 2": {"hidden_sizes": (128, 64)},
    "-sz '[128, 64]' -nhl 2": {"hidden_sizes": (128, 64)},
    "-l mse -wg general -wp p": {"loss": MSE, "wandb_group": "general"},
    "--optimiser nag --loss crossentropy": {"optimizer": "nag", "loss": CE},
    "--wandb_project p --wandb_entity n --run_name 'relu 3x128: adam'": {"name": "relu 3x128: adam"},
    "-d mnist --seed 42 --val_split 0.1": {"seed": 42, "validation_fraction": 0.1},
    "-d mnist --verbose --plot": {"dataset": "mnist"},
    "-d mnist --question 3": {"dataset": "mnist"},
    # home-made
    "-hl 256 128 64 -e 5": {"hidden_sizes": (256, 128, 64)},
    "-hl '[64, 32, 16]' -lr 0.001 -bs 32": {"hidden_sizes": (64, 32, 16), "batch_size": 32},
    "-hl 2 -hs 512": {"hidden_sizes": (512, 512)},
    "--hidden_layers 512 256 128 64": {"hidden_sizes": (512, 256, 128, 64)},
    "--hidden-sizes 512 256 128 --optimizer adamw": {"hidden_sizes": (512, 256, 128)},
    "--hidden-sizes 64": {"hidden_size": 64},
    "--hidden 256 256 --epochs 40 --dataset fashion_mnist": {"hidden_sizes": (256, 256)},
    "--hidden_layers 128 --epochs 5": {"hidden_sizes": (128,)},
    "--layers 784 128 64 10": {"hidden_sizes": (128, 64)},
    "--layers 3 --neurons 64": {"hidden_sizes": (64, 64, 64)},
    "--layer_sizes 784,128,10 --activation tanh": {"hidden_sizes": (128,)},
    "--number_of_hidden_layers 3 --number_of_neurons_in_each_hidden_layer 64": {"hidden_sizes": (64, 64, 64)},
    "--units 128 --depth 2": {"hidden_sizes": (128, 128)},
    "--num_hidden 100 --eta 0.5 --mini_batch_size 10": {"hidden_size": 100, "learning_rate": 0.5, "batch_size": 10},
    "--epochs=10 --lr=1e-3 --batch-size=64": {"epochs": 10, "learning_rate": 0.001, "batch_size": 64},
    "--lr .001 --Epochs 10": {"learning_rate": 0.001, "epochs": 10},
    "-L2 0.0005": {"weight_decay": 5e-4},
    "--l2_reg 0.001": {"weight_decay": 0.001},
    "--reg 0.001": {"weight_decay": 0.001, "l1": 0},
    "--lambda 0.01": {"weight_decay": 0.01, "l1": 0},
    "--regularization l2 --lambda 0.01": {"weight_decay": 0.01},
    "--alpha 0.01": {"learning_rate": 0.01},
    "--optimizer stochastic": {"optimizer": "sgd"},
    "--optimizer gd --lr 0.1": {"optimizer": "sgd"},
    "--optimizer sgdm": {"optimizer": "momentum"},
    "--optimizer nesterov": {"optimizer": "nag"},
    "--optimizer 'mini batch gradient descent'": {"optimizer": "sgd"},
    "--loss cross-entropy": {"loss": CE},
    "--loss CrossEntropyLoss": {"loss": CE},
    "--loss_function categorical_crossentropy": {"loss": CE},
    "--criterion MSELoss": {"loss": MSE},
    "--weight_init normal": {"weight_init": "random"},
    "--initializer he_normal --hidden_act ReLU --output_activation softmax": {
        "weight_init": "he",
        "activation": "relu",
    },
    "--weight_initialisation_method Xavier": {"weight_init": "xavier"},
    "--activation logistic": {"activation": "sigmoid"},
    "--activation_function Tanh": {"activation": "tanh"},
    "--dataset FashionMNIST": {"dataset": "fashion_mnist"},
    "--dataset Fashion_MNIST": {"dataset": "fashion_mnist"},
    "--dataset fashion-mnist --epochs 5": {"dataset": "fashion_mnist"},
    "--dataset MNIST --data_dir ./data": {"dataset": "mnist"},
    "--num_classes 10 --input_size 784 --output_size 10 -d mnist": {"dataset": "mnist"},
    "--input_dim 784 --hidden_dim 128 --output_dim 10 -d mnist": {"hidden_size": 128},
    "--gpu 0 --num_workers 2": {"backend": "handgrad"},
    "--no-cuda --seed 1 --log-interval 10 --save-model": {"seed": 1, "log_every": 10},
    "--batch-size 64 --test-batch-size 1000 --epochs 14 --lr 1.0 --dry-run": {"batch_size": 64, "dry_run": True},
    "--device cpu": {"device": "cpu"},
    "--key 0123456789abcdef --wandb": {"use_wandb": True},
    "--wandb offline": {"wandb_mode": "offline"},
    "--no-wandb --logging": {"use_wandb": False},
    "--disable_wandb --verbose 1": {"use_wandb": False},
    "--use_wandb True --exp_name run1": {"use_wandb": True, "name": "run1"},
    "--save_model --plot_confusion_matrix": {"model_save_path": None},
    "--save_model False": {"model_save_path": None},
    "-confusion 1": {"momentum": None},
    "--model cnn --epochs 3": {"model": "cnn"},
    "--lr_scheduler none --early_stopping 5": {"schedule": "constant", "patience": 5},
    "--scheduler step --step_size 100 --dropout_prob 0.2 --no_batchnorm": {
        "schedule": "step",
        "dropout": 0.2,
        "batch_norm": False,
    },
    "--shuffle True --normalize": {"normalize": "unit"},
    "--train --test --epoch 10 --batch 32 --rate 0.01": {"epochs": 10, "learning_rate": 0.01},
    "--training_epochs 5 --size_of_batch 32": {"epochs": 5, "batch_size": 32},
    "--mnist --adam --relu": {"dataset": "mnist", "optimizer": "adam", "activation": "relu"},
    "-e 30 -a tanh -b 256 -o nadam -lr 0.001 -nhl 4 -sz 128 -w_i 'He Normal'": {"weight_init": "he"},
    "--num_layers 4 --hidden_size 64 --activation ReLU --output_shape 10": {"num_layers": 4, "hidden_size": 64},
    "-e 2 -b 32 --device cpu --download": {"epochs": 2},
    "--activation relu --num_neurons 128 128 64 --experiment train": {"hidden_sizes": (128, 128, 64), "name": "train"},
    "-key abc -wp p -we n": {"wandb_project": "p"},
    "-w xavier": {"weight_init": "xavier"},
    # a name with words that say nothing, or with another form of a word
    "--opt_name sgd_nesterov --activ_fun relu --manualSeed 7": {"optimizer": "nag", "activation": "relu", "seed": 7},
    "--NR_HIDDEN_NEURONS 80 --NR_HIDDEN_LAYERS 2 --REGULAR_DROPOUT_RATE 0.1": {
        "hidden_sizes": (80, 80),
        "dropout": 0.1,
    },
    # what else it could mean is given by itself
    "--num_hidden 3 --sizes 100,100,100 --loss sq --opt gd": {"hidden_sizes": (100, 100, 100), "loss": MSE},
    "--gamma 0.7 -m 0.9 --scheduler step -o momentum": {"schedule_factor": 0.7, "momentum": 0.9},
    "-sz 128 128 64 -s 42 -wa Key": {"seed": 42},
    "--lamb 0.01 --hidden_layers 4 --hidden_features 64": {"weight_decay": 0.01, "hidden_sizes": (64, 64, 64, 64)},
    # a mere yes beside the number, and a number that is switched off
    "--early_stop --patience 5": {"patience": 5},
    "--is_early_stop true --patience 50": {"patience": 50},
    "--dropout False --early_stopping false --lr_scheduler False": {
        "dropout": 0,
        "patience": 0,
        "schedule": "constant",
    },
    # what is asked for is kept in any case
    "--restore_best --record_history --plot_curves --plot_prefix a --dump_test_preds --log_path a.json": {
        "keep": "best"
    },
    "--checkpoint_dir ckpt --save_best_model --test-batch 512 --no-deterministic --no-augment": {"runs_dir": "runs"},
    # folders and files
    "--dataset mnist --out ./run": {"runs_dir": "./run"},
    "--save_dir pa1 --log_dir pa1/logs --expt_dir pa1/exp1": {"runs_dir": "pa1"},
    # a word or a shape that belongs to another setting; sizes one by one
    "--arch mlp": {"model": "mlp"},
    "-d mnist --layers 784-256-128-10": {"hidden_sizes": (256, 128)},
    "--hidden1 512 --hidden2 256": {"hidden_sizes": (512, 256)},
}

# What contradicts itself, asks for what is not here, or can mean several things.
REFUSED = {
    "-nhl 3 -sz 128 64": "num_layers is 3, but hidden_size lists 2",
    "-a relu tanh": "-a takes one value, got 2",
    "--num_classes 7 -d mnist": "--num_classes must be 10, as the data set mnist has it, got '7'",
    "--input_size 64 -d mnist": "--input_size must be 784",
    "--gamma 0.9": "ambiguous: choose --schedule_factor or --momentum",
    "--hidden 3": "ambiguous: choose --num_layers or --hidden_size",
    "-p 5": "ambiguous: choose --wandb_project or --patience",
    "--mode test": "`handgrad evaluate RUN`",
    "--shuffle False": "the training images are always shuffled",
    "--regularization l1": "for another one give l1",
    "--device cuda": "device cuda needs PyTorch",
    "--optimizer adamax": "optimizer must be one of",
    "--train-limit 2048": "train_fraction must be in (0, 1], got 2048.0",
    "--test-limit 1024": "all test images are always used: leave out --test-limit",
    "--anneal true": "schedule must be one of constant, step",
    "--early_stop": "--early_stop needs a value (--patience)",
    "--early_stop --patience 5 --min_delta 0.001": "any gain counts for patience: leave out --min_delta",
    "--save_best_only no": "for the last one give keep last",
    "--augment": "images are varied by noise, shift, elastic, flip, rotation, crop and cutout only",
    "--dataset-seed 111 --init-seed 8312": "seed is given twice: --dataset-seed 111 and --init-seed 8312",
    "-s 42": "-s is ambiguous: choose --seed, --hidden_size or --schedule",
    "--hidden2 256": "unknown flag --hidden2",
    "--hidden1 64 --hidden_size 32": "hidden_size is given twice",
}


@pytest.mark.parametrize(("line", "says"), UNDERSTOOD.items())
def test_understood(line, says):
    parsed = parse(shlex.split(line))
    for name, value in says.items():
        found = parsed.options[name] if name in parsed.options else getattr(parsed.config, name)
        assert found == value, name


def test_there_are_more_than_a_hundred():
    assert len(UNDERSTOOD) >= 112


@pytest.mark.parametrize(("line", "message"), REFUSED.items())
def test_refused(line, message):
    with pytest.raises(UsageError) as caught:
        parse(shlex.split(line))
    assert message in str(caught.value)


def test_choices_beside_an_ambiguous_name_decide():
    momentum = parse(["--optimizer", "momentum", "--gamma", "0.8"])
    assert momentum.config.momentum == 0.8
    assert momentum.notes == ["--gamma is taken as momentum, since optimizer momentum uses it"]
    stepped = parse(["--scheduler", "step", "--gamma", "0.5", "-o", "sgd"])
    assert stepped.config.schedule_factor == 0.5
    both = "-o momentum --scheduler step --gamma 0.5"
    with pytest.raises(UsageError, match="--gamma is ambiguous: choose --schedule_factor or --momentum"):
        parse(both.split())
    assert parse(["-o", "adam", "--betas", "0.8", "0.95"]).stated == {"optimizer": "adam", "beta1": 0.8, "beta2": 0.95}


@pytest.mark.parametrize(
    ("line", "setting", "value"),
    [
        ("--train_split 0.8", "validation_fraction", 0.2),
        ("--train_ratio 0.95", "validation_fraction", 0.05),
        ("--keep_prob 0.9", "dropout", 0.1),
        ("--decay 0.0005", "weight_decay", 0.0005),
        ("--nesterov True", "optimizer", "nag"),
    ],
)
def test_a_value_that_decides_is_said(line, setting, value):
    parsed = parse(line.split())
    assert parsed.stated == {setting: value}
    assert any(f"is taken as {setting}" in note or f"is taken as --{setting}" in note for note in parsed.notes)


@pytest.mark.parametrize(
    ("line", "sizes"),
    [
        ("-d digits --layers 64 32 10", (32,)),
        ("-d digits --architecture 64 48 32 10", (48, 32)),
        ("-d digits --hidden_size 64 32 10", (64, 32, 10)),
        ("-d mnist --layers 64 32 10", (64, 32, 10)),
    ],
)
def test_ends_of_the_whole_network_are_those_of_its_data(line, sizes):
    assert parse(line.split()).config.hidden_sizes == sizes


@pytest.mark.parametrize("share", ["80", "0", "-1", "most"])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(UsageError, match=r"--train_split must be in \(0, 1\], got '?" + share):
        parse(["--train_split", share])


def test_all_of_it_leaves_nothing():
    assert parse(["--keep_prob", "1.0"]).config.dropout == 0
