"""``python -m tests.campaigns NAME [ARGUMENT...]``: searches for faults that take minutes.

Arguments are those of pytest, or names of scenarios. The exit status is 0 if nothing was found, 77 if the machine lacks
what the campaign needs, and another number if something was found.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from . import arm64, faults, sanitizers, versions
from .builds import Missing


def plants(names: Sequence[str]) -> int:
    """Each planted fault is found by the campaign that is to find it."""
    missed = 0
    for name in names or sanitizers.PLANTS:
        is_found, printed = sanitizers.finds(name)
        print(f"{name}: {'found' if is_found else 'MISSED'} by {sanitizers.PLANTS[name].campaign}", flush=True)
        if not is_found:
            missed += 1
            print(printed[-5000:])
    return missed


CAMPAIGNS: dict[str, Callable[[Sequence[str]], int]] = {
    "faults": faults.campaign,
    "interrupts": faults.interrupts,
    "address": sanitizers.address,
    "thread": sanitizers.thread,
    "valgrind": sanitizers.valgrind,
    "plants": plants,
    "neon": arm64.neon,
    "versions": versions.versions,
}


def main(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] not in CAMPAIGNS:
        print(__doc__)
        for name, campaign in CAMPAIGNS.items():
            print(f"{name:10} {(campaign.__doc__ or '').splitlines()[0]}")
        return 2
    try:
        return CAMPAIGNS[arguments[0]](arguments[1:])
    except Missing as missing:
        print(f"{arguments[0]}: skipped, {missing}")
        return 77


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
