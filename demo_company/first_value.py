"""When users reach value for the first time: planned before anything else they do."""

import numpy as np

from demo_company.clock import MS_DAY, MS_MINUTE, stream
from demo_company.world import TOO_LATE, WITHIN_7_DAYS, WITHIN_30_DAYS, World


def activation_moments(world: World) -> tuple[np.ndarray, np.ndarray]:
    """(data source connected, dashboard viewed) in ms by user; 0: not in the first steps."""
    rng = stream(world.parameters.seed, "activation_moments")
    connected = np.zeros(len(world.users), np.int64)
    viewed = np.zeros(len(world.users), np.int64)
    for user in world.users:
        minutes = float(np.clip(rng.lognormal(np.log(45), 1.9), 4, 6.7 * 1440))
        part, other, days = rng.uniform(0.3, 0.9), rng.random(), rng.random()
        if user.same_as >= 0:
            continue
        if user.kind == WITHIN_7_DAYS:
            delay = minutes * MS_MINUTE
        elif user.kind == WITHIN_30_DAYS:
            delay = (8 + 20 * days) * MS_DAY
        elif user.kind == TOO_LATE:
            delay = (33 + 25 * days) * MS_DAY
        else:
            if other < 0.30:  # gets the data in and never looks at it
                connected[user.index] = user.signed_up + int(minutes * MS_MINUTE)
            continue
        viewed[user.index] = user.signed_up + int(delay)
        connected[user.index] = user.signed_up + int(delay * part)
    return connected, viewed
