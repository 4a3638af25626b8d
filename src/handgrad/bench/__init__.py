"""The benchmark: the same trainings in handgrad and in other frameworks, each in a process of its own, in turn."""
