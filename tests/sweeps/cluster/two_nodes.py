"""A Ray cluster of two nodes with a CPU each on this machine, which does as it is told on its standard input."""

import json
import sys

from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
others = [cluster.add_node(num_cpus=1)]
print(json.dumps({"address": cluster.address}), flush=True)
for line in sys.stdin:
    if line.strip() == "remove":
        cluster.remove_node(others.pop(), allow_graceful=False)
    if line.strip() == "add":
        others.append(cluster.add_node(num_cpus=1))
    print(json.dumps({"done": line.strip()}), flush=True)
cluster.shutdown()
