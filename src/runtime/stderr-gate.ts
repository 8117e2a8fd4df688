import { createRequire } from 'node:module';

/**
 * Source of a tiny addon that holds standard error back, and sets variables of the environment.
 *
 * TensorFlow's libraries log while they are being loaded, before any setting of theirs can say
 * otherwise, and Node offers no way to redirect a file descriptor. Nor does it let native code see
 * what a worker thread puts into its `process.env`, which is a copy.
 */
export const stderrGateSource = `#include <fcntl.h>
#include <node_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string>
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

static std::string Text(napi_env env, napi_value value) {
  size_t length = 0;
  napi_get_value_string_utf8(env, value, NULL, 0, &length);
  std::string text(length, ' ');
  napi_get_value_string_utf8(env, value, &text[0], length + 1, &length);
  return text;
}

// (name, value or undefined): gives back what the variable was.
static napi_value Exchange(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  const std::string name = Text(env, arguments[0]);
  napi_value before;
  const char *found = getenv(name.c_str());
  if (found == NULL) {
    napi_get_undefined(env, &before);
  } else {
    napi_create_string_utf8(env, found, NAPI_AUTO_LENGTH, &before);
  }
  napi_valuetype type;
  napi_typeof(env, arguments[1], &type);
  if (type == napi_string) {
    setenv(name.c_str(), Text(env, arguments[1]).c_str(), 1);
  } else {
    unsetenv(name.c_str());
  }
  return before;
}

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "close", NAPI_AUTO_LENGTH, Close, NULL, &function);
  napi_set_named_property(env, exports, "close", function);
  napi_create_function(env, "open", NAPI_AUTO_LENGTH, Open, NULL, &function);
  napi_set_named_property(env, exports, "open", function);
  napi_create_function(env, "exchange", NAPI_AUTO_LENGTH, Exchange, NULL, &function);
  napi_set_named_property(env, exports, "exchange", function);
  return exports;
}
`;

interface StderrGate {
  close(): void;
  open(): void;
  exchange(name: string, value: string | undefined): string | undefined;
}

function loadGate(gatePath: string): StderrGate {
  return createRequire(import.meta.url)(gatePath) as StderrGate;
}

/** Runs `work`, synchronously, with standard error held back by the addon at `gatePath`. */
export function withoutStderr<T>(gatePath: string, work: () => T): T {
  const gate = loadGate(gatePath);
  gate.close();
  try {
    return work();
  } finally {
    gate.open();
  }
}

/** Sets variables as native code sees them, in whatever thread; what it returns puts them back. */
export function setVariables(gatePath: string, variables: Record<string, string>): () => void {
  const gate = loadGate(gatePath);
  const before = Object.entries(variables).map(
    ([name, value]) => [name, gate.exchange(name, value)] as const,
  );
  return () => {
    for (const [name, value] of before) gate.exchange(name, value);
  };
}
