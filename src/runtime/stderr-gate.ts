import { createRequire } from 'node:module';

/**
 * Source of a tiny addon that holds standard error back.
 *
 * TensorFlow's libraries log while they are being loaded, before any setting of theirs can say
 * otherwise, and Node offers no way to redirect a file descriptor.
 */
export const stderrGateSource = `#include <fcntl.h>
#include <node_api.h>
#include <stdio.h>
#include <unistd.h>

static int saved = -1;

static napi_value Close(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  if (saved >= 0) return NULL;
  int null_device = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null_device < 0) return NULL;
  fflush(stderr);
  saved = fcntl(2, F_DUPFD_CLOEXEC, 3);
  if (saved >= 0) dup2(null_device, 2);
  close(null_device);
  return NULL;
}

static napi_value Open(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  if (saved < 0) return NULL;
  fflush(stderr);
  dup2(saved, 2);
  close(saved);
  saved = -1;
  return NULL;
}

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "close", NAPI_AUTO_LENGTH, Close, NULL, &function);
  napi_set_named_property(env, exports, "close", function);
  napi_create_function(env, "open", NAPI_AUTO_LENGTH, Open, NULL, &function);
  napi_set_named_property(env, exports, "open", function);
  return exports;
}
`;

interface StderrGate {
  close(): void;
  open(): void;
}

/** Runs `work`, synchronously, with standard error held back by the addon at `gatePath`. */
export function withoutStderr<T>(gatePath: string, work: () => T): T {
  const gate = createRequire(import.meta.url)(gatePath) as StderrGate;
  gate.close();
  try {
    return work();
  } finally {
    gate.open();
  }
}
