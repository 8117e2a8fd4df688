/** What TensorFlow's log says of the GPU as it starts. */
export interface CudaLog {
  /** The GPU that it computes on. */
  gpu?: { name: string; computeCapability: string; memoryBytes: number };
  /** Libraries that could not be opened, and the loader's reason. */
  missing: { library: string; reason: string }[];
  /** A GPU that it will not use, and the compute capability that it asks for. */
  refused?: { gpu: string; needed: string };
  /** Why the driver could not be started. */
  driver?: string;
  /** The release of cuDNN that it came to load. */
  cudnn?: string;
  /** The release of cuDNN that is there and the one that is needed, if it is too old. */
  oldCudnn?: { found: string; needed: string };
}

/** What has the log say these things. */
export const cudaLogSettings = { TF_CPP_MIN_LOG_LEVEL: '0', TF_CPP_VMODULE: 'dso_loader=1' };

/** Reads it, as TensorFlow 2.21 writes it. */
export function readCudaLog(text: string): CudaLog {
  const created =
    /Created device \S+ with (\d+) MB memory: +-> device: \d+, name: (.*?), pci bus id: \S+, compute capability: ([\d.]+)/.exec(
      text,
    );
  const refused =
    /Ignoring visible gpu device \((.*)\).*The minimum required Cuda capability is ([\d.]+\d)/.exec(
      text,
    );
  const driver = /failed call to cuInit: (.*)/.exec(text)?.[1]?.trim();
  const cudnn = /Loaded cuDNN version (\d+)/.exec(text)?.[1];
  const old =
    /Loaded runtime CuDNN library: ([\d.]+) but source was compiled with: ([\d.]+\d)/.exec(text);
  const missing = [...text.matchAll(/Could not load dynamic library '([^']+)'; dlerror: (.*)/g)];
  return {
    ...(created && {
      gpu: {
        name: created[2]!,
        computeCapability: created[3]!,
        memoryBytes: Number(created[1]) * 2 ** 20,
      },
    }),
    missing: missing.map(([, library, reason]) => ({ library: library!, reason: reason!.trim() })),
    ...(refused && { refused: { gpu: refused[1]!, needed: refused[2]! } }),
    ...(driver && { driver }),
    ...(cudnn && { cudnn: showCudnn(Number(cudnn)) }),
    ...(old && { oldCudnn: { found: old[1]!, needed: old[2]! } }),
  };
}

/** 91002 is 9.10.2. */
function showCudnn(number: number): string {
  return [Math.floor(number / 10_000), Math.floor(number / 100) % 100, number % 100].join('.');
}
