/* Sums of products of floats: they begin with half the norm of the center, and are scores as they are. */
typedef vec_f32 narrow_sum;

ALWAYS_INLINE narrow_sum first_sum(float half_norm) { return set_f32(half_norm); }

ALWAYS_INLINE vec_f32 score_of(narrow_sum sum, float half_norm, float unit_of_center, vec_f32 unit_of_row)
{
    (void)half_norm, (void)unit_of_center, (void)unit_of_row;
    return sum;
}
