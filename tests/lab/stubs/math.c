/* Stand-ins of cuBLAS, cuBLASLt, cuFFT, cuRAND, cuSOLVER, cuSPARSE, nvJitLink, NCCL, CUPTI and NVRTC: they open, tell their
 * version and do nothing. One source for all; -DMAJOR, -DMINOR, -DPATCH, -DBUILD give the version, -DFAMILY="cublas" the name.
 */
#include "common.h"

static int part(int which, int* value) {
  *value = which == 0 ? MAJOR : which == 1 ? MINOR : PATCH;
  return 0;
}

EX int cublasGetProperty(int which, int* value) { return part(which, value); }
EX int cublasLtGetProperty(int which, int* value) { return part(which, value); }
EX int cufftGetProperty(int which, int* value) { return part(which, value); }
EX int curandGetProperty(int which, int* value) { return part(which, value); }
EX int cusolverGetProperty(int which, int* value) { return part(which, value); }
EX int cusparseGetProperty(int which, int* value) { return part(which, value); }
EX int nvrtcVersion(int* major, int* minor) { return *major = MAJOR, *minor = MINOR, 0; }
EX int cuptiGetVersion(unsigned* value) { return *value = MAJOR + 6, 0; }
EX int ncclGetVersion(int* value) { return *value = MAJOR * 10000 + MINOR * 100 + PATCH, 0; }
EX int nvJitLinkVersion(unsigned* major, unsigned* minor) { return *major = MAJOR, *minor = MINOR, 0; }

EX int cublasCreate_v2(void** handle) { return *handle = calloc(1, 256), 0; }
EX int cublasGetVersion_v2(void* handle, int* value) { return *value = MAJOR * 10000 + MINOR * 100 + PATCH, 0; }
EX int cublasGetMathMode(void* handle, int* mode) { return *mode = 0, 0; }
EX int cublasGetPointerMode_v2(void* handle, int* mode) { return *mode = 0, 0; }
EX int cublasGetStream_v2(void* handle, void** stream) { return *stream = 0, 0; }
EX const char* cublasGetStatusString(int status) {
  return status == 0   ? "CUBLAS_STATUS_SUCCESS"
         : status == 1 ? "the library was not initialized"
                       : "the resource allocation failed";
}
EX size_t cublasLtGetVersion(void) { return MAJOR * 10000 + MINOR * 100 + PATCH; }
EX int cublasLtCreate(void** handle) { return *handle = calloc(1, 256), 0; }
EX int cublasLtMatmulDescCreate(void** made, int a, int b) { return *made = calloc(1, 256), 0; }
EX int cublasLtMatrixLayoutCreate(void** made, int type, uint64_t rows, uint64_t columns, int64_t step) {
  return *made = calloc(1, 256), 0;
}
EX int cublasLtMatmulPreferenceCreate(void** made) { return *made = calloc(1, 256), 0; }
EX int cublasLtMatmulAlgoGetHeuristic(void* h, void* d, void* a, void* b, void* c, void* e, void* p, int wanted, char* result,
                                      int* count) {
  memset(result, 0, 96);
  return *count = 1, 0;
}
EX int cublasLtMatmulDescGetAttribute(void* made, int which, void* value, size_t size, size_t* written) {
  memset(value, 0, size);
  if (written) *written = size;
  return 0;
}
EX int cublasLtMatrixLayoutGetAttribute(void* made, int which, void* value, size_t size, size_t* written) {
  return cublasLtMatmulDescGetAttribute(made, which, value, size, written);
}
EX int cusolverDnCreate(void** handle) { return *handle = calloc(1, 256), 0; }
EX int cusolverGetVersion(int* value) { return *value = MAJOR * 1000 + MINOR * 100 + PATCH, 0; }
EX int cusparseCreate(void** handle) { return *handle = calloc(1, 256), 0; }
EX int cusparseGetVersion(void* handle, int* value) { return *value = MAJOR * 1000 + MINOR * 100 + PATCH, 0; }
EX const char* cusparseGetErrorString(int status) { return "stand-in"; }
EX int cufftCreate(int* plan) { return *plan = 1, 0; }
EX int cufftGetVersion(int* value) { return *value = MAJOR * 1000 + MINOR * 100 + PATCH, 0; }
EX int curandGetVersion(int* value) { return *value = MAJOR * 1000 + MINOR * 100 + PATCH, 0; }
