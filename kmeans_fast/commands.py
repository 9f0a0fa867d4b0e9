"""The commands ``predict`` and ``choose-k``: they parse, call and print, as those in cli.py do."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from . import plots
from .backends import get_backend
from .backends.protocol import Array, Labels
from .cli import PICTURES, CommandError, add_file_options, check_rows, natural_int, one_line_warnings, positive_int
from .files import check_input, check_output, read_centers, read_table, write_labels

CRITERION_NAMES = ("silhouette", "simplified_silhouette", "calinski_harabasz", "davies_bouldin", "bic", "elbow", "gap")
"""The keys of CRITERIA, which would import scikit-learn for every --help."""
FROM_ONE = ("bic", "elbow", "gap")
"""Criteria that are defined for a single cluster."""

def add_commands(commands: Any) -> None:
    """Add both to the sub-commands of a parser."""
    predict = commands.add_parser("predict", help="label the rows of a file by the centers that fit -o wrote")
    predict.set_defaults(run=run_predict)
    add_predict_options(predict)

    choose = commands.add_parser("choose-k", help="compare numbers of clusters for the rows of a file")
    choose.set_defaults(run=run_choose_k)
    add_choose_options(choose)


def add_predict_options(predict: argparse.ArgumentParser) -> None:
    add_file_options(predict)
    predict.add_argument("--model", type=Path, required=True, metavar="NPZ", help="the OUT.npz that fit -o wrote")
    predict.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="OUT.npy or OUT.csv for the labels (default: print them)"
    )


def add_choose_options(choose: argparse.ArgumentParser) -> None:
    add_file_options(choose)
    choose.add_argument("--min", type=positive_int, default=None, metavar="K", help="default: 2; 1 for gap, bic, elbow")
    choose.add_argument("--max", type=positive_int, default=10, metavar="K", help="default: %(default)s")
    choose.add_argument(
        "--criterion",
        default="silhouette",
        metavar="NAME",
        help=f"{', '.join(CRITERION_NAMES)}, several of them with commas, or all; the first decides "
        "(default: %(default)s)",
    )
    choose.add_argument("--plot", type=Path, metavar="PNG", help="draw the criterion that decides")
    choose.add_argument(
        "--n-init", type=positive_int, default=1, metavar="N", help="runs for each k, of which the best is kept "
        "(default: %(default)s)"
    )  # fmt: skip
    choose.add_argument("--seed", type=natural_int, default=0, metavar="N", help="default: %(default)s")


# --- predict ----------------------------------------------------------------------------------------------


def run_predict(options: argparse.Namespace) -> None:
    check_input(options.file)
    if options.output is not None:
        check_output(options.output, (".npy", ".csv"), source=options.file)
    get_backend(options.backend)
    centers = read_centers(options.model)
    table = read_table(options.file, header=options.header, dtype=options.dtype)
    check_rows(table.X, options)
    if table.X.shape[1] != centers.shape[1]:
        raise CommandError(
            f"{options.file} has {table.X.shape[1]} columns, and the centers in {options.model} have {centers.shape[1]}"
        )
    labels = predicted(table.X, centers, options)
    if options.output is None:
        print("\n".join(map(str, labels.tolist())))
        return
    write_labels(options.output, labels, has_names=table.names is not None)
    print(f"wrote {options.output}: labels of {len(labels)} rows by {len(centers)} centers")


def predicted(X: Array, centers: Array, options: argparse.Namespace) -> Labels:
    """The nearest of the centers for each row, as the estimator that they came from would say."""
    from .estimators.kmeans import KMeans

    model = KMeans(len(centers), backend=options.backend, n_threads=options.threads)
    model.cluster_centers_, model.n_features_in_ = centers, centers.shape[1]
    return model.predict(X)


# --- choose-k ---------------------------------------------------------------------------------------------


def run_choose_k(options: argparse.Namespace) -> None:
    check_input(options.file)
    names = criteria_of(options.criterion)
    ks = range(options.min or (1 if names[0] in FROM_ONE else 2), options.max + 1)
    if not ks:
        raise CommandError(f"--min {ks.start} is more than --max {options.max}; there is no k between them")
    if options.plot is not None:
        check_output(options.plot, PICTURES, source=options.file)
        plots.require_matplotlib()
    get_backend(options.backend)
    table = read_table(options.file, header=options.header, dtype=options.dtype)
    check_rows(table.X, options)
    if options.max > len(table.X):
        raise CommandError(f"--max {options.max} exceeds the {len(table.X)} rows of {options.file}")
    from .estimators.kmeans import KMeans
    from .selection import choose_k

    model = KMeans(n_init=options.n_init, backend=options.backend)
    with one_line_warnings():
        found = choose_k(
            table.X, ks, names, estimator=model, random_state=options.seed, n_threads=options.threads
        )
    print(found)
    if options.plot is not None:
        figure = plots.new_figure(7, 5)
        found.plot(ax=figure.subplots())
        plots.save(figure, options.plot)
        print(f"wrote {options.plot}")


def criteria_of(text: str) -> list[str]:
    """The names in text, which are separated by commas."""
    names = list(CRITERION_NAMES) if text == "all" else [name.strip().replace("-", "_") for name in text.split(",")]
    for name in names:
        if name not in CRITERION_NAMES:
            raise CommandError(f"--criterion: {name!r} is unknown; use all, or any of {', '.join(CRITERION_NAMES)}")
    return names
