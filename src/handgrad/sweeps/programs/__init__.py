"""Sweeps of programs that are not handgrad's: each trial is a process, or a call of a function, of somebody's own."""
