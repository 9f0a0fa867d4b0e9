/* The whole of one instruction set: all bodies for double and float, and the table of them.
 *
 * The includer sets ISA, VEC_BYTES (0: no vectors), and the tiles in vectors, so that they are the same for float
 * and double: POINT_VECTORS x POINT_CENTERS where lanes are points, BLOCK_TILE_ROWS x PANEL_VECTORS where they are
 * centers. With NARROW_IS_WHOLE or NARROW_IS_BF16, whole numbers or bfloat16 go before the scores of both; else float
 * before those of double (narrow.h).
 */
#include "kernels.h"

#define LANES_OF_DOUBLE (VEC_BYTES / 8)
#ifndef NARROW_IS_BF16
#define NARROW_IS_BF16 0
#endif
#ifndef NARROW_IS_WHOLE
#define NARROW_IS_WHOLE 0
#endif
/* Words of two values go before the scores of float too. */
#define HAS_FILTER_f32 (NARROW_IS_BF16 || NARROW_IS_WHOLE)
#define HAS_FILTER_f64 (VEC_BYTES > 0)
#define HAS_FILTER (REAL_IS_FLOAT ? HAS_FILTER_f32 : HAS_FILTER_f64)

/* Vectors of both come first: the bodies for double use those of float too. */
#include "real_f64.h"
#include "vec.h"
#include "real_end.h"
#include "real_f32.h"
#include "vec.h"
#include "real_end.h"

#include "each_q.h"
#if VEC_BYTES > 0
#include "narrow.h"
#endif

#include "real_f64.h"
#include "real.h"
#include "real_end.h"
#include "real_f32.h"
#include "real.h"
#include "real_end.h"

#define CSR_TABLE(suffix)                                                                                              \
    {                                                                                                                  \
        .centers_plan = csr_centers_plan_##suffix, .centers_parts = csr_centers_parts_##suffix,                        \
        .pack_part = csr_pack_part_##suffix, .bind_norms = csr_bind_norms_##suffix,                                    \
        .scratch_plan = csr_scratch_plan_##suffix, .nearest = csr_nearest_##suffix,                                    \
        .two_nearest = csr_two_nearest_##suffix, .sum_cluster = csr_sum_cluster_##suffix,                              \
        .label_potential = csr_label_potential_##suffix, .label_sq_dists = csr_label_sq_dists_##suffix, .seed_gains = csr_seed_gains_##suffix,                           \
        .add_seed = csr_add_seed_##suffix, .sq_spread = csr_sq_spread_##suffix, .distances = csr_distances_##suffix,                                    \
    }

#if HAS_FILTER_f32
#define OF_FILTER_f32(function) function
#else
#define OF_FILTER_f32(function) NULL
#define FILTER_COST_f32 {1.0}
#endif
#if HAS_FILTER_f64
#define OF_FILTER_f64(function) function
#else
#define OF_FILTER_f64(function) NULL
#define FILTER_COST_f64 {1.0}
#endif

#define TABLE(suffix, type)                                                                                            \
    {                                                                                                                  \
        .isa = ISA_NAME, .itemsize = sizeof(type), .tile_rows = POINTS_OF_TILE_##suffix, .vector_width = N_LANES_##suffix,                                    \
        .survey = survey_##suffix, .tiles_bytes = tiles_bytes_##suffix, .filter_cost = FILTER_COST_##suffix, .words_bytes = OF_FILTER_##suffix(words_bytes_##suffix), .filter_scores = OF_FILTER_##suffix(filter_scores_##suffix), \
        .choose_shape = choose_shape_##suffix, .centers_plan = centers_plan_##suffix,                                  \
        .centers_parts = centers_parts_##suffix, .pack_part = pack_part_##suffix, .bind_bound = bind_bound_##suffix,   \
        .scratch_plan = scratch_plan_##suffix, .nearest = nearest_##suffix, .two_nearest = two_nearest_##suffix,       \
        .sum_by_label = sum_by_label_##suffix, .sum_clusters = sum_clusters_##suffix, .move_fixed = move_fixed_##suffix, .move_pairs = move_pairs_##suffix, .move_centers = move_centers_##suffix, .label_sq_dists = label_sq_dists_##suffix,   \
        .label_potential = label_potential_##suffix, .seeding_bytes = seeding_bytes_##suffix,                   \
        .seed_gains = seed_gains_##suffix, .add_seed = add_seed_##suffix, .apply_changes = apply_changes_##suffix, .group_rows = group_rows, .seed_reach = seed_reach_##suffix,           \
        .seed_tile = seed_tile_##suffix, .seeds_apart = seeds_apart_##suffix, \
        .weigh_rows = weigh_rows, .draw_row = draw_row, .block_keys = block_keys_##suffix, .block_bytes = block_bytes_##suffix,     \
        .count_alike = count_alike_##suffix, .alike_bytes = alike_bytes_##suffix,                         \
        .join_alike = join_alike_##suffix, .make_block = make_block_##suffix, .nearest_in_unit = nearest_in_unit_##suffix,                              \
        .axes_bytes = axes_bytes_##suffix, .pack_axes = pack_axes_##suffix, .rotate_bytes = rotate_bytes_##suffix,     \
        .rotate = rotate_##suffix, .prefix_plan = prefix_plan_##suffix, .prefix_bytes = prefix_bytes_##suffix,         \
        .pack_prefix = pack_prefix_##suffix, .bind_prefix = bind_prefix_##suffix,                                      \
        .nearest_by_prefix = nearest_by_prefix_##suffix,                                                               \
        .order_bytes = order_bytes_##suffix, .order_centers = order_centers_##suffix,                                   \
        .group_scratch_plan = group_scratch_plan_##suffix, .first_in_groups = first_in_groups_##suffix,                \
        .nearest_in_groups = nearest_in_groups_##suffix,                                                               \
        .distances = distances_##suffix, .sum_distances_bytes = sum_distances_bytes_##suffix,                              \
        .sum_distances = sum_distances_##suffix, .csr = CSR_TABLE(suffix),                                                     \
    }

static const kf_isa THIS_ISA = {ISA_NAME, TABLE(f32, float), TABLE(f64, double)};
