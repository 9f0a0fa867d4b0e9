/* Every kernel body for one REAL; an isa_<name>.c includes it through both.h, double first. */
enum { TILE_ROWS = POINT_VECTORS * L, PANEL_WIDTH = PANEL_VECTORS * L };
_Static_assert(KF_GROUP_ALIGNMENT % TILE_ROWS == 0, "a tile may not span two groups of rows");

#if !REAL_IS_FLOAT
#include "direct.inc.h"
#endif
#include "decide.inc.h"
#include "pack.inc.h"
#include "score_points.inc.h"
#include "score_centers.inc.h"
#if HAS_FILTER
#include "filter.inc.h"
#endif
#include "plan.inc.h"
#include "assign.inc.h"
#include "boxes.inc.h"
#include "near.inc.h"
#include "sums.inc.h"
#include "centers.inc.h"
#include "measure.inc.h"
#include "bounds.inc.h"
#include "prefix.inc.h"
#include "groups.inc.h"
#include "order.inc.h"
#include "seeding.inc.h"
#if !REAL_IS_FLOAT
#include "seed_terms.h"
#endif
#include "distances.inc.h"
#include "sum_distances.inc.h"
#include "csr_pack.inc.h"
#include "csr_direct.inc.h"
#include "csr_assign.inc.h"
#include "csr_measure.inc.h"
