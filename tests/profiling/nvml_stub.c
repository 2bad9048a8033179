/* The part of libnvidia-ml.so.1 that pynvml calls for clipbench, with one device of made-up numbers.
 * NVML_STUB_UTILISATION=unsupported answers as a MIG slice does. The calling process is the device's user,
 * unless NVML_STUB_PROCESSES=none. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUCCESS 0
#define NOT_SUPPORTED 3
#define INSUFFICIENT_SIZE 7

typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned int gpu, memory; } utilisation_t;
typedef struct { unsigned int pid; unsigned long long used; unsigned int instance, compute; } process_t;

int nvmlInitWithFlags(unsigned int flags) { (void)flags; return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int result) { (void)result; return "stub"; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 1; return SUCCESS; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
  *device = (void *)(unsigned long)(index + 1);
  return SUCCESS;
}
int nvmlDeviceGetName(void *device, char *name, unsigned int length) {
  (void)device;
  strncpy(name, "Stub RTX", length);
  return SUCCESS;
}
int nvmlDeviceGetUUID(void *device, char *uuid, unsigned int length) {
  (void)device;
  strncpy(uuid, "GPU-5756", length);
  return SUCCESS;
}
int nvmlDeviceGetMemoryInfo(void *device, memory_t *memory) {
  (void)device;
  memory->total = 24ULL << 30;
  memory->used = 6ULL << 30;
  memory->free = memory->total - memory->used;
  return SUCCESS;
}
int nvmlDeviceGetUtilizationRates(void *device, utilisation_t *rates) {
  (void)device;
  if (getenv("NVML_STUB_UTILISATION")) return NOT_SUPPORTED;
  rates->gpu = 75;
  rates->memory = 25;
  return SUCCESS;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned int *count, process_t *found) {
  (void)device;
  if (getenv("NVML_STUB_PROCESSES")) { *count = 0; return SUCCESS; }
  if (*count < 2) { *count = 2; return INSUFFICIENT_SIZE; }
  *count = 2;
  found[0] = (process_t){.pid = (unsigned int)getpid(), .used = 2ULL << 30};
  found[1] = (process_t){.pid = 1, .used = 3ULL << 30};
  return SUCCESS;
}
