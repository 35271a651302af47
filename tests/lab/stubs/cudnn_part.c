/* A stand-in of one of cuDNN's sub-libraries. -DDNNVER=8904. The head library opens it by soname and compares versions. */
#include "common.h"
EX long lab_cudnn_part_version(void) { return fg_int("FAKEGPU_CUDNN", DNNVER); }
