"""Tables of numbers in, results out: the .npy, .npz and .csv files of the command line."""

from __future__ import annotations

import csv
import os
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .backends.protocol import Array, Labels


class FileError(Exception):
    """Which file cannot be used, why, and what was expected, in one line."""


@dataclass(frozen=True)
class Table:
    """Numbers from a file, and the names of their columns if it had any."""

    X: Array
    names: list[str] | None = None


def check_input(path: Path) -> None:
    """Raise FileError unless path is a file of a kind that ``read_table`` knows."""
    if path.suffix.lower() not in (".npy", ".csv"):
        raise FileError(f"cannot read {path}: expected a file that ends in .npy or .csv")
    if not path.exists():
        raise FileError(f"no such file: {path}")
    if not path.is_file():
        raise FileError(f"cannot read {path}: it is not a file")


def read_table(path: Path, *, header: str = "auto", dtype: str | None = None, mmap: bool = False) -> Table:
    """The numbers in path, in the file's dtype (.csv: float64) unless ``dtype`` is given.

    ``header`` ('auto', 'yes', 'no') says whether a .csv begins with names; ``mmap`` leaves a .npy on disk.
    """
    try:
        if path.suffix.lower() == ".npy":
            return Table(read_npy(path, mmap, dtype))
        return read_csv(path, header, dtype or "float64")
    except (OSError, ValueError, EOFError, csv.Error) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise FileError(f"cannot read {path}: {reason}") from error


def read_npy(path: Path, mmap: bool, dtype: str | None) -> Array:
    X = np.load(path, mmap_mode="r" if mmap else None, allow_pickle=False)
    if not isinstance(X, np.ndarray):
        raise ValueError("it holds several arrays (.npz), expected one")
    if X.dtype.kind not in "fiub":
        raise ValueError(f"it holds {X.dtype}, expected real numbers")
    return X if dtype is None else X.astype(dtype, copy=False)


def read_csv(path: Path, header: str, dtype: str) -> Table:
    with open(path, encoding="utf-8-sig", newline="") as file:
        n_empty, first = first_line(file)
        delimiter = next((mark for mark in ",;\t" if mark in first), ",")
        fields = [field.strip() for field in next(csv.reader([first], delimiter=delimiter))]
        has_header = header == "yes" or (header == "auto" and not all(map(is_number, fields)))
        file.seek(0)
        with warnings.catch_warnings(action="ignore"):  # loadtxt warns about a file without rows; we raise
            X = np.loadtxt(
                file,
                dtype=dtype,
                delimiter=delimiter,
                skiprows=n_empty + has_header,
                ndmin=2,
                quotechar='"',
                comments=None,
            )
    if X.size == 0:
        raise ValueError("it holds names but no numbers")
    return Table(X, fields if has_header else None)


def first_line(lines: Iterable[str]) -> tuple[int, str]:
    """How many empty lines come first, and the first that is not empty."""
    for n_empty, line in enumerate(lines):
        if line.strip():
            return n_empty, line.strip("\r\n")
    raise ValueError("it is empty")


def is_number(text: str) -> bool:
    """Whether the field belongs to numbers; an empty one is a missing number, not a name."""
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True


def output_files(output: Path) -> list[Path]:
    """What a result called ``output`` is written to: OUT.npz, or OUT.csv and OUT-centers.csv."""
    if output.suffix.lower() == ".csv":
        return [output, output.with_name(f"{output.stem}-centers{output.suffix}")]
    return [output]


def check_output(output: Path, suffixes: Sequence[str] = (".npz", ".csv"), *, source: Path | None = None) -> None:
    """Raise FileError if the result could not be written, or would replace its source."""
    if output.suffix.lower() not in suffixes:
        raise FileError(f"cannot write {output}: expected a name that ends in {' or '.join(suffixes)}")
    if not output.parent.is_dir():
        raise FileError(f"cannot write {output}: there is no folder {output.parent}")
    for path in output_files(output):
        if source is not None and path.resolve() == source.resolve():
            raise FileError(f"cannot write {path}: that is the input; choose another name")
        if path.is_dir():
            raise FileError(f"cannot write {path}: it is a folder")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise FileError(f"cannot write {path}: permission denied")


def write_result(output: Path, labels: Labels, centers: Array, names: list[str] | None = None) -> list[Path]:
    """Write labels (n,) and centers (k, d); return the files. Names head the .csv files if the input had them."""
    files = output_files(output)
    if len(files) == 1:
        with open(output, "wb") as file:
            np.savez(file, labels=labels, centers=centers)
        return files
    # A label column with a header where the input has one: line i of both files is the same row.
    write_csv(files[0], labels[:, None], "%d", None if names is None else ["label"])
    write_csv(files[1], centers, "%.9g" if centers.dtype == np.float32 else "%.17g", names)
    return files


def read_centers(path: Path) -> Array:
    """The centers (k, d) of a result called OUT.npz."""
    if path.suffix.lower() != ".npz":
        raise FileError(f"cannot read {path}: expected the .npz that fit -o wrote")
    if not path.exists():
        raise FileError(f"no such file: {path}")
    try:
        with np.load(path, allow_pickle=False) as result:
            centers = result["centers"]
    except KeyError as error:
        raise FileError(f"{path} holds no centers; expected the .npz that fit -o wrote") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise FileError(f"cannot read {path}: {reason}") from error
    is_numbers = centers.dtype in (np.float32, np.float64) and centers.ndim == 2 and centers.size > 0
    if not is_numbers or not np.isfinite(centers).all():
        raise FileError(f"{path} holds centers of shape {centers.shape} and {centers.dtype}, expected finite numbers")
    return np.ascontiguousarray(centers)


def write_labels(output: Path, labels: Labels, *, has_names: bool) -> None:
    """Write labels (n,) to OUT.npy, or to OUT.csv, with a header where the input has one."""
    if output.suffix.lower() == ".csv":
        write_csv(output, labels[:, None], "%d", ["label"] if has_names else None)
        return
    with open(output, "wb") as file:
        np.save(file, labels)


def write_csv(path: Path, values: Array, digits: str, names: list[str] | None) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        if names is not None:
            csv.writer(file, lineterminator="\n").writerow(names)
        np.savetxt(file, values, fmt=digits, delimiter=",")
