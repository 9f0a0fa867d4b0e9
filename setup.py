"""Builds the compiled kernels; everything else is in pyproject.toml.

KMEANS_FAST_BUILD=release|checked|traced chooses the profile: release is one Limited API wheel for every CPython from
3.11 on; checked has bounds checks and C asserts; traced records Cython lines for coverage. A checked build takes
KMEANS_FAST_SANITIZE=address,undefined (or thread) on Linux.
"""

import os
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

PROFILES = ("release", "checked", "traced")
PROFILE = os.environ.get("KMEANS_FAST_BUILD", "release")
SANITIZE = os.environ.get("KMEANS_FAST_SANITIZE", "")
if PROFILE not in PROFILES:
    sys.exit(f"KMEANS_FAST_BUILD={PROFILE!r} is not a profile; use one of {', '.join(PROFILES)}.")
if SANITIZE and PROFILE != "checked":
    sys.exit("KMEANS_FAST_SANITIZE needs KMEANS_FAST_BUILD=checked.")

IS_MSVC = sysconfig.get_platform().startswith("win")
IS_ABI3 = PROFILE == "release" and not sysconfig.get_config_var("Py_GIL_DISABLED")
KERNELS = "kmeans_fast/kernels"
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": PROFILE != "release",
    "wraparound": False,
    "initializedcheck": PROFILE != "release",
    "cdivision": True,
    "embedsignature": True,
    "linetrace": PROFILE == "traced",
    "profile": PROFILE == "traced",
}


def macros():
    """Preprocessor definitions of the profile."""
    defined = [("KMEANS_FAST_PROFILE", f'"{PROFILE}"')]
    if IS_ABI3:
        defined.append(("Py_LIMITED_API", "0x030B0000"))
    if PROFILE == "release":
        defined.append(("NDEBUG", None))
    if PROFILE == "traced":
        defined += [("CYTHON_TRACE", "1"), ("CYTHON_TRACE_NOGIL", "1")]
    return defined


def flags():
    """Compiler and linker flags of the profile; instruction sets are asked for in the C files themselves."""
    if IS_MSVC:
        return ["/O2", "/std:c11"], []
    compile_flags = ["-O3", "-fno-math-errno", "-ffp-contract=fast"]
    if PROFILE == "checked":
        compile_flags = ["-O1", "-g", "-UNDEBUG", "-fno-omit-frame-pointer", "-fno-math-errno", "-ffp-contract=fast"]
    if not SANITIZE:
        return compile_flags, []
    # CPython's own flags contain -fwrapv, under which signed overflow is no error to report.
    sanitize = [f"-fsanitize={SANITIZE}", "-fno-wrapv", "-fno-sanitize-recover=undefined"]
    return compile_flags + sanitize, [f"-fsanitize={SANITIZE}"]


class BuildKernels(build_ext):
    """build_ext that says in one sentence what is missing, finds out whether there is OpenMP, and uses all CPUs."""

    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or True

    def build_extensions(self):
        if not self.can_build("int main(void) { return 0; }", [], []):
            sys.exit("kmeans_fast needs a C compiler to build its kernels, and none was found (try gcc or clang).")
        openmp = self.openmp_flags()
        if openmp is None:
            print("kmeans_fast: no OpenMP was found; the build goes on, with one thread.", file=sys.stderr)
        for extension in self.extensions:
            extension.extra_compile_args += openmp[0] if openmp else []
            extension.extra_link_args += openmp[1] if openmp else []
        self.compiler.compile = side_by_side(self.compiler.compile)
        super().build_extensions()

    def openmp_flags(self):
        """The first pair of flags with which a program that asks OpenMP for its threads compiles and links."""
        program = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }"
        clang_on_mac = (["-Xpreprocessor", "-fopenmp"], ["-lomp"])
        candidates = [(["/openmp"], [])] if IS_MSVC else [(["-fopenmp"], ["-fopenmp"]), clang_on_mac]
        return next((pair for pair in candidates if self.can_build(program, *pair)), None)

    def can_build(self, program, compile_flags, link_flags):
        """Whether the compiler makes an executable of the program."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.c")
            source.write_text(program, encoding="utf-8")
            try:
                objects = self.compiler.compile([str(source)], output_dir=folder, extra_postargs=compile_flags)
                self.compiler.link_executable(objects, str(Path(folder, "probe")), extra_postargs=link_flags)
            except (CompileError, LinkError, OSError):
                return False
        return True


def side_by_side(compile_all):
    """The compiler's method, with a call for each source, as many at once as there are CPUs."""

    def compile_each(sources, **options):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = pool.map(lambda source: compile_all([source], **options), sources)
            return [path for paths in objects for path in paths]

    return compile_each


def extensions():
    """One extension a .pyx; the C bodies belong to _kernels, the one door to them, which takes longest."""
    compile_flags, link_flags = flags()
    headers = sorted(glob(f"{KERNELS}/c/*.h") + glob(f"{KERNELS}/c/*.def"))
    for source in sorted(glob(f"{KERNELS}/_*.pyx"), key=lambda path: Path(path).stem != "_kernels"):
        name = Path(source).stem
        bodies = sorted(glob(f"{KERNELS}/c/*.c")) if name == "_kernels" else []
        yield Extension(
            f"kmeans_fast.kernels.{name}",
            [source, *bodies],
            include_dirs=[KERNELS],
            depends=headers,
            define_macros=macros(),
            extra_compile_args=list(compile_flags),
            extra_link_args=list(link_flags),
            py_limited_api=IS_ABI3,
        )


setup(
    ext_modules=cythonize(
        list(extensions()),
        compiler_directives=DIRECTIVES,
        build_dir="build/cython",
        nthreads=0,
    ),
    cmdclass={"build_ext": BuildKernels},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if IS_ABI3 else {},
)
