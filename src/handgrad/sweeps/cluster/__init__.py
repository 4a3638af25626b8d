"""Trials on the machines of a Ray cluster."""

from handgrad.sweeps.cluster.address import check_cluster
from handgrad.sweeps.cluster.pool import Cluster
