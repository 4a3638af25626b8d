"""From a sweep file as people write them to a checked SweepDefinition."""

from handgrad.sweeps.reading.file import BUNDLED, read_sweep, starting_preset
