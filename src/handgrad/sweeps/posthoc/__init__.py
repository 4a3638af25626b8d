"""What is done with a sweep that is over: test accuracy, ensembles, transfer to other data."""
