/* Names of what there is once per REAL. */
#define FN(name) CONCAT(name, SUFFIX)
#define L FN(N_LANES)
#define TILE_ROWS FN(POINTS_OF_TILE)
#define PANEL_WIDTH FN(CENTERS_OF_PANEL)
#define V FN(vec)
#define I FN(ivec)
#define INT FN(integer)
