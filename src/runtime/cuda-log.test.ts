import { describe, expect, it } from 'vitest';
import { readCudaLog } from './cuda-log.ts';

describe('the log of TensorFlow', () => {
  it('names the libraries that it could not open, as 2.21.0 wrote it', () => {
    const text = `WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795917368.161063    6195 dso_loader.cc:133] Successfully opened dynamic library libcudart.so.12
I0000 00:00:1795917368.161752    6195 dso_loader.cc:144] Could not load dynamic library 'libcusolver.so.11'; dlerror: libcusolver.so.11: cannot open shared object file: No such file or directory
`;
    expect(readCudaLog(text)).toEqual({
      missing: [
        {
          library: 'libcusolver.so.11',
          reason: 'libcusolver.so.11: cannot open shared object file: No such file or directory',
        },
      ],
    });
  });

  it('says why the driver does not start', () => {
    const text =
      'E0000 00:00:1 cuda_platform.cc:51] failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)\n';
    expect(readCudaLog(text).driver).toBe(
      'INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)',
    );
  });

  it('says which GPU it refuses', () => {
    const text =
      'I0000 gpu_device.cc:2306] Ignoring visible gpu device (device: 0, name: Tesla K40c, pci bus id: 0000:02:00.0, compute capability: 3.5) with Cuda compute capability 3.5. The minimum required Cuda capability is 6.0.\n';
    expect(readCudaLog(text).refused).toEqual({
      gpu: 'device: 0, name: Tesla K40c, pci bus id: 0000:02:00.0, compute capability: 3.5',
      needed: '6.0',
    });
  });

  it('says which cuDNN it loaded', () => {
    expect(readCudaLog('I0000 cuda_dnn.cc:529] Loaded cuDNN version 91002\n').cudnn).toBe('9.10.2');
  });

  it('that says nothing of a GPU says nothing', () => {
    expect(readCudaLog('')).toEqual({ missing: [] });
  });
});
