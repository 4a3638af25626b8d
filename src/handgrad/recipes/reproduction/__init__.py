"""Running a recipe: what is to be trained, training it on all cores, and the report of what came out."""
