/* DO(1) ... DO(POINT_CENTERS): a function for each number of centers, so that its sums are registers. */
#ifndef KMEANS_FAST_EACH_Q_H
#define KMEANS_FAST_EACH_Q_H

#define EACH_Q_UP_TO_3(DO) DO(1) DO(2) DO(3)
#define EACH_Q_UP_TO_4(DO) EACH_Q_UP_TO_3(DO) DO(4)
#define EACH_Q_UP_TO_5(DO) EACH_Q_UP_TO_4(DO) DO(5)
#define EACH_Q_UP_TO_8(DO) EACH_Q_UP_TO_5(DO) DO(6) DO(7) DO(8)
#define EACH_Q_UP_TO_12(DO) EACH_Q_UP_TO_8(DO) DO(9) DO(10) DO(11) DO(12)
#define EACH_Q_(limit, DO) EACH_Q_UP_TO_##limit(DO)
#define EACH_Q(limit, DO) EACH_Q_(limit, DO)

#endif
