"""``python -m tests.fuzz``: bytes by the thousand for the target; files that are named are played again.

With atheris (the extra ``fuzz``) inputs grow towards lines of the package that none has reached; without it they are
random, or mutated ones of the corpus. The exit status is 0 if nothing was found in the time given.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
sys.path.insert(0, str(HERE.parent))


def parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="inputs to play again")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--engine", choices=["auto", "atheris", "random"], default="auto")
    parser.add_argument("--seed", type=int, default=None, help="of the inputs; the clock's if not given")
    parser.add_argument("--found", type=Path, default=Path(tempfile.gettempdir()), help="where faults are written")
    return parser.parse_args(arguments)


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Some bytes of data replaced, put in, taken out or moved."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at, what = rng.randrange(len(changed) + 1), rng.randrange(4)
        if what == 0 or not changed:
            changed[at:at] = rng.randbytes(rng.randint(1, 8))
        elif what == 1:
            changed[at : at + 1] = bytes([rng.randrange(256)])
        elif what == 2:
            del changed[at : at + rng.randint(1, 4)]
        else:
            changed += changed[at : at + 64]
    return bytes(changed)


def search(target: Callable[[bytes], str], options: argparse.Namespace) -> int:
    """Random and mutated inputs until the time is over; the first that fails is written down."""
    rng = random.Random(options.seed)
    known, calls = [path.read_bytes() for path in sorted(CORPUS.iterdir())], Counter[str]()
    end = time.monotonic() + options.seconds
    while time.monotonic() < end:
        data = mutated(rng, rng.choice(known)) if rng.random() < 0.7 else rng.randbytes(rng.randint(1, 400))
        try:
            calls[target(data)] += 1
        except Exception:
            file = options.found / f"fault-{abs(hash(data)):x}"
            file.write_bytes(data)
            print(f"python -m tests.fuzz {file}", flush=True)
            raise
    print(f"random engine: {calls.total()} inputs, no fault: {dict(calls.most_common())}")
    return 0


def guided(seconds: float, found: Path, seed: int | None) -> None:
    """atheris; it ends the process."""
    import atheris

    with atheris.instrument_imports(include=["kmeans_fast"]):
        from fuzz.target import target
    with tempfile.TemporaryDirectory() as fresh:
        options = [f"-max_total_time={seconds:.0f}", "-timeout=600", "-rss_limit_mb=4096", "-max_len=4096"]
        options += [f"-artifact_prefix={found}/fault-", "-print_final_stats=1"]
        options += [] if seed is None else [f"-seed={seed}"]
        atheris.Setup([sys.argv[0], fresh, str(CORPUS), *options], lambda data: target(data) and None)
        atheris.Fuzz()


def has_atheris() -> bool:
    try:
        import atheris  # noqa: F401
    except ImportError:
        return False
    return True


def main(arguments: list[str]) -> int:
    options = parsed(arguments)
    if options.files:
        from fuzz.target import target

        for file in options.files:
            print(f"{file}: {target(file.read_bytes())}")
        return 0
    if options.engine == "atheris" or (options.engine == "auto" and has_atheris()):
        guided(options.seconds, options.found, options.seed)
    from fuzz.target import target

    return search(target, options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
