"""The command ``kmeans-fast``: parses, calls, prints; no numerics of its own.

Errors are one line on stderr and exit status 2; an interrupt ends with status 130.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .backends import BACKENDS, get_backend
from .backends.protocol import Array
from .files import FileError, check_input, check_output, read_table, write_result

if TYPE_CHECKING:
    from .estimators.kmeans import KMeans

PROGRAM = "kmeans-fast"
PICTURES = (".png", ".jpg", ".pdf", ".svg")
FAILED = 2
INTERRUPTED = 130


class CommandError(Exception):
    """What the user has to put right, in one line."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors take one line."""

    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message} (see '{self.prog} --help')")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    try:
        options = build_parser().parse_args(arguments)
        options.run(options)
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (CommandError, FileError, OSError, ImportError, MemoryError, ValueError) as error:
        print(f"{PROGRAM}: error: {one_line(error)}", file=sys.stderr)
        return FAILED
    return 0


def one_line(error: BaseException) -> str:
    """The first line of the message; estimators may explain themselves on more."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, MemoryError):
        return "not enough memory" + (f": {lines[0]}" if lines else "")
    return lines[0] if lines else type(error).__name__


def build_parser() -> Parser:
    parser = Parser(prog=PROGRAM, description="Fast k-means whose labels are always the truly nearest centers.")
    commands = parser.add_subparsers(title="commands", metavar="{info,fit,predict,choose-k,demo}", required=True)

    info = commands.add_parser("info", help="show versions, backends, instruction sets and threads")
    info.set_defaults(run=run_info)

    fit = commands.add_parser("fit", help="cluster the rows of a .npy or .csv file")
    fit.set_defaults(run=run_fit)
    add_fit_options(fit)

    from .commands import add_commands

    add_commands(commands)

    demo = commands.add_parser("demo", help="cluster real data with every backend, and draw a picture")
    demo.set_defaults(run=run_demo)
    demo.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("kmeans-fast-demo.png"),
        metavar="PNG",
        help="the picture to write (default: %(default)s)",
    )
    demo.add_argument("--threads", type=thread_count, metavar="N", help="threads (default: the CPUs it may use)")
    return parser


def add_fit_options(fit: argparse.ArgumentParser) -> None:
    add_file_options(fit)
    fit.add_argument("-k", "--clusters", type=positive_int, required=True, metavar="K", help="number of clusters")
    fit.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="OUT.npz holds labels and centers; OUT.csv the labels, and OUT-centers.csv the centers",
    )
    fit.add_argument(
        "--seed",
        type=natural_int,
        default=0,
        metavar="N",
        help="of the random numbers; the same seed gives the same answer (default: %(default)s)",
    )
    fit.add_argument("--init", choices=("k-means++", "random"), default="k-means++", help="how to choose first centers")
    fit.add_argument(
        "--n-init",
        type=positive_int,
        metavar="N",
        help="runs, of which the best is kept (default: 1 for k-means++, 10 for random)",
    )
    fit.add_argument("--max-iter", type=positive_int, default=300, metavar="N", help="default: %(default)s")
    fit.add_argument(
        "--tol",
        type=tolerance,
        default=1e-4,
        metavar="T",
        help="stop when the centers move less, relative to the variance (default: %(default)s)",
    )
    fit.add_argument("--mmap", action="store_true", help="leave the .npy on disk and read it piece by piece")


def add_file_options(command: argparse.ArgumentParser) -> None:
    """What every command has that computes with the rows of a file."""
    command.add_argument("file", type=Path, metavar="FILE", help="a 2-D array (.npy) or a table of numbers (.csv)")
    names = ", ".join(BACKENDS)
    command.add_argument("--backend", default="auto", metavar="NAME", help=f"auto, {names} (default: auto)")
    command.add_argument("--threads", type=thread_count, metavar="N", help="-1 for all (default: the CPUs it may use)")
    command.add_argument("--dtype", choices=("float32", "float64"), help="default: that of the file; float64 for .csv")
    command.add_argument(
        "--header",
        choices=("auto", "yes", "no"),
        default="auto",
        help="does the .csv begin with column names? (default: look whether its first line is numbers)",
    )


def number(convert: Callable[[str], Any], is_good: Callable[[Any], bool], expected: str) -> Callable[[str], Any]:
    """An argparse type that accepts what ``is_good`` holds for, and otherwise says what was expected."""

    def parse(text: str) -> Any:
        with contextlib.suppress(ValueError):
            value = convert(text)
            if is_good(value):
                return value
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")

    return parse


positive_int = number(int, lambda value: value >= 1, "a whole number of at least 1")
natural_int = number(int, lambda value: 0 <= value < 2**32, "a whole number from 0 to 2**32 - 1")
thread_count = number(int, lambda value: value >= 1 or value == -1, "a number of threads of at least 1, or -1 for all")
tolerance = number(float, lambda value: 0 <= value < math.inf, "a finite number of at least 0")


# --- info -------------------------------------------------------------------------------------------------


def run_info(options: argparse.Namespace) -> None:
    from . import info

    for line in described(info()):
        print(line)


def described(facts: object, indent: str = "") -> Iterator[str]:
    """Lines "name: value" of a mapping, inner mappings indented."""
    if not isinstance(facts, Mapping):
        yield f"{indent}{facts}"
        return
    width = max((len(str(name)) for name in facts), default=0) + 1
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield f"{indent}{name}:"
            yield from described(value, indent + "  ")
            continue
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple | set | frozenset) else value
        yield f"{indent}{f'{name}:':<{width}} {text}"


# --- fit --------------------------------------------------------------------------------------------------


def run_fit(options: argparse.Namespace) -> None:
    check_input(options.file)
    if options.mmap and (options.file.suffix.lower() != ".npy" or options.dtype):
        raise CommandError("--mmap leaves the numbers on disk as they are; use it with a .npy and without --dtype")
    if options.output is not None:
        check_output(options.output, source=options.file)
    get_backend(options.backend)
    table = read_table(options.file, header=options.header, dtype=options.dtype, mmap=options.mmap)
    check_table(table.X, options)
    model, seconds = fitted(table.X, options)
    print_summary(model, table.X, seconds)
    if options.output is not None:
        files = write_result(options.output, model.labels_, model.cluster_centers_, table.names)
        print(f"wrote {' and '.join(map(str, files))}")


def check_table(X: Array, options: argparse.Namespace) -> None:
    check_rows(X, options)
    if options.clusters > len(X):
        raise CommandError(f"-k {options.clusters} exceeds the {len(X)} rows of {options.file}; use at most {len(X)}")


def check_rows(X: Array, options: argparse.Namespace) -> None:
    if X.ndim != 2:
        raise CommandError(f"{options.file} holds an array of shape {X.shape}, expected two axes: rows and features")
    if 0 in X.shape:
        raise CommandError(f"{options.file} holds no numbers: its shape is {X.shape}")
    if X.dtype.kind == "f" and (bad := first_not_finite(X)) is not None:
        row, column = bad
        raise CommandError(
            f"{options.file} holds {X[row, column]} in row {row}, column {column} (counted from 0), "
            "expected finite numbers; remove or fill such rows"
        )


def first_not_finite(X: Array, chunk: int = 65536) -> tuple[int, int] | None:
    for start in range(0, len(X), chunk):
        is_bad = ~np.isfinite(X[start : start + chunk])
        if is_bad.any():
            row, column = np.argwhere(is_bad)[0]
            return start + int(row), int(column)
    return None


def fitted(X: Array, options: argparse.Namespace) -> tuple[KMeans, float]:
    from .estimators.kmeans import KMeans

    progress = Progress(sys.stderr) if sys.stderr.isatty() else None
    model = KMeans(
        options.clusters,
        init=options.init,
        n_init=options.n_init or "auto",
        max_iter=options.max_iter,
        tol=options.tol,
        random_state=options.seed,
        backend=options.backend,
        n_threads=options.threads,
        verbose=progress is not None,
    )
    began = time.perf_counter()
    with one_line_warnings(), contextlib.ExitStack() as stack:
        if progress is not None:
            stack.callback(progress.clear)
            stack.enter_context(contextlib.redirect_stdout(progress))
        model.fit(X)
    seconds = time.perf_counter() - began
    return model, seconds


@contextlib.contextmanager
def one_line_warnings() -> Iterator[None]:
    """What is warned of in the block takes one line each on stderr, after it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        print(f"{PROGRAM}: warning: {one_line(warning.message)}", file=sys.stderr)  # type: ignore[arg-type]


class Progress:
    """A text stream that shows the last line written to it on one line of a terminal."""

    def __init__(self, terminal: Any) -> None:
        self.terminal = terminal
        self.width = 79

    def write(self, text: str) -> int:
        for line in filter(None, map(str.strip, text.splitlines())):
            self.terminal.write("\r" + line[: self.width].ljust(self.width))
        self.terminal.flush()
        return len(text)

    def flush(self) -> None:
        self.terminal.flush()

    def clear(self) -> None:
        self.terminal.write("\r" + " " * self.width + "\r")
        self.terminal.flush()


def print_summary(model: KMeans, X: Array, seconds: float) -> None:
    sizes = np.bincount(model.labels_, minlength=len(model.cluster_centers_))
    ending = "converged" if model.converged_ else "stopped by --max-iter, not converged"
    print(f"{len(X)} rows x {X.shape[1]} features, {len(sizes)} clusters, {X.dtype}")
    print(f"inertia {model.inertia_:.6g} after {model.n_iter_} iterations ({ending}), {seconds:.3g} s")
    print(f"rows a cluster: {sizes.min()} to {sizes.max()}, median {np.median(sizes):g}")


# --- demo -------------------------------------------------------------------------------------------------


def run_demo(options: argparse.Namespace) -> None:
    from .demo import run

    check_output(options.output, suffixes=PICTURES)
    run(options.output, n_threads=options.threads)
