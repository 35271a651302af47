/* A stand-in of libcudnn.so.7, .8 or .9: it computes forward convolutions on the host and does nothing else.
 *
 * -DDNNVER=8904 the version, -DDNNRT=12020 the CUDA it was built with. Since device memory is host memory on the
 * stand-in driver, a convolution is a loop. Two ways in: cudnnConvolutionForward (TensorFlow up to 2.7, and later with
 * TF_CUDNN_USE_FRONTEND=0), and the graph API, where an operation is an object with attributes. Numbers of the
 * attributes and enumerations are those of the public header cudnn_backend.h.
 *
 * From 8 on the true library is a head that opens its parts by soname at the first use; so does this one, and answers a
 * part of another version as the true one does. Whether cudnnCreate fails for want of memory is our model.
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "common.h"
#include "kernels.h"

typedef int Status;
enum {
  OK = 0
};

static long version(void) { return fg_int("FAKEGPU_CUDNN", DNNVER); }
EX size_t cudnnGetVersion(void) {
  TR("cudnnGetVersion %ld", version());
  return version();
}
EX size_t cudnnGetCudartVersion(void) { return DNNRT; }
EX Status cudnnGetProperty(int which, int* value) {
  long v = version();
  int major = v >= 90000 ? v / 10000 : v / 1000;
  int minor = v >= 90000 ? v / 100 % 100 : v / 100 % 10;
  *value = which == 0 ? major : which == 1 ? minor : v % 100;
  return OK;
}

static const struct {
  int code;
  const char* name;
} names[] = {{0, "CUDNN_STATUS_SUCCESS"},
             {1, "CUDNN_STATUS_NOT_INITIALIZED"},
             {1001, "CUDNN_STATUS_NOT_INITIALIZED"},
             {2, "CUDNN_STATUS_ALLOC_FAILED"},
             {3, "CUDNN_STATUS_BAD_PARAM"},
             {4, "CUDNN_STATUS_INTERNAL_ERROR"},
             {4000, "CUDNN_STATUS_INTERNAL_ERROR"},
             {6, "CUDNN_STATUS_ARCH_MISMATCH"},
             {8, "CUDNN_STATUS_EXECUTION_FAILED"},
             {5000, "CUDNN_STATUS_EXECUTION_FAILED"},
             {5003, "CUDNN_STATUS_EXECUTION_FAILED_CUDART"},
             {9, "CUDNN_STATUS_NOT_SUPPORTED"},
             {3000, "CUDNN_STATUS_NOT_SUPPORTED"},
             {14, "CUDNN_STATUS_VERSION_MISMATCH"},
             {1002, "CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH"}};
EX const char* cudnnGetErrorString(int status) {
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].code == status) return names[i].name;
  return "CUDNN_STATUS_UNKNOWN";
}
EX void cudnnGetLastErrorString(char* text, size_t size) { snprintf(text, size, "stand-in"); }

/* The parts that cudnnCreate opens; the true library prints this and aborts when one cannot be opened. */
static Status open_parts(void) {
#if DNNVER >= 90000
  static const char* const parts[] = {"libcudnn_graph.so.9", "libcudnn_ops.so.9", "libcudnn_cnn.so.9", 0};
  const Status mismatch = 1002;
#elif DNNVER >= 8000
  static const char* const parts[] = {"libcudnn_ops_infer.so.8", "libcudnn_cnn_infer.so.8", 0};
  const Status mismatch = 14;
#else
  static const char* const parts[] = {0};
  const Status mismatch = 14;
#endif
  for (int i = 0; parts[i]; i++) {
    void* part = dlopen(parts[i], RTLD_NOW | RTLD_LOCAL);
    if (!part) {
      fprintf(stderr, "Could not load library %s. Error: %s\n", parts[i], dlerror());
      abort();
    }
    long (*ask)(void) = (long (*)(void))dlsym(part, "lab_cudnn_part_version");
    TR("part %s is %ld", parts[i], ask ? ask() : -1);
    if (!ask || ask() != version()) return mismatch;
  }
  return OK;
}

/* A function of the driver, or 0. */
static void* driver_call(const char* name) {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW);
  return driver ? dlsym(driver, name) : 0;
}

static int memory_is_short(void) {
  long need = fg_int("FAKEGPU_CUDNN_NEEDS_MIB", 0);
  int (*ask)(size_t*, size_t*) = need ? (int (*)(size_t*, size_t*))driver_call("cuMemGetInfo_v2") : 0;
  size_t available = 0, total = 0;
  if (!ask) return 0;
  ask(&available, &total);
  return available < (size_t)need << 20;
}

EX Status cudnnCreate(void** handle) {
  Status answer = open_parts();
  if (!answer && memory_is_short()) answer = version() >= 90000 ? 4000 : 4;
  TR("cudnnCreate -> %d", answer);
  *handle = answer ? 0 : calloc(1, 256);
  return answer;
}
EX Status cudnnGetStream(void* handle, void** stream) { return *stream = 0, OK; }

/* ---- a convolution, whatever the layout: up to 3 spatial dimensions, strides in elements ---- */
enum {
  MOST = 8
};
typedef struct {
  int n;
  int64_t dim[MOST], stride[MOST];
  int type;
} Tensor;
typedef struct {
  int n, mode, math;
  int64_t pad[MOST], stride[MOST], dilation[MOST];
  int64_t groups;
} Window;

/* What a convolution answers before it is computed: as set; else, from 9.11 on, a refusal below Turing, whose code that release dropped. */
static Status refused(void) {
  Status answer = (Status)fg_int("FAKEGPU_CUDNN_CONV", 0);
  if (answer || version() < 91100) return answer;
  int (*of_thread)(int*) = (int (*)(int*))driver_call("cuCtxGetDevice");
  int (*capability)(int*, int*, int) = (int (*)(int*, int*, int))driver_call("cuDeviceComputeCapability");
  int device = 0, major = 0, minor = 0;
  if (!of_thread || !capability || of_thread(&device) || capability(&major, &minor, device)) return OK;
  return major * 10 + minor < 75 ? 5003 : OK;
}

static Status forward(const Tensor* xt, const float* x, const Tensor* wt, const float* w, const Window* c, const Tensor* yt,
                      float* y, double alpha, double beta) {
  Status answer = refused();
  const char* numbers = fg_str("FAKEGPU_NUMBERS", "right"); /* last: the next setting takes its buffer */
  TR("convolution -> %d, x %p w %p y %p, type %d, x %ldx%ldx%ldx%ld w %ldx%ldx%ldx%ld y %ldx%ldx%ldx%ld", answer, (void*)x,
     (void*)w, (void*)y, xt->type, (long)xt->dim[0], (long)xt->dim[1], (long)xt->dim[2], (long)xt->dim[3], (long)wt->dim[0],
     (long)wt->dim[1], (long)wt->dim[2], (long)wt->dim[3], (long)yt->dim[0], (long)yt->dim[1], (long)yt->dim[2],
     (long)yt->dim[3]);
  if (answer || !x || !w || !y || xt->type != 0 || xt->n != 4 || yt->n != 4 || wt->n != 4) return answer;
  if (!strcmp(numbers, "zero")) return OK;
  if (!strcmp(numbers, "wrong")) alpha *= 1.01;
  int64_t groups = c->groups > 0 ? c->groups : 1, outs = yt->dim[1] / groups;
  for (int64_t b = 0; b < yt->dim[0]; b++)
    for (int64_t k = 0; k < yt->dim[1]; k++)
      for (int64_t i = 0; i < yt->dim[2]; i++)
        for (int64_t j = 0; j < yt->dim[3]; j++) {
          float sum = 0;
          for (int64_t ch = 0; ch < wt->dim[1]; ch++)
            for (int64_t r = 0; r < wt->dim[2]; r++) {
              int64_t row = i * c->stride[0] - c->pad[0] + r * c->dilation[0];
              if (row < 0 || row >= xt->dim[2]) continue;
              for (int64_t s = 0; s < wt->dim[3]; s++) {
                int64_t column = j * c->stride[1] - c->pad[1] + s * c->dilation[1];
                if (column < 0 || column >= xt->dim[3]) continue;
                int64_t from = b * xt->stride[0] + (k / outs * wt->dim[1] + ch) * xt->stride[1] + row * xt->stride[2] +
                               column * xt->stride[3];
                /* mode 1 is cross-correlation, what everybody calls convolution; 0 turns the filter around */
                int64_t fr = c->mode ? r : wt->dim[2] - 1 - r, fs = c->mode ? s : wt->dim[3] - 1 - s;
                sum += honest(x[from]) *
                       honest(w[k * wt->stride[0] + ch * wt->stride[1] + fr * wt->stride[2] + fs * wt->stride[3]]);
              }
            }
          float* to = y + b * yt->stride[0] + k * yt->stride[1] + i * yt->stride[2] + j * yt->stride[3];
          *to = (float)(alpha * sum + (beta ? beta * *to : 0));
        }
  return OK;
}

/* ---- the descriptors of the legacy API ---- */
EX Status cudnnCreateTensorDescriptor(void** made) { return *made = calloc(1, sizeof(Tensor)), OK; }
EX Status cudnnCreateFilterDescriptor(void** made) { return *made = calloc(1, sizeof(Tensor)), OK; }
EX Status cudnnCreateConvolutionDescriptor(void** made) { return *made = calloc(1, sizeof(Window)), OK; }
EX Status cudnnSetTensorNdDescriptor(Tensor* t, int type, int n, const int* dim, const int* stride) {
  t->type = type, t->n = n;
  for (int i = 0; i < n && i < MOST; i++) t->dim[i] = dim[i], t->stride[i] = stride[i];
  return OK;
}
EX Status cudnnSetFilterNdDescriptor(Tensor* t, int type, int format, int n, const int* dim) {
  t->type = type, t->n = n;
  for (int i = 0; i < n && i < MOST; i++) t->dim[i] = dim[i];
  /* dim is always K, C, spatial; the format tells how it lies in memory: 0 NCHW, 1 NHWC */
  int64_t step = format == 1 ? t->dim[1] : 1;
  for (int i = n - 1; i >= 2; i--) t->stride[i] = step, step *= t->dim[i];
  t->stride[1] = format == 1 ? 1 : step;
  t->stride[0] = format == 1 ? step : step * t->dim[1];
  return OK;
}
EX Status cudnnSetConvolutionNdDescriptor(Window* c, int n, const int* pad, const int* stride, const int* dilation, int mode,
                                          int type) {
  c->n = n, c->mode = mode, c->groups = c->groups ? c->groups : 1;
  for (int i = 0; i < n && i < MOST; i++) c->pad[i] = pad[i], c->stride[i] = stride[i], c->dilation[i] = dilation[i];
  return OK;
}
EX Status cudnnSetConvolutionMathType(Window* c, int math) { return c->math = math, OK; }
EX Status cudnnGetConvolutionMathType(const Window* c, int* math) { return *math = c->math, OK; }
EX Status cudnnGetConvolutionGroupCount(const Window* c, int* groups) { return *groups = (int)c->groups, OK; }
EX Status cudnnSetConvolutionGroupCount(Window* c, int groups) { return c->groups = groups, OK; }
EX Status cudnnConvolutionForward(void* handle, const float* alpha, const Tensor* xt, const void* x, const Tensor* wt,
                                  const void* w, const Window* c, int algorithm, void* space, size_t size, const float* beta,
                                  const Tensor* yt, void* y) {
  return forward(xt, x, wt, w, c, yt, y, alpha ? *alpha : 1, beta ? *beta : 0);
}
static Status only_answer(const char* name) {
  Status answer = refused();
  TR("%s -> %d", name, answer);
  return answer;
}
EX Status cudnnConvolutionBackwardData(void) { return only_answer("cudnnConvolutionBackwardData"); }
EX Status cudnnConvolutionBackwardFilter(void) { return only_answer("cudnnConvolutionBackwardFilter"); }
EX Status cudnnConvolutionBiasActivationForward(void) { return only_answer("cudnnConvolutionBiasActivationForward"); }

/* ---- the other descriptors, and the choice of an algorithm ---- */
#define MAKES(name) \
  EX Status name(void** made) { return *made = calloc(1, 256), OK; }
MAKES(cudnnCreatePoolingDescriptor)
MAKES(cudnnCreateActivationDescriptor)
MAKES(cudnnCreateLRNDescriptor)
MAKES(cudnnCreateDropoutDescriptor)
MAKES(cudnnCreateRNNDescriptor)
MAKES(cudnnCreateRNNDataDescriptor)
MAKES(cudnnCreateOpTensorDescriptor)
MAKES(cudnnCreateReduceTensorDescriptor)
MAKES(cudnnCreateCTCLossDescriptor)
MAKES(cudnnCreateSpatialTransformerDescriptor)
MAKES(cudnnCreateTensorTransformDescriptor)
MAKES(cudnnCreateAttnDescriptor)
MAKES(cudnnCreateSeqDataDescriptor)

static Status one_algorithm(int* count, char* found) {
  memset(found, 0, 48);
  *(int*)found = 1;
  *(float*)(found + 8) = 0.01f;
  if (count) *count = 1;
  return OK;
}
#define CHOOSES(name)                                                                                \
  EX Status name(void* h, void* x, void* w, void* c, void* y, int wanted, int* count, char* found) { \
    return one_algorithm(count, found);                                                              \
  }
CHOOSES(cudnnGetConvolutionForwardAlgorithm_v7)
CHOOSES(cudnnGetConvolutionBackwardDataAlgorithm_v7)
CHOOSES(cudnnGetConvolutionBackwardFilterAlgorithm_v7)
CHOOSES(cudnnFindConvolutionForwardAlgorithm)
#define CHOSE(name)                                                                                       \
  EX Status name(void* h, void* x, void* w, void* c, void* y, int preference, size_t limit, int* found) { \
    return *found = 1, OK;                                                                                \
  }
CHOSE(cudnnGetConvolutionForwardAlgorithm)
CHOSE(cudnnGetConvolutionBackwardDataAlgorithm)
CHOSE(cudnnGetConvolutionBackwardFilterAlgorithm)
#define NEEDS_NO_SPACE(name) \
  EX Status name(void* h, void* x, void* w, void* c, void* y, int algorithm, size_t* size) { return *size = 0, OK; }
NEEDS_NO_SPACE(cudnnGetConvolutionForwardWorkspaceSize)
NEEDS_NO_SPACE(cudnnGetConvolutionBackwardDataWorkspaceSize)
NEEDS_NO_SPACE(cudnnGetConvolutionBackwardFilterWorkspaceSize)
EX Status cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(void* h, int m, int o, void* a, void* b, void* c, void* d,
                                                                   void* e, size_t* size) {
  return *size = 0, OK;
}
EX Status cudnnGetBatchNormalizationBackwardExWorkspaceSize(void* h, int m, int o, void* a, void* b, void* c, void* d, void* e,
                                                            void* f, void* g, size_t* size) {
  return *size = 0, OK;
}
EX Status cudnnGetBatchNormalizationTrainingExReserveSpaceSize(void* h, int m, int o, void* a, void* b, size_t* size) {
  return *size = 0, OK;
}

/* ---- the graph API: an object is a type and a list of attributes ---- */
enum {
  OP_CONVOLUTION_FORWARD = 10,
  /* attributes */
  CONV_MODE = 101,
  DILATIONS = 102,
  STRIDES = 103,
  POST_PADDINGS = 104,
  PRE_PADDINGS = 105,
  HEUR_GRAPH = 201,
  HEUR_RESULTS = 202,
  ENGINECFG_ENGINE = 300,
  PLAN_ENGINE_CONFIG = 401,
  PLAN_WORKSPACE = 402,
  PLAN_JSON = 405,
  FORWARD_CONV = 702,
  FORWARD_W = 703,
  FORWARD_X = 704,
  FORWARD_Y = 705,
  GRAPH_OPS = 801,
  GRAPH_ENGINES = 802,
  TENSOR_TYPE = 901,
  TENSOR_DIMS = 902,
  TENSOR_STRIDES = 903,
  TENSOR_UID = 906,
  PACK_UIDS = 1000,
  PACK_POINTERS = 1001,
  ENGINE_GRAPH = 1300
};
typedef struct {
  int type, n;
  struct {
    int name, size;
    int64_t count;
    void* values;
  } at[32];
} Object;

static int size_of(int type) {
  switch (type) {
    case 0:
    case 3:
    case 5:
    case 6:
    case 15:
      return 8;
    case 2:
    case 24:
      return 1;
    case 26:
      return 16;
    default:
      return 4;
  }
}

static const void* attribute(const Object* object, int name, int64_t* count) {
  for (int i = 0; object && i < object->n; i++)
    if (object->at[i].name == name) {
      if (count) *count = object->at[i].count;
      return object->at[i].values;
    }
  if (count) *count = 0;
  return 0;
}
static const Object* object_at(const Object* object, int name) {
  const Object* const* held = attribute(object, name, 0);
  return held ? *held : 0;
}
static int64_t int_at(const Object* object, int name, int64_t otherwise) {
  const int* held = attribute(object, name, 0);
  return held ? *held : otherwise;
}
static void numbers_at(const Object* object, int name, int64_t* to) {
  int64_t count;
  const int64_t* held = attribute(object, name, &count);
  for (int64_t i = 0; held && i < count && i < MOST; i++) to[i] = held[i];
}

EX Status cudnnBackendCreateDescriptor(int type, Object** made) {
  *made = calloc(1, sizeof(Object));
  (*made)->type = type;
  return OK;
}
EX Status cudnnBackendSetAttribute(Object* object, int name, int type, int64_t count, const void* values) {
  int i = 0;
  while (i < object->n && object->at[i].name != name) i++;
  if (i >= 32) return OK;
  if (i == object->n) object->n++;
  int size = size_of(type);
  object->at[i].name = name, object->at[i].count = count, object->at[i].size = size;
  object->at[i].values = calloc(count + 1, size);
  if (values) memcpy(object->at[i].values, values, count * size);
  return OK;
}
EX Status cudnnBackendGetAttribute(Object* object, int name, int type, int64_t wanted, int64_t* count, void* out) {
  static const char json[] = "{}";
  switch (name) {
    case HEUR_RESULTS: {
      /* the configuration that the caller made gets the engine of the graph that the heuristic was asked about */
      if (count) *count = 1;
      Object** config = out;
      if (config && wanted > 0 && *config)
        cudnnBackendSetAttribute(*config, GRAPH_OPS, 15, 1, attribute(object, HEUR_GRAPH, 0));
      return OK;
    }
    case ENGINECFG_ENGINE:
      if (count) *count = 1;
      return OK;
    case PLAN_WORKSPACE:
      if (count) *count = 1;
      if (out) *(int64_t*)out = 0;
      return OK;
    case GRAPH_ENGINES:
      if (count) *count = 1;
      if (out) *(int64_t*)out = 1;
      return OK;
    case 302:
    case 1302:
    case 1303:
    case 1304:
    case 1305:
      if (count) *count = 0;
      return OK;
    case PLAN_JSON:
      if (count) *count = sizeof json;
      if (out) memcpy(out, json, wanted < (int64_t)sizeof json ? wanted : (int64_t)sizeof json);
      return OK;
  }
  for (int i = 0; i < object->n; i++)
    if (object->at[i].name == name) {
      int64_t given = object->at[i].count < wanted ? object->at[i].count : wanted;
      if (count) *count = object->at[i].count;
      if (out) memcpy(out, object->at[i].values, given * object->at[i].size);
      return OK;
    }
  TR("attribute %d of a %d is unknown", name, object->type);
  if (count) *count = 1;
  if (out && wanted > 0) memset(out, 0, size_of(type));
  return OK;
}

/* The graph behind a plan: by the engine, or by the configuration that a heuristic filled. */
static const Object* graph_of(const Object* plan) {
  const Object* config = object_at(plan, PLAN_ENGINE_CONFIG);
  const Object* engine = object_at(config, ENGINECFG_ENGINE);
  const Object* graph = engine ? object_at(engine, ENGINE_GRAPH) : 0;
  return graph ? graph : object_at(config, GRAPH_OPS);
}
static Tensor tensor_of(const Object* object, int64_t* uid) {
  Tensor t = {0};
  int64_t count;
  attribute(object, TENSOR_DIMS, &count);
  t.n = (int)count, t.type = (int)int_at(object, TENSOR_TYPE, 0);
  numbers_at(object, TENSOR_DIMS, t.dim);
  numbers_at(object, TENSOR_STRIDES, t.stride);
  const int64_t* name = attribute(object, TENSOR_UID, 0);
  *uid = name ? *name : -1;
  return t;
}
static void* pointer_of(const Object* pack, int64_t uid) {
  int64_t count;
  const int64_t* uids = attribute(pack, PACK_UIDS, &count);
  void* const* pointers = attribute(pack, PACK_POINTERS, 0);
  for (int64_t i = 0; uids && pointers && i < count; i++)
    if (uids[i] == uid) return pointers[i];
  return 0;
}

EX Status cudnnBackendExecute(void* handle, Object* plan, Object* pack) {
  int64_t count;
  const Object* graph = graph_of(plan);
  const Object* const* operations = attribute(graph, GRAPH_OPS, &count);
  for (int64_t i = 0; operations && i < count; i++) {
    const Object *operation = operations[i], *conv = object_at(operation, FORWARD_CONV);
    TR("operation of type %d", operation->type);
    if (operation->type != OP_CONVOLUTION_FORWARD || !conv) continue;
    int64_t xu, wu, yu;
    Tensor xt = tensor_of(object_at(operation, FORWARD_X), &xu), wt = tensor_of(object_at(operation, FORWARD_W), &wu),
           yt = tensor_of(object_at(operation, FORWARD_Y), &yu);
    Window c = {.n = 2, .mode = (int)int_at(conv, CONV_MODE, 1), .dilation = {1, 1}, .stride = {1, 1}};
    numbers_at(conv, DILATIONS, c.dilation);
    numbers_at(conv, STRIDES, c.stride);
    numbers_at(conv, PRE_PADDINGS, c.pad);
    c.groups = wt.dim[1] ? xt.dim[1] / wt.dim[1] : 1;
    return forward(&xt, pointer_of(pack, xu), &wt, pointer_of(pack, wu), &c, &yt, pointer_of(pack, yu), 1, 0);
  }
  return only_answer("cudnnBackendExecute");
}
