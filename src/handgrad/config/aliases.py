"""Other names of settings and of their values, as people write them; case, `_` and `-` never matter.

Only what can mean one thing stands here; what can mean several is listed as ambiguous and refused with the candidates.
A row starts with the short flag that help shows, where there is one: the course's (DA6401) or the usual one.
"""


def _words(table: dict[str, str]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(text.split()) for name, text in table.items()}


FIELDS = _words(
    {
        "preset": "presets start_from",
        "dataset": "d ds data dataset_name dataset_type data_name dataset_choice",
        "resize": "image_size img_size",
        "validation_fraction": (
            "val_split validation_split val_fraction val_ratio validation_ratio val_size validation_size val_frac "
            "valid_split val validation valid valid_size valid_fraction holdout"
        ),
        "train_fraction": (
            "data_fraction subset train_subset train_limit limit_train num_train n_train num_data train_samples "
            "num_train_samples max_train_samples"
        ),
        "fold": "cv_fold",
        "noise": "noise_std noise_level",
        "shift": "shift_pixels max_shift",
        "elastic": "elastic_alpha",
        "elastic_sigma": "",
        "normalize": "normalise normalization normalisation norm scaling",
        "features": "feature feature_extractor feature_type",
        "model": "model_type model_name network net classifier",
        "model_options": "model_args model_kwargs model_params classifier_options",
        "num_layers": (
            "nhl nh1 hl nl hidden_layers hidden_layer n_layers num_hidden_layers hidden_layers_count n_hidden_layers "
            "number_of_hidden_layers no_of_hidden_layers hidden_layer_count num_of_hidden_layers no_hidden_layers "
            "layer_count layers_count depth"
        ),
        "hidden_size": (
            "sz hs hidden_sizes hidden_layer_size hidden_layer_sizes hidden_layers_size neurons num_neurons n_neurons "
            "number_of_neurons neurons_per_layer hidden_units hidden_neurons num_hidden_units n_hidden_units num_nodes "
            "nodes units layer_size size_hidden_layers size_of_hidden_layers size_hidden_layer size_of_hidden_layer "
            "hidden_dim hidden_dims width layer_sizes hidden_layers_sizes hidden_nodes num_hidden_nodes sizes "
            "hidden_layer_units units_per_layer layer_dims layer_units hidden_unit hidden_dimension "
            "num_neurons_per_layer hidden_width hidden_features neurons_in_hidden_layer num_neurons_in_hidden_layer"
        ),
        "activation": (
            "a ac act af activation_function activation_fn activation_func act_fn activ hidden_activation nonlinearity "
            "act_func"
        ),
        "dropout": "do drop dropout_rate drop_rate dropout_prob dropout_p",
        "batch_norm": "bn batch_normalization batch_normalisation use_batch_norm",
        "weight_init": (
            "w_i init weight_initialization weight_initialisation weights_init initializer initialiser initialization "
            "initialisation weight_initializer weight_initialiser init_method weight_init_method initialization_method "
            "weights_initialization param_init wt_init init_type initialize"
        ),
        "init_scale": "init_std init_sigma weight_scale init_standard_deviation",
        "layers": "architecture arch topology",
        "loss": (
            "l loss_function loss_fn loss_func criterion loss_type objective lf cost cost_function cost_fn loss_name"
        ),
        "label_smoothing": "ls smoothing label_smooth",
        "backend": "engine framework",
        "device": "accelerator",
        "dtype": "precision data_type",
        "epochs": "e ep ne epoch num_epochs max_iter n_epochs no_of_epochs number_of_epochs max_epochs epoch_count",
        "batch_size": "b bs batch minibatch minibatch_size mb_size mb batch_sz bsz",
        "seed": (
            "random_seed random_state rand_seed rng_seed init_seed data_seed dataset_seed split_seed torch_seed "
            "numpy_seed np_seed global_seed"
        ),
        "patience": "early_stopping_patience early_stop_patience es_patience early_stopping early_stop",
        "monitor": "monitor_metric early_stop_metric early_stopping_metric early_stopping_monitor",
        "keep": "",
        "time_limit": "max_time time_limit_seconds max_seconds",
        "log_every": "log_interval log_freq log_frequency log_steps",
        "evaluate_every": "eval_every eval_interval eval_steps evaluate_interval",
        "log_test": "test_log track_test",
        "checkpoint_seconds": "checkpoint_interval",
        "optimizer": "o op opt optim optimiser optimizer_name optimization optimizer_type",
        "learning_rate": "lr eta learn_rate lrate lr_rate initial_learning_rate init_lr base_lr rate",
        "momentum": "m mom momentum_rate momentum_factor momentum_beta",
        "beta": "rmsprop_beta beta_rms beta_rmsprop rho",
        "beta1": "b1 adam_beta1",
        "beta2": "b2 adam_beta2",
        "epsilon": "eps adam_epsilon adam_eps",
        "optimizer_options": "opt_options optimizer_args optimizer_kwargs",
        "weight_decay": (
            "w_d l2 l2_reg l2_lambda lambda_l2 l2_penalty l2_regularization w_decay l2_weight l2_coeff l2_strength "
            "l2_alpha weight_decay_rate weight_decay_factor weight_decay_lambda l2_decay l2_factor reg_lambda "
            "lambda_reg reg_strength"
        ),
        "l1": "l1_reg l1_lambda lambda_l1 l1_penalty l1_regularization",
        "clip_norm": "grad_clip gradient_clip gradient_clipping max_grad_norm max_norm clip_grad_norm",
        "schedule": "scheduler lr_schedule lr_scheduler learning_rate_schedule sched anneal annealing",
        "schedule_steps": "step_size lr_step_size decay_steps lr_decay_steps decay_every",
        "schedule_factor": "decay_factor lr_decay_factor lr_gamma lr_decay decay_rate lr_decay_rate lr_factor",
        "warmup_steps": "warmup num_warmup_steps",
        "runs_dir": "runs_folder run_dir output_dir out_dir save_dir logdir results_dir",
        "name": (
            "run_name wandb_name wandb_run_name experiment_name exp_name run run_title experiment exp wandb_run "
            "wandb_experiment_name"
        ),
        "track": "tracker trackers logger loggers tracking",
        "wandb_project": "wp wbp project project_name wandb_project_name wandb_proj wandb_p proj",
        "wandb_entity": "we entity entity_name wandb_entity_name wandb_user wandb_username wandb_team",
        "wandb_group": "group run_group wandb_group_name wg",
        "wandb_mode": "wm",
    }
)

# What can mean several settings: the value decides where it fits one of them only, and is refused otherwise.
AMBIGUOUS_FIELDS: dict[str, tuple[str, ...]] = {
    "alpha": ("learning_rate", "beta"),
    "betas": ("beta1", "beta2"),
    "clip": ("clip_norm", "optimizer_options clip=10"),
    "decay": ("weight_decay", "schedule_factor"),
    "gamma": ("schedule_factor", "momentum"),
    "hidden": ("num_layers", "hidden_size"),
    "i": ("weight_init", "init_scale"),
    "n": ("num_layers", "hidden_size", "name"),
    "nh": ("num_layers", "hidden_size"),
    "numhidden": ("num_layers", "hidden_size"),
    "nhidden": ("num_layers", "hidden_size"),
    "p": ("wandb_project", "patience"),
    "s": ("seed", "hidden_size", "schedule"),
    "size": ("hidden_size", "batch_size", "resize"),
    "t": ("track", "train_fraction"),
    "w": ("weight_init", "weight_decay", "wandb_project"),
}

# What else a name means where its value does not fit what the tables above say. Names of options stand here too.
OTHERWISE: dict[str, tuple[str, ...]] = {
    "c": ("count",),
    "hiddenlayer": ("hidden_size",),
    "hiddenlayers": ("hidden_size",),
    "hl": ("hidden_size",),
    "m": ("model_path", "model"),
    "model": ("model_path",),
    "out": ("runs_dir",),
    "output": ("runs_dir",),
    "sweep": ("sweep_config",),
    "wandb": ("wandb_mode", "wandb_project"),
}

OTHERWISE_OF_FIELDS: dict[str, tuple[str, ...]] = {
    "num_layers": ("hidden_size",),
    "layers": ("model", "num_layers", "hidden_size"),
}

# The fields whose values people give as flags of their own, such as --adam.
FLAGS_BY_VALUE = ("dataset", "optimizer", "activation", "loss", "weight_init", "normalize")

# Names of several settings at once, which take as many values.
SEVERAL_FIELDS: dict[str, tuple[str, ...]] = {"betas": ("beta1", "beta2"), "adambetas": ("beta1", "beta2")}

# Names that say the rest of a share: of 0.8 for training, 0.2 validate; of 0.8 kept, 0.2 are dropped.
COMPLEMENTS: dict[str, str] = {
    **dict.fromkeys(("trainsplit", "trainratio", "trainsize", "trainpercent"), "validation_fraction"),
    **dict.fromkeys(("keepprob", "keeprate", "keepprobability"), "dropout"),
}

# What nearly everybody means by a name that could mean more: said in a note.
GUESSED: dict[str, str] = dict.fromkeys(
    ("lambda", "lambd", "lmbda", "lamb", "lam", "reg", "regularization"), "weight_decay"
)

# Other names of values; those of optimizers, schedules, layers, losses and initialisers stand in their own files.
VALUES: dict[str, dict[str, tuple[str, ...]]] = {
    "model": {
        "mlp": ("fully_connected", "feed_forward"),
        "cnn": ("conv_net", "convolutional"),
        "svm": ("svc", "rbf_svm", "svm_rbf", "support_vector_machine"),
        "linear_svm": ("svm_linear", "linear_svc", "linear_support_vector_machine"),
        "logistic": ("logistic_regression", "log_reg", "logit"),
        "knn": ("k_nearest_neighbors", "k_nearest_neighbours", "nearest_neighbors", "nearest_neighbours"),
        "random_forest": ("rf", "forest"),
    },
    "features": {
        "pixels": ("pixel", "raw", "raw_pixels"),
        "hog": ("histogram_of_oriented_gradients", "hog_features"),
    },
    "normalize": {
        "unit": ("min_max", "zero_one", "0_1", "true", "yes", "1"),
        "standard": ("standardize", "standardise", "z_score"),
    },
    "backend": {"handgrad": ("numpy", "numba", "by_hand"), "torch": ("pytorch", "pt")},
    "device": {"cuda": ("gpu", "nvidia"), "cpu": ("processor",)},
    "dtype": {"float32": ("float", "single", "fp32", "f32"), "float64": ("double", "fp64", "f64")},
    "monitor": {
        "validation_accuracy": ("val_accuracy", "val_acc", "validation_acc"),
        "validation_loss": ("val_loss",),
    },
    "track": {"wandb": ("w&b", "weights_and_biases"), "tensorboard": ("tb",)},
    "mode": {
        "single": ("train", "run", "training", "normal"),
        "sweep": ("tune", "search", "tuning", "hyperparameter_search"),
    },
    "wandb_mode": {"disabled": ("off",), "offline": ("dryrun",), "online": ("on", "run")},
}

AMBIGUOUS_VALUES: dict[str, dict[str, tuple[str, ...]]] = {
    "layers": {"linear": ("dense", "identity")},  # a dense layer in PyTorch, an activation in Keras
}

# Right words elsewhere for what is not here: no misspelling of what is. Data sets have theirs in handgrad.data.
FOREIGN = _words(
    {
        "activation": (
            "selu celu prelu rrelu crelu relu6 mish softmax log_softmax softsign glu hard_sigmoid hard_tanh hard_swish "
            "tanhshrink sin sine step maxout swiglu sinh"
        ),
        "loss": "mae hinge huber nll nll_loss bce kl kl_div focal l1_loss rmse poisson",
        "optimizer": (
            "adamax adamp radam adan lamb lars adadelta adafactor adabelief yogi nadamw sgdw sgdp rprop asgd lbfgs "
            "ftrl shampoo muon sophia amsgrad ranger"
        ),
        "schedule": "linear plateau polynomial cyclic cosine_warm_restarts inverse_time lambda noam",
        "weight_init": "uniform normal_uniform lecun lecun_normal lecun_uniform he_uniform ones",
        "model": "lenet lenet5 resnet resnet18 vgg vgg16 alexnet vit rnn lstm transformer",
        "mode": "test eval evaluate inference predict",
    }
)

# What to do where another word asks for something that is done elsewhere.
POINTERS: dict[str, dict[str, str]] = {
    "mode": dict.fromkeys(FOREIGN["mode"], "A trained run is tested by `handgrad evaluate RUN`"),
}

# Names that other programs have and that need no setting here: taken, and answered in a note.
SAVED = "the weights are always kept, in the run's folder"
ALWAYS_KEPT = "the confusion matrix and every figure of a run are always kept, in its report"
WRITTEN = "what happens is always shown, and logged into the run's folder"
KEY = "Weights & Biases takes its key from `wandb login` or $WANDB_API_KEY, not from a command that others can read"
PROCESSOR = "the hand-written engine computes on the processor; a graphics card takes --backend torch --device cuda"
TESTED = "a network is trained, validated and then tested in any case"

ACCEPTED = _words(
    {
        SAVED: "save save_best save_final save_last checkpoint checkpointing save_run",
        ALWAYS_KEPT: (
            "cm conf confmat confusion confusion_matrix conf_matrix roc curves metrics plot plots plotting visualize "
            "visualise viz show show_plots figures grad_log_steps dead_log_epochs num_images num_samples wandb_cm"
        ),
        WRITTEN: (
            "v verbose verbosity log logs logging console print progress progress_bar tqdm log_level quiet silent "
            "save_logs save_log csv debug_mode expt_dir"
        ),
        KEY: "wa key api_key wandb_key wandb_api_key wandb_login login",
        PROCESSOR: "gpu gpus gpu_id use_gpu cuda use_cuda mps cpu use_cpu pin_memory",
        TESTED: (
            "train do_train test do_test eval do_eval evaluate test_model run_test validate test_batch_size "
            "eval_batch_size val_batch_size valid_batch_size test_batch"
        ),
        "one network is trained by itself; --jobs is for a sweep": "threads num_threads n_threads num_workers workers",
        "which question of a course is answered changes no training": "question q ques task assignment",
        "the same seed gives the same numbers, in any case": "deterministic reproducible cudnn_deterministic",
        "data sets are downloaded where they are missing": "download download_data",
        "it is not kept": (
            "tags tag wandb_tags run_tags notes wandb_notes run_notes comment job_type wandb_job_type student roll_no "
            "roll_number author"
        ),
    }
)

# A verb and things, such as plot_confusion_matrix, ask for what is kept in any case; so do a verb and a place or a
# rhythm, such as log_path or plot_every.
VERBS = "plot|log|show|save|draw|visualize|visualise|print|make|generate|record|store|dump|export"
THINGS = (
    "cm|conf|confmat|confusion|matrix|roc|loss|losses|accuracy|accuracies|acc|curve|image|sample|gradient|grad|"
    "norm|activation|weight|prediction|pred|history|metric|figure|plot|graph|result|histogram|dead|neuron|summary|"
    "table|example|misclassified|failure|training|train|validation|val|test|learning|class|per|lr|time"
)

# As above, where another value would ask for another program: the names, and the values that may stand there.
YES = ("true", "1", "yes", "on", "y", "t")
ALWAYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "the training images are always shuffled": (("shuffle", "shuffle_data"), YES),
    "every dense and convolutional layer has a bias": (("bias", "use_bias", "biases"), YES),
    "images are always flattened for dense layers": (("flatten",), YES),
    "labels are always taken as one-hot": (("one_hot", "one_hot_encode"), YES),
    "the penalty is L2, as strong as weight_decay; for another one give l1": (
        ("regularization", "regularizer", "reg_type", "reg", "penalty", "regularization_type"),
        ("l2", "none", "ridge"),
    ),
    "the epoch that validates best is kept; for the last one give keep last": (
        ("restore_best", "restore_best_weights", "keep_best", "save_best_only"),
        YES,
    ),
    "all test images are always used": (
        ("test_limit", "limit_test", "test_subset", "num_test", "n_test", "test_samples", "max_test_samples"),
        (),
    ),
    "images are varied by noise, shift and elastic only": (
        ("augment", "augmentation", "data_augmentation", "data_aug", "aug", "use_augmentation"),
        ("false", "0", "no", "off", "none"),
    ),
    "any gain counts for patience": (("min_delta", "early_stopping_delta", "early_stop_delta"), ("0", "0.0")),
    "the output is always a softmax": (
        ("output_activation", "out_activation", "out_act", "output_act", "output_layer_activation", "output_function"),
        ("softmax",),
    ),
}

# Where the data lie: a data set of its own where no other is named.
PLACES = frozenset({"datadir", "datapath", "dataroot", "datasetpath", "datasetdir", "datafolder", "datadirectory"})

# What the data set decides: how many numbers an image has, and how many classes there are; in one of these words, with
# any of the others.
INPUTS, CLASSES = frozenset({"input", "feature"}), frozenset({"output", "class", "label", "out"})
MEASURES = frozenset({"size", "shape", "num", "unit", "layer", "feature"})
