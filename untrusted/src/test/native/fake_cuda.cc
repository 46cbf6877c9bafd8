// A stand-in for CUDA, cuBLAS and cuDNN that computes on the processor, for testing how the backend
// calls them where there is no GPU. It implements the calls that the backend makes and no others.
//
// It is hard on its caller: every stream runs on a thread of its own and dawdles, device memory is
// apart from host memory and each access to it is checked, operands of the wrong size or place fail,
// and only one of the offered algorithms works, given its workspace. It says nothing about the real
// libraries beyond what their headers say.
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int OK = 0;
constexpr int INVALID_VALUE = 1;
constexpr int OUT_OF_MEMORY = 2;
constexpr int ILLEGAL_ADDRESS = 700;
constexpr int DNN_BAD_PARAM = 2000;
constexpr int DNN_NOT_SUPPORTED = 3000;
constexpr int FLOAT = 0;
constexpr int BFLOAT16 = 9;
constexpr int FMA_MATH = 3;
constexpr size_t WORKSPACE = 4096;

// Never destroyed: streams that nobody closed may wait here when the process ends.
std::mutex &lock = *new std::mutex;
std::condition_variable &changed = *new std::condition_variable;
std::map<char *, size_t> device;
std::set<void *> pinned;

bool onDevice(const void *pointer, size_t bytes) {
  std::lock_guard<std::mutex> hold(lock);
  char *p = (char *)pointer;
  auto next = device.upper_bound(p);
  if (next == device.begin()) return false;
  --next;
  return p + bytes <= next->first + next->second;
}

// FAKE_CUDA_BROKEN makes every sum of cuDNN wrong by one part in a hundred.
float fault() { return getenv("FAKE_CUDA_BROKEN") ? 1.01f : 1; }

struct Stream {
  std::deque<std::function<void()>> work;
  bool busy = false, ended = false;
  std::thread thread;
  Stream() : thread([this] { run(); }) {}
  void run() {
    std::unique_lock<std::mutex> hold(lock);
    unsigned seed = (unsigned)(uintptr_t)this;
    while (true) {
      changed.wait(hold, [this] { return ended || !work.empty(); });
      if (work.empty()) return;
      auto next = work.front();
      work.pop_front();
      busy = true;
      hold.unlock();
      std::this_thread::sleep_for(std::chrono::microseconds(rand_r(&seed) % 200));
      next();
      hold.lock();
      busy = false;
      changed.notify_all();
    }
  }
  void add(std::function<void()> item) {
    std::lock_guard<std::mutex> hold(lock);
    work.push_back(item);
    changed.notify_all();
  }
  void finish() {
    std::unique_lock<std::mutex> hold(lock);
    changed.wait(hold, [this] { return work.empty() && !busy; });
  }
};

struct Event {
  long issued = 0, completed = 0;
  std::chrono::steady_clock::time_point when;
};

struct Handle {
  Stream *stream = nullptr;
  void *workspace = nullptr;
};

struct Tensor {
  int type, n, c, h, w;
  size_t size() const { return (size_t)n * c * h * w; }
  size_t bytes() const { return size() * (type == FLOAT ? 4 : 2); }
};

struct Convolution {
  int padding, stride, math = 0;
};

float load(const void *p, int type, size_t i) {
  if (type == FLOAT) return ((const float *)p)[i];
  uint32_t bits = (uint32_t)((const uint16_t *)p)[i] << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

uint16_t narrow(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

void store(void *p, int type, const std::vector<double> &values) {
  for (size_t i = 0; i < values.size(); i++) {
    float value = (float)values[i] * fault();
    if (type == FLOAT) ((float *)p)[i] = value;
    else ((uint16_t *)p)[i] = narrow(value);
  }
}

// Every product, by its places in X, W and Y.
template <class Term>
void forEach(const Tensor &x, const Tensor &w, const Tensor &y, const Convolution &k, Term term) {
  for (int n = 0; n < y.n; n++)
    for (int oh = 0; oh < y.h; oh++)
      for (int ow = 0; ow < y.w; ow++)
        for (int kh = 0; kh < w.h; kh++)
          for (int kw = 0; kw < w.w; kw++) {
            int h = oh * k.stride + kh - k.padding, v = ow * k.stride + kw - k.padding;
            if (h < 0 || v < 0 || h >= x.h || v >= x.w) continue;
            for (int o = 0; o < y.c; o++)
              for (int c = 0; c < x.c; c++)
                term((((size_t)n * x.h + h) * x.w + v) * x.c + c,
                     (((size_t)o * w.h + kh) * w.w + kw) * w.c + c,
                     (((size_t)n * y.h + oh) * y.w + ow) * y.c + o);
          }
}

int refuse(const char *why) {
  fprintf(stderr, "fake cuda: %s\n", why);
  return DNN_BAD_PARAM;
}

int checkRun(const Tensor &x, const Tensor &w, const Tensor &y, const Convolution &k,
             const void *px, const void *pw, const void *py, int algorithm, const void *workspace,
             size_t size, const void *alpha, const void *beta) {
  if (algorithm != 1) return DNN_NOT_SUPPORTED;
  if (size < WORKSPACE || !onDevice(workspace, size)) return refuse("workspace");
  if (!onDevice(px, x.bytes()) || !onDevice(pw, w.bytes()) || !onDevice(py, y.bytes()))
    return refuse("operand not in device memory");
  if (*(const float *)alpha != 1 || *(const float *)beta != 0) return refuse("factors");
  if (x.type != w.type || x.type != y.type || x.c != w.c || y.c != w.n || x.n != y.n)
    return refuse("descriptors");
  if (y.h != (x.h + 2 * k.padding - w.h) / k.stride + 1) return refuse("height");
  if (y.w != (x.w + 2 * k.padding - w.w) / k.stride + 1) return refuse("width");
  return OK;
}

struct Performance {
  int algo, status;
  float time;
  size_t memory;
  int determinism, mathType, reserved[3];
};

// What must be passed over, then what works: random sums, Winograd, then direct.
int offer(const Convolution *k, int requested, int *returned, Performance *all) {
  int math = k->math;
  Performance list[] = {{0, OK, 1, 0, 0, math, {}}, {6, OK, 1, 0, 1, math, {}},
                        {1, DNN_NOT_SUPPORTED, 1, 0, 1, math, {}},
                        {1, OK, 1, (size_t)1 << 40, 1, math, {}},
                        {1, OK, 2, WORKSPACE, 1, math == FMA_MATH ? 0 : 2, {}},
                        {1, OK, 3, WORKSPACE, 1, math, {}}};
  *returned = 0;
  for (const Performance &each : list)
    if (*returned < requested) all[(*returned)++] = each;
  return OK;
}

}  // namespace

#define API extern "C" __attribute__((visibility("default"))) int
#define TEXT extern "C" __attribute__((visibility("default"))) const char *

// The runtime.
API cudaGetDeviceCount(int *count) { *count = 1; return OK; }
API cudaSetDevice(int index) { return index == 0 ? OK : INVALID_VALUE; }
API cudaDeviceGetAttribute(int *value, int attribute, int) {
  *value = attribute == 75 ? 9 : 0;
  return OK;
}
API cudaGetDeviceProperties(char *properties, int) {
  strcpy(properties, "fake GPU");
  return OK;
}
API cudaGetLastError() { return OK; }
TEXT cudaGetErrorString(int) { return "fake"; }
API cudaMalloc(void **result, size_t bytes) {
  if (bytes > (size_t)1 << 33) return OUT_OF_MEMORY;
  std::lock_guard<std::mutex> hold(lock);
  *result = malloc(bytes);
  memset(*result, 0, bytes);
  device[(char *)*result] = bytes;
  return OK;
}
API cudaFree(void *pointer) {
  std::lock_guard<std::mutex> hold(lock);
  if (device.erase((char *)pointer) == 0) return INVALID_VALUE;
  free(pointer);
  return OK;
}
API cudaHostRegister(void *pointer, size_t, unsigned) {
  std::lock_guard<std::mutex> hold(lock);
  return pinned.insert(pointer).second ? OK : INVALID_VALUE;
}
API cudaHostUnregister(void *pointer) {
  std::lock_guard<std::mutex> hold(lock);
  return pinned.erase(pointer) == 1 ? OK : INVALID_VALUE;
}
API cudaStreamCreateWithFlags(Stream **stream, unsigned) { *stream = new Stream(); return OK; }
API cudaStreamSynchronize(Stream *stream) { stream->finish(); return OK; }
API cudaStreamDestroy(Stream *stream) {
  stream->finish();
  {
    std::lock_guard<std::mutex> hold(lock);
    stream->ended = true;
    changed.notify_all();
  }
  stream->thread.join();
  delete stream;
  return OK;
}
API cudaEventCreateWithFlags(Event **event, unsigned) { *event = new Event(); return OK; }
API cudaEventDestroy(Event *event) { delete event; return OK; }
API cudaEventRecord(Event *event, Stream *stream) {
  long number;
  {
    std::lock_guard<std::mutex> hold(lock);
    number = ++event->issued;
  }
  stream->add([event, number] {
    std::lock_guard<std::mutex> hold(lock);
    event->completed = number;
    event->when = std::chrono::steady_clock::now();
    changed.notify_all();
  });
  return OK;
}
API cudaStreamWaitEvent(Stream *stream, Event *event, unsigned) {
  long number;
  {
    std::lock_guard<std::mutex> hold(lock);
    number = event->issued;
  }
  stream->add([event, number] {
    std::unique_lock<std::mutex> hold(lock);
    changed.wait(hold, [event, number] { return event->completed >= number; });
  });
  return OK;
}
API cudaEventSynchronize(Event *event) {
  std::unique_lock<std::mutex> hold(lock);
  long number = event->issued;
  changed.wait(hold, [event, number] { return event->completed >= number; });
  return OK;
}
API cudaEventElapsedTime(float *millis, Event *from, Event *to) {
  std::lock_guard<std::mutex> hold(lock);
  *millis = std::chrono::duration<float, std::milli>(to->when - from->when).count();
  return OK;
}
API cudaMemcpyAsync(char *to, const char *from, size_t bytes, int kind, Stream *stream) {
  bool there = kind == 1;
  if (!onDevice(there ? to : from, bytes) || onDevice(there ? from : to, 1)) return INVALID_VALUE;
  stream->add([=] { memcpy(to, from, bytes); });
  return OK;
}

// The driver, as far as the conversions to bfloat16 need it.
static const char *kernels[] = {"to_bfloat16", "to_float32"};
API cuModuleLoadData(void **module, const char *text) {
  *module = (void *)kernels;
  return strstr(text, ".entry to_bfloat16(") && strstr(text, ".entry to_float32(") ? OK : 218;
}
API cuModuleGetFunction(const char **function, void *, const char *name) {
  for (const char *each : kernels)
    if (strcmp(each, name) == 0) {
      *function = each;
      return OK;
    }
  return 500;
}
API cuModuleUnload(void *) { return OK; }
API cuLaunchKernel(const char *function, unsigned blocks, unsigned, unsigned, unsigned threads,
                   unsigned, unsigned, unsigned, Stream *stream, void **arguments, void **) {
  void *from = *(void **)arguments[0], *to = *(void **)arguments[1];
  size_t count = *(size_t *)arguments[2];
  bool narrows = function == kernels[0];
  if (blocks == 0 || threads == 0 || !onDevice(from, count * (narrows ? 4 : 2)) ||
      !onDevice(to, count * (narrows ? 2 : 4)))
    return ILLEGAL_ADDRESS;
  stream->add([=] {
    for (size_t i = 0; i < count; i++)
      if (narrows) ((uint16_t *)to)[i] = narrow(((float *)from)[i]);
      else ((float *)to)[i] = load(from, BFLOAT16, i);
  });
  return OK;
}

// cuBLAS.
API cublasCreate_v2(Handle **handle) { *handle = new Handle(); return OK; }
API cublasDestroy_v2(Handle *handle) { delete handle; return OK; }
API cublasSetStream_v2(Handle *handle, Stream *stream) { handle->stream = stream; return OK; }
API cublasSetWorkspace_v2(Handle *handle, void *workspace, size_t bytes) {
  handle->workspace = workspace;
  return onDevice(workspace, bytes) ? OK : 7;
}
TEXT cublasGetStatusString(int) { return "fake"; }
API cublasGemmEx_64(Handle *handle, int ta, int tb, int64_t m, int64_t n, int64_t k,
                    const float *alpha, const float *a, int, int64_t lda, const float *b, int,
                    int64_t ldb, const float *beta, float *c, int, int64_t ldc, int compute, int) {
  if (*alpha != 1 || *beta != 0 || handle->stream == nullptr || compute < 64) return 7;
  if (lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m) return 7;
  if (!onDevice(a, 4 * (lda * ((ta ? m : k) - 1) + (ta ? k : m))) ||
      !onDevice(b, 4 * (ldb * ((tb ? k : n) - 1) + (tb ? n : k))) ||
      !onDevice(c, 4 * (ldc * (n - 1) + m)))
    return 14;
  handle->stream->add([=] {
    for (int64_t j = 0; j < n; j++)
      for (int64_t i = 0; i < m; i++) {
        double sum = 0;
        for (int64_t l = 0; l < k; l++)
          sum += (double)a[ta ? l + i * lda : i + l * lda] * b[tb ? j + l * ldb : l + j * ldb];
        c[i + j * ldc] = (float)sum;
      }
  });
  return OK;
}

// cuDNN.
API cudnnCreate(Handle **handle) { *handle = new Handle(); return OK; }
API cudnnDestroy(Handle *handle) { delete handle; return OK; }
API cudnnSetStream(Handle *handle, Stream *stream) { handle->stream = stream; return OK; }
extern "C" size_t cudnnGetVersion() { return 91900; }
extern "C" size_t cudnnGetCudartVersion() { return getenv("FAKE_CUDA_12") ? 12080 : 13010; }
TEXT cudnnGetErrorString(int) { return "fake"; }
extern "C" void cudnnGetLastErrorString(char *text, size_t) { strcpy(text, "nothing to add"); }
API cudnnCreateTensorDescriptor(Tensor **tensor) { *tensor = new Tensor(); return OK; }
API cudnnDestroyTensorDescriptor(Tensor *tensor) { delete tensor; return OK; }
API cudnnSetTensor4dDescriptor(Tensor *t, int format, int type, int n, int c, int h, int w) {
  *t = Tensor{type, n, c, h, w};
  return format == 1 ? OK : DNN_BAD_PARAM;
}
API cudnnCreateFilterDescriptor(Tensor **filter) { *filter = new Tensor(); return OK; }
API cudnnDestroyFilterDescriptor(Tensor *filter) { delete filter; return OK; }
API cudnnSetFilter4dDescriptor(Tensor *t, int type, int format, int n, int c, int h, int w) {
  *t = Tensor{type, n, c, h, w};
  return format == 1 ? OK : DNN_BAD_PARAM;
}
API cudnnCreateConvolutionDescriptor(Convolution **k) { *k = new Convolution(); return OK; }
API cudnnDestroyConvolutionDescriptor(Convolution *k) { delete k; return OK; }
API cudnnSetConvolution2dDescriptor(Convolution *k, int ph, int pw, int sh, int sw, int dh, int dw,
                                    int mode, int type) {
  k->padding = ph;
  k->stride = sh;
  return ph == pw && sh == sw && dh == 1 && dw == 1 && mode == 1 && type == FLOAT ? OK
                                                                                  : DNN_BAD_PARAM;
}
API cudnnSetConvolutionMathType(Convolution *k, int math) { k->math = math; return OK; }
API cudnnGetConvolutionForwardAlgorithm_v7(Handle *, Tensor *, Tensor *, Convolution *k, Tensor *,
                                           int requested, int *returned, Performance *all) {
  return offer(k, requested, returned, all);
}
API cudnnGetConvolutionBackwardDataAlgorithm_v7(Handle *, Tensor *, Tensor *, Convolution *k,
                                                Tensor *, int requested, int *returned,
                                                Performance *all) {
  return offer(k, requested, returned, all);
}
API cudnnGetConvolutionBackwardFilterAlgorithm_v7(Handle *, Tensor *, Tensor *, Convolution *k,
                                                  Tensor *, int requested, int *returned,
                                                  Performance *all) {
  return offer(k, requested, returned, all);
}
API cudnnConvolutionForward(Handle *handle, const void *alpha, Tensor *x, const void *px, Tensor *w,
                            const void *pw, Convolution *k, int algorithm, void *workspace,
                            size_t size, const void *beta, Tensor *y, void *py) {
  int status = checkRun(*x, *w, *y, *k, px, pw, py, algorithm, workspace, size, alpha, beta);
  if (status != OK) return status;
  Tensor tx = *x, tw = *w, ty = *y;
  Convolution c = *k;
  handle->stream->add([=] {
    std::vector<double> sums(ty.size());
    forEach(tx, tw, ty, c, [&](size_t i, size_t j, size_t l) {
      sums[l] += (double)load(px, tx.type, i) * load(pw, tw.type, j);
    });
    store(py, ty.type, sums);
  });
  return OK;
}
API cudnnConvolutionBackwardData(Handle *handle, const void *alpha, Tensor *w, const void *pw,
                                 Tensor *y, const void *py, Convolution *k, int algorithm,
                                 void *workspace, size_t size, const void *beta, Tensor *x,
                                 void *px) {
  int status = checkRun(*x, *w, *y, *k, px, pw, py, algorithm, workspace, size, alpha, beta);
  if (status != OK) return status;
  Tensor tx = *x, tw = *w, ty = *y;
  Convolution c = *k;
  handle->stream->add([=] {
    std::vector<double> sums(tx.size());
    forEach(tx, tw, ty, c, [&](size_t i, size_t j, size_t l) {
      sums[i] += (double)load(py, ty.type, l) * load(pw, tw.type, j);
    });
    store(px, tx.type, sums);
  });
  return OK;
}
API cudnnConvolutionBackwardFilter(Handle *handle, const void *alpha, Tensor *x, const void *px,
                                   Tensor *y, const void *py, Convolution *k, int algorithm,
                                   void *workspace, size_t size, const void *beta, Tensor *w,
                                   void *pw) {
  int status = checkRun(*x, *w, *y, *k, px, pw, py, algorithm, workspace, size, alpha, beta);
  if (status != OK) return status;
  Tensor tx = *x, tw = *w, ty = *y;
  Convolution c = *k;
  handle->stream->add([=] {
    std::vector<double> sums(tw.size());
    forEach(tx, tw, ty, c, [&](size_t i, size_t j, size_t l) {
      sums[j] += (double)load(px, tx.type, i) * load(py, ty.type, l);
    });
    store(pw, tw.type, sums);
  });
  return OK;
}
