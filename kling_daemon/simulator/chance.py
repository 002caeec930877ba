"""Where the simulator's choices come from: always from the seed and what is chosen, never from a shared stream."""

import random


def chance(seed: int, *subject: object) -> random.Random:
    """Return the dice for one subject, such as `("plan", 17)`: the same ones for the same seed, whenever asked.

    A stream shared by all jobs would give each choice to whoever came first, so that timing would change every run.
    """
    return random.Random("/".join(map(str, (seed, *subject))))  # noqa: S311 - repeatable is the purpose
