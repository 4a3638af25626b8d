"""Races: the same trainings and sweeps in handgrad and in other frameworks, each in a process of its own, in turn."""
