"""Trials on the machines of a Ray cluster."""

from handgrad.sweeps.cluster.address import check_address, require_ray
from handgrad.sweeps.cluster.pool import Cluster
