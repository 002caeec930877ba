"""Keeps the servers and the load generator off each other's cores."""

import os


def halves() -> tuple[set[int], set[int]]:
    """Return the cores for the servers and those for the generator; on a single core both share it."""
    cores = sorted(os.sched_getaffinity(0))
    middle = len(cores) // 2
    return set(cores[:middle] or cores), set(cores[middle:])
