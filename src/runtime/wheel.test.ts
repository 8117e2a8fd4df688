import { expect, it } from 'vitest';
import { oneDnnPins, tensorflowPins } from './pins.ts';
import { targetPath } from './wheel.ts';

const target = (name: string) => targetPath(name, tensorflowPins[0]!);

it('keeps the two libraries and the named headers of a wheel', () => {
  expect(target('tensorflow/libtensorflow_cc.so.2')).toBe('libtensorflow_cc.so.2');
  expect(target('tensorflow/libtensorflow_framework.so.2')).toBe('libtensorflow_framework.so.2');
  expect(target('tensorflow/include/tensorflow/c/eager/c_api.h')).toBe(
    'include/tensorflow/c/eager/c_api.h',
  );
  expect(target('tensorflow/include/xla/tsl/c/tsl_status.h')).toBe(
    'include/xla/tsl/c/tsl_status.h',
  );
});

it('leaves everything else in the wheel', () => {
  for (const name of [
    'tensorflow/__init__.py',
    'tensorflow/include/tensorflow/core/framework/op.h',
    'tensorflow/include/tensorflow/c/',
    'libtensorflow_cc.so.2',
  ]) {
    expect(target(name)).toBeUndefined();
  }
});

it('keeps one copy of oneDNN’s library, its licences and its headers', () => {
  const [library, headers] = oneDnnPins[0]!.wheels;
  const kept = (pin: typeof library, name: string) =>
    targetPath(`${pin!.project.replaceAll('-', '_')}-${pin!.version}.data/data/${name}`, pin!);
  expect(kept(library, 'lib/libdnnl.so.3')).toBe('libdnnl.so.3');
  expect(kept(library, 'share/doc/onednn/LICENSE')).toBe('LICENSE');
  expect(kept(headers, 'include/oneapi/dnnl/dnnl.hpp')).toBe('include/oneapi/dnnl/dnnl.hpp');
  expect(kept(headers, 'include/dnnl.hpp')).toBe('include/dnnl.hpp');
  for (const name of ['lib/libdnnl.so', 'lib/libdnnl.so.3.2', 'lib/cmake/dnnl/dnnl-config.cmake']) {
    expect(kept(library, name)).toBeUndefined();
    expect(kept(headers, name)).toBeUndefined();
  }
});

it('never writes outside the directory', () => {
  expect(target('tensorflow/include/tensorflow/c/../../../../../evil.h')).toBeUndefined();
  expect(target('/tensorflow/libtensorflow_cc.so.2')).toBeUndefined();
  expect(target('tensorflow/include//etc/passwd')).toBeUndefined();
});
