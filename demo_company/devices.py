"""Browsers: every user has one to three, a few are handed on to a colleague."""

import numpy as np

from demo_company import names
from demo_company.clock import MS_DAY, stream
from demo_company.parameters import Parameters
from demo_company.world import WITHIN_7_DAYS, Account, Device, User, uuids

# a device that is not handed on is still used on the last day
NO_END = 2 * MS_DAY


def build_devices(
    parameters: Parameters, accounts: list[Account], users: list[User]
) -> list[Device]:
    devices = _devices(parameters, users)
    _share_devices(parameters, accounts, users, devices)
    return devices


def _address(rng: np.random.Generator) -> str:
    first, second, third, fourth = (int(rng.integers(11, 220)) for _ in range(4))
    return f"{first}.{second}.{third}.{fourth}"


def _devices(parameters: Parameters, users: list[User]) -> list[Device]:
    rng = stream(parameters.seed, "devices")
    devices: list[Device] = []
    ids = iter(uuids(rng, 4 * len(users)))
    for user in users:
        if user.link == "same_user_id":
            continue  # works on the devices of the first login
        count = 1 + int(rng.random() < 0.35) + int(rng.random() < 0.10)
        for k in range(count):
            begin = user.signed_up + (0 if k == 0 else int(rng.exponential(15 * MS_DAY)) + MS_DAY)
            devices.append(
                Device(
                    index=len(devices),
                    anonymous_id=next(ids),
                    user=user.index,
                    usable_from=begin,
                    usable_until=parameters.end_ms + NO_END,
                    agent=int(rng.integers(3) if k == 0 else rng.integers(len(names.USER_AGENTS))),
                    ip=_address(rng),
                    is_first=k == 0,
                )
            )
    return devices


def _share_devices(
    parameters: Parameters, accounts: list[Account], users: list[User], devices: list[Device]
) -> None:
    """Dirt: a laptop is handed to a colleague. The first owner stops using it two days before."""
    if parameters.dirt_rate <= 0:
        return
    rng = stream(parameters.seed, "shared_devices")
    ids = iter(uuids(rng, len(users)))
    first_device = {d.user: d for d in devices if d.is_first}
    count = max(1, round(len(users) * 0.006))
    for index in rng.permutation(len(accounts)):
        lively = [
            users[m]
            for m in accounts[index].members
            if users[m].kind == WITHIN_7_DAYS and users[m].same_as < 0
        ]
        if len(lively) < 2:
            continue
        giver, taker = lively[0], lively[1]
        ready = max(giver.signed_up, taker.signed_up) + int(rng.uniform(12, 30)) * MS_DAY
        switch = ready // MS_DAY * MS_DAY
        if switch >= parameters.end_ms - 20 * MS_DAY:
            continue
        shared = first_device[giver.index]
        for later in devices:  # what the two get later in life stays as it is
            if later.user == giver.index and not later.is_first:
                later.usable_from = min(later.usable_from, switch - 2 * MS_DAY)
        shared.usable_until = switch - MS_DAY
        without_end = parameters.end_ms + NO_END
        new = {"agent": shared.agent, "ip": shared.ip, "is_first": False}
        devices.append(
            Device(len(devices), next(ids), giver.index, switch - 2 * MS_DAY, without_end, **new)
        )
        devices.append(
            Device(
                len(devices), shared.anonymous_id, taker.index, switch, without_end,
                shared_from=shared.index, **new,
            )
        )  # fmt: skip
        count -= 1
        if count == 0:
            return
