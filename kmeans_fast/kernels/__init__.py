"""The compiled kernels: Cython modules (the Python edge) over C bodies (``c/``), one table per instruction set.

``_kernels`` is the one door to C; ``_parallel.pxd`` the one place that knows how threads run. Found to hold with
Cython 3.3 under the Limited API of CPython 3.11, and built upon here:

- functions on fused memoryviews work, at about half a microsecond a call more than without the Limited API;
- ``cimport`` of extension types, C function pointers and structs across modules works, and so does ``prange``
  through a function pointer that a ``.pxd`` inlines;
- gcc 12 and clang 14 take vectors of 32 and 64 bytes under their ``target`` pragmas, and contract
  ``score -= x * c`` to one fused multiply-add without a spill in 2 x 12 accumulators;
- clang 14 turns the blend by bit operations into min, max and masked moves; gcc 12 does not (it makes three XORs of
  a 64-byte blend), hence NATIVE_MIN, NATIVE_MAX and NATIVE_PICK in ``c/isa_*.c``;
- clang 14 ignores a whole ``target`` attribute that names ``prefer-256-bit``, so only gcc is given a width;
- gcc contracts nothing under ``-std=c11``: the build says ``-ffp-contract=fast``, and ``ROUNDED`` in
  ``c/platform.h`` guards what must not be contracted.
"""
