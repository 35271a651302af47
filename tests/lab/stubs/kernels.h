/* The kernels of TensorFlow's own that surround a float convolution, softmax and logical_not, done on the host (device memory is host
 * memory).
 *
 * Without them a convolution gets its input in the wrong order: TensorFlow turns NHWC into NCHW, HWIO into OIHW, and the
 * result back. They are known by the names under which TensorFlow registers them with the runtime, the same from 2.4 to
 * 2.21 (tensorflow/core/kernels/conv_ops_gpu_3.cu.cc and softmax_op_gpu.cu.cc). Every other kernel is ignored: what it should
 * have written stays what the memory held.
 */
#ifndef LAB_KERNELS_H
#define LAB_KERNELS_H
#include <math.h>

#include "common.h"

/* A number that an ignored kernel should have written may be anything. It counts as 0, so that a network runs through to a
 * finite end; no honest test feeds numbers of this size. */
static inline float honest(float value) { return value < 1e6f && value > -1e6f ? value : 0; }

static void softmax(const float* logits, float* out, int rows, int columns, int as_logarithm) {
  for (int row = 0; row < rows; row++, logits += columns, out += columns) {
    float most = honest(logits[0]), sum = 0;
    for (int i = 1; i < columns; i++) most = honest(logits[i]) > most ? honest(logits[i]) : most;
    for (int i = 0; i < columns; i++) sum += expf(honest(logits[i]) - most);
    for (int i = 0; i < columns; i++) {
      float shifted = honest(logits[i]) - most;
      out[i] = as_logarithm ? shifted - logf(sum) : expf(shifted) / sum;
    }
  }
}

/* The size of a template's first type parameter in a mangled name, 0 for one we do not know. */
static size_t element_size(const char* mangled) {
  switch (*mangled) {
    case 'a':
    case 'b':
    case 'c':
    case 'h':
      return 1;
    case 's':
    case 't':
      return 2;
    case 'f':
    case 'i':
    case 'j':
      return 4;
    case 'd':
    case 'l':
    case 'm':
    case 'x':
    case 'y':
      return 8;
    default:
      return 0;
  }
}

/* out[a..] = in[...] where in's dimension n becomes out's dimension place[n]. */
static void permute(const char* in, const int* dim, const int* place, char* out, size_t size) {
  int out_dim[3];
  for (int n = 0; n < 3; n++) out_dim[place[n]] = dim[n];
  for (int i = 0; i < dim[0]; i++)
    for (int j = 0; j < dim[1]; j++)
      for (int k = 0; k < dim[2]; k++) {
        int at[3];
        at[place[0]] = i, at[place[1]] = j, at[place[2]] = k;
        size_t to = ((size_t)at[0] * out_dim[1] + at[1]) * out_dim[2] + at[2];
        size_t from = ((size_t)i * dim[1] + j) * dim[2] + k;
        memcpy(out + to * size, in + from * size, size);
      }
}

/* Does the kernel of this name; returns whether it was one that we know. */
static int run_kernel(const char* name, void** arguments) {
  static const char swap[] = "SwapDimension1And2InTensor3UsingTilesI", shuffle[] = "ShuffleInTensor3SimpleI";
  const char* found = strstr(name, swap);
  if (found) {
    /* (const T *input, Dimension<3> input_dims, T *output) */
    static const int place[3] = {0, 2, 1};
    size_t size = element_size(found + sizeof swap - 1);
    if (size) permute(*(char**)arguments[0], arguments[1], place, *(char**)arguments[2], size);
    return size != 0;
  }
  found = strstr(name, shuffle);
  if (found) {
    /* (int threads, const T *input, Dimension<3> input_dims, T *output); T, then where each dimension goes */
    int place[3];
    size_t size = element_size(found + sizeof shuffle - 1);
    if (!size || sscanf(found + sizeof shuffle, "Li%dELi%dELi%dE", place, place + 1, place + 2) != 3) return 0;
    permute(*(char**)arguments[1], arguments[2], place, *(char**)arguments[3], size);
    return 1;
  }
  if (strstr(name, "scalar_boolean_not_opIb") && strstr(name, "TensorIbLi1ELi1E")) {
    /* (Evaluator assignment, Index size), as seen of 2.3.4: the evaluator of a list holds its data, its size and its device, that
     * of the operation a device and (empty) the operation. Keras of 2.3 asserts by it that a variable is new. */
    char **words = arguments[0], *out = words[0], *in = words[5];
    long size = strstr(name, "TensorIbLi1ELi1Ei") ? *(int*)arguments[1] : *(long*)arguments[1];
    for (long i = 0; i < size; i++) out[i] = !in[i];
    return 1;
  }
  if (strstr(name, "GenerateNormalizedProbIff")) {
    /* (const T *logits, const U *sums, const T *maxima, T *output, int rows, int columns, bool as_logarithm) */
    softmax(*(float**)arguments[0], *(float**)arguments[3], *(int*)arguments[4], *(int*)arguments[5], *(char*)arguments[6]);
    return 1;
  }
  return 0;
}
#endif
