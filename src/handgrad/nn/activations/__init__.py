"""The activations, a file each; `handgrad.nn.ACTIVATIONS` lists them."""
