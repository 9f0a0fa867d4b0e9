from libc.stdint cimport int32_t

ctypedef fused real_t:
    float
    double

ctypedef int32_t label_t
