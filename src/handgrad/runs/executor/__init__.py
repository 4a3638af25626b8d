"""The one pool of handgrad: tasks given to processes of this machine, or to the nodes of a Ray cluster."""
