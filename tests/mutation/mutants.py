"""The mutants: one constant or comparison each, in code that bounds errors, breaks ties or keeps digits."""

from __future__ import annotations

from dataclasses import dataclass

ISA = "baseline"
"""The one instruction set that is built."""

BF16, WHOLE = "NARROW_IS_BF16", "NARROW_IS_WHOLE"
"""What the words of its filter are, as its file would say; without either there is none for float32."""

C = "kmeans_fast/kernels/c/"
BACKENDS = "kmeans_fast/backends/"
ENGINE = "kmeans_fast/engine/"

KERNELS = ("tests/test_numerics_table.py", "tests/test_isas.py", "tests/test_laws.py")
BOUNDS = ("tests/engine/algorithms", "tests/test_isas.py")
FILTER = ("tests/kernels/test_filter.py",)
SPARSE = ("tests/backends/test_csr.py", "tests/test_sparse_kernels.py", "tests/test_sparse.py")
UNITS = ("tests/backends/test_conditioning.py", "tests/backends/test_decider.py", "tests/test_numerics_table.py")
ALGORITHMS = ("tests/engine/algorithms",)


@dataclass(frozen=True)
class Mutant:
    name: str
    """What the code no longer does."""
    file: str
    code: str
    """As it stands, once in the file."""
    mutated: str
    tests: tuple[str, ...]

    @property
    def is_compiled(self) -> bool:
        return self.file.startswith(C)

    @property
    def filter_of(self) -> str:
        return WHOLE if self.file.endswith("words_whole.h") else BF16

    @property
    def chosen(self) -> str:
        """Of the tests those that could notice, as pytest's -k has it."""
        return ISA if self.is_compiled else f"not ({ISA} or broadcast)"


MUTANTS = [
    # What scores are allowed to be off. A bound that is a little too small errs on no data that could be found, for it
    # is never reached: so each loses a factor that data do reach.
    Mutant(
        "rounding errors of products are bounded",
        C + "plan.inc.h",
        "gamma = m * u / (1 - m * u)",
        "gamma = m * u / 256",
        KERNELS,
    ),
    Mutant(
        "the bound holds for large rows",
        C + "plan.inc.h",
        "2 * gamma * C + vanished",
        "0 * gamma * C + vanished",
        KERNELS,
    ),
    Mutant("products that underflow are bounded", C + "plan.inc.h", "vanished = 8 *", "vanished = 0 *", KERNELS),
    Mutant(
        "doubtful float32 scores are settled",
        C + "assign.inc.h",
        "I are_certain = FN(set_int)(-1);",
        "I are_certain = FN(set_int)(-1); a0 = a1 = a2 = FN(set)(0);",
        KERNELS,
    ),
    Mutant(
        "doubtful rows of a block are all found",
        C + "assign.inc.h",
        "n_doubtful += !(second[i] - best[i] > limit);",
        "n_doubtful += !(second[i] - best[i] > 0);",
        KERNELS,
    ),
    Mutant(
        "float64 scores of float32 rows are certified",
        C + "assign.inc.h",
        "- (a[0] + r * (a[1] + r * a[2]))",
        "- 0 * (a[0] + r * (a[1] + r * a[2]))",
        KERNELS,
    ),
    Mutant(
        "the second best of a tile is a second best",
        C + "score_points.inc.h",
        "s = FN(min)(s, FN(max)(score[v][q], b));",
        "s = FN(max)(score[v][q], b);",
        KERNELS,
    ),
    Mutant(
        "the second best over lanes is a second best",
        C + "score_centers.inc.h",
        "MIN_OF(s[lane], MAX_OF(b[lane], least))",
        "MAX_OF(b[lane], least)",
        KERNELS,
    ),
    # Ties, and what is too large or too small for squares. That the C twin halves differences can not be noticed: with
    # the units that rows have none overflows.
    Mutant(
        "ties go to the lower index",
        C + "decide.inc.h",
        "if (this < found.best) {",
        "if (this <= found.best) {",
        KERNELS,
    ),
    Mutant(
        "ties of rescaled rows go to the lower index",
        C + "decide.inc.h",
        "if (this < best) {",
        "if (this <= best) {",
        KERNELS,
    ),
    Mutant(
        "squares that vanish are measured anew",
        C + "direct.inc.h",
        "SAFE_LEAST = 0x1p-900",
        "SAFE_LEAST = 0x1p-1074",
        KERNELS,
    ),
    Mutant(
        "squares that overflow are measured anew",
        C + "direct.inc.h",
        "sq_dist < SAFE_MOST",
        "sq_dist <= INFINITY",
        KERNELS,
    ),
    Mutant(
        "partial sums are joined in one order",
        C + "direct.inc.h",
        "    return ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]));",
        "    return ((p[0] + p[2]) + (p[4] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]));",
        KERNELS,
    ),
    # Bounds of distances.
    Mutant(
        "upper bounds are rounded up", C + "bounds.inc.h", "(double)rounded <= value ? rounded", "1 ? rounded", BOUNDS
    ),
    Mutant(
        "lower bounds hold",
        C + "bounds.inc.h",
        "+ MAX_OF(s->gaps[i], 0.0)",
        "+ 2 * MAX_OF(s->gaps[i], 0.0)",
        BOUNDS,
    ),
    Mutant(
        "what scores are off is taken from lower bounds",
        C + "assign.inc.h",
        "((double)second[i] - (double)best[i] - (double)limit)",
        "((double)second[i] - (double)best[i] + 8 * (double)limit)",
        BOUNDS,
    ),
    Mutant("rows are skipped for good reason", C + "bounds.inc.h", "< lower[at])", "< 2 * lower[at])", BOUNDS),
    # Few features: lists of centers of boxes, and labels of tiles, hold while centers move less than their room.
    Mutant(
        "centers that may tie stay in a box",
        C + "near.inc.h",
        "(1 - 0x1p-48) - (D + 6) * 0x1p-50 * span",
        "(1 - 0x1p-48) + (D + 6) * 0x1p-50 * span",
        ("tests/engine/algorithms", *KERNELS),
    ),
    Mutant(
        "ties in a box go to the lower index", C + "near.inc.h", "if (this < best) {", "if (this <= best) {", KERNELS
    ),
    Mutant(
        "doubtful rows of a box are settled",
        C + "near.inc.h",
        "REAL limit = (REAL)centers->bound.a[0] + norm",
        "REAL limit = 0 * norm; if (0) limit = norm",
        KERNELS,
    ),
    Mutant(
        "lists of a box last no longer than its room",
        C + "near.inc.h",
        "own->until = until_of(drifted, kept.room)",
        "own->until = until_of(drifted, 4 * kept.room)",
        BOUNDS,
    ),
    Mutant(
        "labels of a tile last no longer than its room",
        C + "near.inc.h",
        "room * unscale - slack",
        "4 * room * unscale - slack",
        BOUNDS,
    ),
    # Bounds of groups of centers, and of a few coordinates.
    Mutant(
        "groups keep no bound that is too large", C + "groups.inc.h", "own + 2 * (beyond", "own + 8 * (beyond", BOUNDS
    ),
    Mutant(
        "a group is looked up by the place of a center",
        C + "groups.inc.h",
        "old_group = bounds->place[*kept] /",
        "old_group = *kept /",
        BOUNDS,
    ),
    Mutant("rows rest for good reason", C + "groups.inc.h", "n_open += !(gap[i] >", "n_open += !(2 * gap[i] >", BOUNDS),
    Mutant(
        "what follows the first coordinates is no shorter than said",
        C + "prefix.inc.h",
        "FN(rounded_up)(sqrt(left)",
        "FN(rounded_up)(0.5 * sqrt(left)",
        BOUNDS,
    ),
    # Sums, sparse rows.
    Mutant("quotients have all their digits", C + "centers.inc.h", "+ sum_lo) - tail", "+ sum_lo) - 2 * tail", KERNELS),
    Mutant(
        "sparse scores are certified",
        C + "csr_assign.inc.h",
        "found.gap = second - best - limit;",
        "found.gap = second - best;",
        SPARSE,
    ),
    Mutant(
        "doubtful sparse rows are settled",
        C + "csr_assign.inc.h",
        "if (!((double)second[i] - (double)best[i] > limit))",
        "if (!((double)second[i] - (double)best[i] > 0))",
        SPARSE,
    ),
    # The reference, and what stands above all backends: nothing is compiled for these.
    Mutant(
        "the reference measures small squares anew",
        BACKENDS + "decider.py",
        "SAFE = (2.0**-900,",
        "SAFE = (2.0**-1074,",
        UNITS,
    ),
    Mutant(
        "the reference halves differences that overflow",
        BACKENDS + "decider.py",
        "difference = 0.5 * x - 0.5 * centers",
        "difference = 1.0 * x - 1.0 * centers",
        UNITS,
    ),
    Mutant("large data have a unit", BACKENDS + "conditioning.py", "ORDINARY = 480", "ORDINARY = 600", UNITS),
    Mutant("sums hold all digits where they say so", BACKENDS + "conditioning.py", "<= 2 * 53", "<= 4 * 53", UNITS),
    Mutant(
        "the unit of large data is no larger than need be",
        BACKENDS + "conditioning.py",
        "math.ldexp(data_unit, -ORDINARY)",
        "math.ldexp(data_unit, 0)",
        UNITS,
    ),
    Mutant(
        "lower bounds follow the centers",
        ENGINE + "algorithms/hamerly.py",
        "lower -= up(of_others)[labels]",
        "lower -= 0.5 * up(of_others)[labels]",
        ALGORITHMS,
    ),
    Mutant(
        "of the other centers the one that moved most counts",
        ENGINE + "algorithms/hamerly.py",
        ".max(initial=0.0)",
        ".min(initial=0.0)",
        ALGORITHMS,
    ),
    Mutant(
        "a move whose square is zero is a move",
        ENGINE + "loop.py",
        "return self.sq_shift > 0.0 or not",
        "return self.sq_shift > 0.0 and not",
        ("tests/engine/test_loop.py",),
    ),
    Mutant(
        "sums are added up anew in time",
        ENGINE + "moving_sums.py",
        "TOLERANCE = 2.0**-10",
        "TOLERANCE = 2.0**60",
        ("tests/engine/test_moving_sums.py",),
    ),
    Mutant(
        "inertia is measured anew where it vanished",
        ENGINE + "shard.py",
        "LEAST_IN_UNITS = 2.0**-900",
        "LEAST_IN_UNITS = -1.0",
        ("tests/engine/test_shard.py",),
    ),
    # The filter.
    Mutant(
        "what a row loses to narrow values is measured",
        C + "filter.inc.h",
        "size_of_words(sq_norm, sq_residual, unit, rows->d)",
        "size_of_words(sq_norm, 0.0f * sq_residual, unit, rows->d)",
        FILTER,
    ),
    Mutant(
        "what a center loses to narrow values is measured",
        C + "filter.inc.h",
        "size_of_words(sq_norm, sq_residual, unit, d)",
        "size_of_words(sq_norm, 0.0f * sq_residual, unit, d)",
        FILTER,
    ),
    Mutant(
        "sums of whole numbers stay within 32 bits",
        C + "words_whole.h",
        "MOST_UNITS = 43000",
        "MOST_UNITS = 60000",
        FILTER,
    ),
    Mutant(
        "norms of almost nothing fit in their units",
        C + "words_whole.h",
        "MOST_LOST = 4096, MOST_OF_VALUE = 32700, LEAST_UNIT = 0x1p-60f",
        "MOST_LOST = 32767, MOST_OF_VALUE = 32700, LEAST_UNIT = 0x1p-100f",
        FILTER,
    ),
    Mutant(
        "the best score may be off to either side",
        C + "filter.inc.h",
        "return 2 * UP_TO_WORD *",
        "return UP_TO_WORD *",
        FILTER,
    ),
    Mutant(
        "of two centers that are equally near the lower index is right",
        C + "filter.inc.h",
        "return to_high < to_low ? high : low",
        "return to_high <= to_low ? high : low",
        FILTER,
    ),
    Mutant(
        "a third center may be the nearest",
        C + "filter.inc.h",
        "label = found->third[at + i] > most ?",
        "label = found->best[at + i] <= most ?",
        FILTER,
    ),
    Mutant(
        "the third score is one that was seen",
        C + "narrow.h",
        "l.third = min_f32(l.third, max_f32(s, l.second))",
        "l.third = max_f32(l.third, max_f32(s, l.second))",
        FILTER,
    ),
]
