"""The rules of the house that a machine can check: layers, tables, sizes, weight of the import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from tables import ALL_ROWS, ISA_ROWS, ISAS, KERNELS

import kmeans_fast
from kmeans_fast.backends import BACKENDS, protocol as the_protocol
from kmeans_fast.engine.algorithms import ALGORITHMS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "kmeans_fast"
C = KERNELS / "c"
SETUP = ROOT / "setup.py"
MAX_LINES = 400

# ---- layers -----------------------------------------------------------------------------------------------------

TOP = {"cli", "commands", "__main__", "demo", "plots", "files", "article", "dask", "_info", "__init__"}
TOP |= {"selection", "displays"}
"""Modules of the top layer, which may import everything below it and each other."""

CONTRACT = {"backends.data", "backends.protocol", "backends.ordered_sums"}
"""What backends promise: all that other layers may import of them, but for the table."""

BELOW = {
    "estimators": {"estimators", "engine", "backends", *CONTRACT, "_validation", "_threads"},
    "_validation": CONTRACT,
    "_threads": set(),
    "engine": {"engine", *CONTRACT},
    "backends": {"backends"},
    "backends.compiled": {"backends", "kernels"},
    "kernels": set(),
}
"""Layer -> what of the package it may import; ``backends`` alone means the table for all but backends themselves."""

OTHERS = {
    "estimators": {"numpy", "sklearn"},
    "_validation": {"numpy", "scipy", "sklearn"},
    "_threads": set(),
    "engine": {"numpy"},
    "backends": {"numpy", "scipy"},
    "kernels": set(),
    "plots": {"numpy", "matplotlib", "PIL"},
    "displays": {"numpy", "matplotlib"},
    "selection": {"numpy", "matplotlib", "pandas"},
    "dask": {"numpy", "dask"},
    "demo": {"numpy", "sklearn", "threadpoolctl"},
}
"""Layer -> packages of others; numpy alone where a layer is not named."""

ON_CALL = {
    "plots": {"matplotlib", "PIL"},
    "displays": {"matplotlib"},
    "selection": {"matplotlib", "pandas"},
    "dask": {"dask"},
    "demo": {"sklearn", "threadpoolctl"},
}
"""Those that are imported inside of functions only."""


@cache
def python_modules() -> list[str]:
    """Dotted names below the package, such as ``engine.loop``; a folder's own file is the folder."""
    names = [path.relative_to(PACKAGE).with_suffix("").parts for path in sorted(PACKAGE.rglob("*.py"))]
    return [".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts) for parts in names]


def path_of(module: str) -> Path:
    folder = PACKAGE.joinpath(*module.split("."))
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def imports_of(module: str) -> Iterator[tuple[str, bool]]:
    """(absolute name, whether it runs with the module) of every import; ``from . import a, b`` are two."""
    path = path_of(module)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = ["kmeans_fast", *([] if module == "__init__" else module.split("."))]
    if path.name != "__init__.py":
        package = package[:-1]
    later = {id(node) for parent in ast.walk(tree) if is_run_later(parent) for node in ast.walk(parent)}
    for node in ast.walk(tree):
        at_top = id(node) not in later
        if isinstance(node, ast.Import):
            yield from ((alias.name, at_top) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            for alias in node.names:
                full = f"{origin}.{alias.name}"
                is_module = full.startswith("kmeans_fast.") and full.removeprefix("kmeans_fast.") in python_modules()
                yield full if is_module or full.startswith("kmeans_fast.kernels.") else origin, at_top


def is_run_later(node: ast.AST) -> bool:
    """A function, or a block that only type checkers read."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def layer_of(module: str) -> str:
    return module if module in BELOW else module.split(".")[0]


def is_allowed(module: str, target: str) -> bool:
    """Whether a module of the package may import ``target``, a module of the package."""
    layer = layer_of(module)
    if layer in TOP:
        return not target.startswith("kernels")
    allowed = BELOW[layer]
    if target.split(".")[0] == "backends" and not layer.startswith("backends"):
        return target in allowed
    return target in allowed or target.split(".")[0] in allowed


@pytest.mark.parametrize("module", python_modules())
def test_each_module_imports_its_own_layer_and_those_below_only(module: str) -> None:
    targets = [name.removeprefix("kmeans_fast").strip(".") for name, _ in imports_of(module) if is_ours(name)]
    refused = [target for target in targets if target and not is_allowed(module, target)]
    assert refused == []


@pytest.mark.parametrize("module", python_modules())
def test_each_module_imports_only_the_packages_of_its_layer(module: str) -> None:
    layer = module.split(".")[0]
    for name, at_top in imports_of(module):
        other = name.split(".")[0]
        if is_ours(name) or other in sys.stdlib_module_names:
            continue
        assert other in OTHERS.get(layer, {"numpy"}), f"{layer} imports {name}"
        assert not at_top or other not in ON_CALL.get(layer, set()), f"{name} is to be imported on call"


def is_ours(name: str) -> bool:
    return name.split(".")[0] == "kmeans_fast"


def test_every_module_has_a_layer() -> None:
    assert [module for module in python_modules() if layer_of(module) not in TOP | set(BELOW)] == []


def test_the_layer_check_sees_a_forbidden_import() -> None:
    assert not is_allowed("engine.loop", "backends.identity")
    assert not is_allowed("estimators.kmeans", "backends.compiled")
    assert not is_allowed("backends.identity", "kernels._nearest")
    assert not is_allowed("cli", "kernels._nearest")
    assert is_allowed("backends.compiled", "kernels._nearest")
    assert ("kmeans_fast.kernels._nearest", True) in list(imports_of("backends.compiled"))
    assert ("kmeans_fast.backends.protocol", True) in list(imports_of("engine.loop"))


def cython_imports(path: Path) -> set[str]:
    """Modules that a .pyx or .pxd takes from elsewhere, by import, cimport, include or extern."""
    lines = [line.split("#")[0] for line in path.read_text(encoding="utf-8").splitlines()]
    found = re.findall(r"^\s*(?:from\s+(\S+)\s+c?import|c?import\s+(\S+))", "\n".join(lines), re.MULTILINE)
    return {a or b for a, b in found}


MADE_OF = {"_boxes": {"._blocks"}, "_iterate": {"._blocks", "._boxes", "._centers", "._moves", "._nearest"}}
"""Kernels that run others in turn."""


@pytest.mark.parametrize("path", sorted([*KERNELS.glob("*.pyx"), *KERNELS.glob("*.pxd")]), ids=lambda p: p.name)
def test_cython_files_import_the_doors_only(path: Path) -> None:
    allowed = {"._csr", "._kernels", "._parallel", "._sums", "._types"}
    others = {name for name in cython_imports(path) if name.split(".")[0] not in ("libc", "cython")}
    assert others <= allowed | MADE_OF.get(path.stem, set())
    text = path.read_text(encoding="utf-8")
    assert path.stem == "_kernels" or 'extern from "c/' not in text, "C has one door"
    assert path.stem == "_kernels" or "if real_t is float" not in text, "there is one `if real_t is float`"
    assert not re.search(r"^\s*(DEF|IF|include)\b", text, re.MULTILINE)
    assert not re.search(r"^#\s*cython:", text, re.MULTILINE), "directives are for setup.py"


@pytest.mark.parametrize("path", sorted([*C.glob("*.c"), *C.glob("*.h"), *C.glob("*.def")]), ids=lambda p: p.name)
def test_c_files_know_no_python(path: Path) -> None:
    includes = re.findall(r'#\s*include\s+[<"]([^>"]+)', path.read_text(encoding="utf-8"))
    assert [name for name in includes if re.search(r"python|numpy", name, re.IGNORECASE)] == []


# ---- tables -----------------------------------------------------------------------------------------------------


def test_each_instruction_set_has_its_file_and_each_file_its_row() -> None:
    assert len(ISAS) == len(set(ISAS)) >= 6
    assert {path.stem.removeprefix("isa_") for path in C.glob("isa_*.c")} == set(ISAS)


def test_setup_and_the_python_code_know_no_instruction_set() -> None:
    pattern = re.compile(rf"\b({'|'.join(name for name in ISAS if name != 'scalar')})\b")
    sources = [SETUP, *(path_of(module) for module in python_modules())]
    named = {path.name: set(pattern.findall(code_of(path))) for path in sources}
    assert {name: found for name, found in named.items() if found} == {}


def code_of(path: Path) -> str:
    """The strings and names of a module's code; docstrings and comments left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    words = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in docs]
    return " ".join(str(word) for word in words if isinstance(word, str))


def test_each_backend_is_one_module_and_each_module_a_backend_or_a_tool() -> None:
    tools = {"__init__", "protocol", "data", "decider", "conditioning", "csr", "curve", "iterations"}
    tools |= {"numpy_rows", "ordered_sums", "pairs", "principal", "seeds"}
    assert {path.stem for path in (PACKAGE / "backends").glob("*.py")} - tools == set(BACKENDS)
    assert all(target == f"kmeans_fast.backends.{name}" for name, target in BACKENDS.items())


def test_each_algorithm_is_one_module() -> None:
    modules = {path.stem for path in (PACKAGE / "engine" / "algorithms").glob("*.py")} - {"__init__"}
    assert modules == set(ALGORITHMS)


def test_the_kernels_named_are_those_that_the_protocol_describes() -> None:
    makers = ("prepare", "take", "part_of")
    methods = [name for name in vars(the_protocol.Backend) if not name.startswith("_") and name not in makers]
    assert set(the_protocol.KERNELS) == {name for name in methods if callable(getattr(the_protocol.Backend, name))}


def test_every_row_of_every_table_is_tested_through_the_table() -> None:
    assert {row.backend for row in ALL_ROWS} == set(BACKENDS)
    assert {row.isa for row in ISA_ROWS} == set(ISAS)
    for name in ("test_numerics_table", "test_laws", "test_isas"):
        code = (ROOT / "tests" / f"{name}.py").read_text(encoding="utf-8")
        tests = re.findall(r"((?:^@.*\n)+)def test_", code, re.MULTILINE)
        assert sum("@every_backend" in marks or "@every_isa" in marks for marks in tests) >= 6
        assert not set(re.findall(r'"(\w+)"', code)) & (set(ISAS) | {"broadcast", "loop"}), "rows are not typed by hand"


def test_each_kernel_has_a_benchmark() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "benchmarks").glob("bench_*.py")))
    assert re.search(r"from kmeans_fast\.backends\.protocol import .*\bKERNELS\b", code)
    assert re.search(r"\bfor \w+ in KERNELS\b", code), "no benchmark runs over the table of kernels"
    assert [kernel for kernel in the_protocol.KERNELS if not re.search(rf"\b{kernel}\b", code)] == []


# ---- sizes, names, words ----------------------------------------------------------------------------------------


def source_files(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    return [path for path in found if path.suffix in {".py", ".pyi", ".pyx", ".pxd", ".c", ".h", ".def"}]


def test_no_python_or_cython_file_is_longer_than_400_lines() -> None:
    suffixes = {".py", ".pyi", ".pyx", ".pxd"}
    paths = [path for path in source_files("kmeans_fast", "tests", "benchmarks") if path.suffix in suffixes]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    assert len(lengths) > 30, "the files were not found"
    assert {name: n for name, n in lengths.items() if n > MAX_LINES} == {}


def test_tests_mirror_the_modules() -> None:
    """tests/engine/test_loop.py is about kmeans_fast/engine/loop.py; tests in tests/ itself may span modules."""
    modules = set(python_modules()) | {f"kernels.{path.stem}" for path in KERNELS.glob("*.pyx")}
    for path in sorted((ROOT / "tests").rglob("*/test_*.py")):
        folder = ".".join(path.parent.relative_to(ROOT / "tests").parts)
        about = path.stem.removeprefix("test_")
        names = {f"{folder}.{about}", f"{folder}._{about}", folder if about in {"table", "init"} else ""}
        assert names & modules, f"{path.relative_to(ROOT)} mirrors no module"


@pytest.mark.parametrize("words", ["-ffast-" + "math", "-march=" + "native", "-Of" + "ast"])
def test_no_flag_that_breaks_arithmetic_or_portability(words: str) -> None:
    paths = [SETUP, ROOT / "pyproject.toml", *source_files("kmeans_fast", "benchmarks")]
    assert [path.name for path in paths if words in path.read_text(encoding="utf-8")] == []


def test_no_dated_names_and_no_disabled_code() -> None:
    paths = source_files("kmeans_fast", "tests", "benchmarks")
    assert [path.name for path in paths if re.search(r"(_v\d|_new|_old|_fast\d|_final)\.", path.name)] == []
    in_c = [path for path in paths if path.suffix in {".c", ".h"}]
    assert [path.name for path in in_c if re.search(r"^\s*#\s*if\s+0\b", path.read_text(), re.MULTILINE)] == []


def is_silent(node: ast.AST) -> bool:
    return isinstance(node, ast.With) and any("errstate(all='ignore')" in ast.unparse(item) for item in node.items)


def products_that_may_warn(tree: ast.AST) -> list[int]:
    """Lines with a product of matrices outside ``np.errstate(all="ignore")``."""
    found = [tree.lineno] if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.MatMult) else []
    return found + [
        n for node in ast.iter_child_nodes(tree) if not is_silent(node) for n in products_that_may_warn(node)
    ]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_products_of_matrices_are_silent(path: Path) -> None:
    """BLAS on arm64 divides by zero, or says so, where nothing does: NumPy's issue 28687."""
    assert products_that_may_warn(ast.parse(path.read_text(encoding="utf-8"))) == []


def test_the_check_of_products_sees_one_that_may_warn() -> None:
    within = "with np.errstate(all='ignore'):\n    a = b @ c\n"
    assert products_that_may_warn(ast.parse(within + "d = a @ b")) == [3]


# ---- build and import -------------------------------------------------------------------------------------------


def test_generated_sources_are_ignored_by_git() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    generated = [f"kmeans_fast/kernels/{p.stem}{end}" for p in KERNELS.glob("*.pyx") for end in (".c", ".so", ".html")]
    generated += ["build/cython/kmeans_fast/kernels/_nearest.c", "dist/x.whl", "kmeans_fast.egg-info/PKG-INFO"]
    run = subprocess.run(["git", "check-ignore", "--no-index", *generated], cwd=ROOT, capture_output=True, text=True)
    assert set(generated) - set(run.stdout.split()) == set()
    tracked = subprocess.run(["git", "ls-files", *generated], cwd=ROOT, capture_output=True, text=True, check=True)
    assert tracked.stdout == ""


@pytest.mark.parametrize("name", sorted(path.name for path in C.glob("*.[ch]")))
def test_written_c_is_not_ignored_by_git(name: str) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    run = subprocess.run(["git", "check-ignore", "--no-index", "-q", f"kmeans_fast/kernels/c/{name}"], cwd=ROOT)
    assert run.returncode == 1


def loaded_after(statement: str) -> set[str]:
    program = f"import sys\n{statement}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(run.stdout.split())


def test_the_import_is_light() -> None:
    heavy = {"sklearn", "scipy", "dask", "matplotlib", "pandas", "joblib"}
    assert loaded_after("import kmeans_fast") & heavy == set()
    assert "sklearn" in loaded_after("from kmeans_fast import KMeans"), "the check can't see an import"


def test_every_public_name_is_there() -> None:
    assert {"BACKENDS", "KMeans", "info", "kmeans_plusplus"} <= set(kmeans_fast.__all__)
    assert all(getattr(kmeans_fast, name) is not None for name in kmeans_fast.__all__)
