"""The one build in every CPython that is here, with the oldest and the newest NumPy and scikit-learn."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .builds import ROOT, Missing

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
OLDEST = {"3.11": ["numpy==1.26.*", "scikit-learn==1.6.*"]}
PROGRAM = """
import sys
import numpy as np, scipy.sparse, sklearn
import kmeans_fast
from kmeans_fast import BisectingKMeans, KMeans, MiniBatchKMeans, info, kmeans_plusplus

rng = np.random.default_rng(0)
X = rng.standard_normal((3000, 8)) + 5 * rng.standard_normal((6, 8))[rng.integers(0, 6, 3000)]
for kind in (KMeans, MiniBatchKMeans, BisectingKMeans):
    for rows in (X, X.astype("float32"), scipy.sparse.csr_array(X)):
        model = kind(6, random_state=0).fit(rows)
        assert (model.labels_ == model.predict(rows)).all(), kind
theirs = sklearn.cluster.KMeans(6, init=X[:6], n_init=1).fit(X)
ours = KMeans(6, init=X[:6], n_init=1).fit(X)
assert (theirs.labels_ == ours.labels_).all() and ours.n_iter_ == theirs.n_iter_
assert kmeans_plusplus(X, 5, random_state=0)[1].shape == (5,)
assert "site-packages" in kmeans_fast.__file__, kmeans_fast.__file__
print("CPython", sys.version.split()[0], "numpy", np.__version__, "scikit-learn", sklearn.__version__, info()["isa"])
"""


def pythons() -> dict[str, str]:
    """The CPythons of this machine: on the path, or beside each other where pyenv keeps them."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    folders += [str(path) for path in sorted(kept.glob("*/bin"))]
    found = {}
    for version in VERSIONS:
        for path in [Path(folder, f"python{version}") for folder in [*folders, str(Path(sys.executable).parent)]]:
            if path.exists() and "shims" not in path.parts:
                found[version] = str(path)
    return found


def installed(folder: Path) -> Path:
    """A folder to import the package from, with the kernels of a release build: made once for all CPythons."""
    if not list((ROOT / "kmeans_fast" / "kernels").glob("*.abi3.so")):
        raise Missing("needs a release build in place: python setup.py build_ext --inplace")
    shutil.copytree(ROOT / "kmeans_fast", folder / "site-packages" / "kmeans_fast")
    return folder / "site-packages"


def versions(arguments: Sequence[str] = ()) -> int:
    """Import and fit in every CPython of this machine, with NumPy and scikit-learn both oldest and newest."""
    found = {version: path for version, path in pythons().items() if not arguments or version in arguments}
    if not found:
        raise Missing(f"needs one of Python {', '.join(arguments or VERSIONS)}")
    failed = 0
    for version, python in found.items():
        for packages in [*([OLDEST[version]] if version in OLDEST else []), ["numpy", "scikit-learn"]]:
            with tempfile.TemporaryDirectory() as folder:
                env = os.environ | {"PYTHONPATH": str(installed(Path(folder)))}
                inside = str(Path(folder, "venv", "bin", "python"))
                subprocess.run([python, "-m", "venv", str(Path(folder, "venv"))], check=True)
                subprocess.run([inside, "-m", "pip", "install", "-q", *packages], check=True)
                failed += subprocess.run([inside, "-c", PROGRAM], cwd=folder, env=env).returncode != 0
    print(f"not here: {', '.join(sorted(set(VERSIONS) - set(found)) or ['none'])}; {failed} failed")
    return failed
