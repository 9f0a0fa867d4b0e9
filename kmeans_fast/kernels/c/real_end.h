/* No REAL any more. */
#undef SUFFIX
#undef REAL
#undef INT_OF_REAL
#undef REAL_IS_FLOAT
#undef ROUNDOFF
#undef SMALLEST
#undef LARGEST
#undef LEAST_SCALED
#undef SQRT
#undef LANES_OF_REAL
#undef FN
#undef L
#undef TILE_ROWS
#undef PANEL_WIDTH
#undef V
#undef I
#undef INT
