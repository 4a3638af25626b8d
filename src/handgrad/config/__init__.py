"""RunConfig, its aliases, and what is built from it."""

from handgrad.config.build import (
    build_classical,
    build_dataset,
    build_initializer,
    build_layers,
    build_loss,
    build_optimizer,
    build_scaling,
    build_schedule,
    build_split,
    build_transforms,
    data_key,
    validates_on_test,
)
from handgrad.config.read import RunConfig
from handgrad.config.schema import OF_DATA, decides_training, differences, value_type_of
from handgrad.config.value_types import ValueType
