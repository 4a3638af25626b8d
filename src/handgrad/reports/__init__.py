"""Reports: what a run, or several, are turned into to be read."""
