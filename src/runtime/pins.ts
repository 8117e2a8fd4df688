import { UserError } from '../errors.ts';
import { type Host, isAtLeast, platformKey } from './host.ts';

/** The TensorFlow release that everything here is built and tested against. */
export const tensorflowVersion = '2.21.0';

/** A wheel on the Python package index, of which some members are used here. */
export interface WheelPin {
  /** The project's name on the index. */
  project: string;
  version: string;
  file: string;
  bytes: number;
  sha256: string;
  /** Sum of the members that are kept, unpacked. */
  unpackedBytes: number;
  /** The platform tag, as `pip download --platform` takes it. */
  pipPlatform: string;
  /** Members that must be there, and the paths that they are kept under. */
  members: Readonly<Record<string, string>>;
  /** Prefixes of members that are kept too, and what stands in place of the prefix. */
  prefixes: Readonly<Record<string, string>>;
}

/** The wheel that holds TensorFlow's libraries for one platform. */
export interface TensorflowPin extends WheelPin {
  /** The host that it runs on, as `platformKey` writes it. */
  platform: string;
  /** The oldest glibc that the libraries load on; undefined outside Linux. */
  minimumGlibc?: string;
  ccLibrary: string;
  frameworkLibrary: string;
}

/** The wheels that hold oneDNN's library and headers for one platform. */
export interface OneDnnPin {
  /** The host that it runs on, as `platformKey` writes it. */
  platform: string;
  project: string;
  version: string;
  /** The oldest glibc that the library loads on. */
  minimumGlibc: string;
  /** The library's file, as it is kept. */
  library: string;
  wheels: readonly WheelPin[];
}

/** The headers that the binding and TensorFlow's C kernel API need: paths begin with one of these. */
const headerPrefixes: readonly string[] = [
  'tensorflow/c/',
  'tensorflow/core/common_runtime/next_pluggable_device/c/',
  'tensorflow/core/platform/ctstring',
  'tsl/platform/ctstring',
  'tsl/platform/platform.h',
  'xla/tsl/c/',
];

const linuxLibraries = {
  minimumGlibc: '2.27',
  ...tensorflowMembers('libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'),
};

/** The CPU builds of TensorFlow that can be fetched, one a platform. */
export const tensorflowPins: readonly TensorflowPin[] = [
  {
    platform: 'linux-x64',
    project: 'tensorflow-cpu',
    version: tensorflowVersion,
    file: 'tensorflow_cpu-2.21.0-cp312-cp312-manylinux_2_27_x86_64.whl',
    bytes: 274_000_871,
    sha256: 'dcc8afd32930e42d5296b6ee19078b773706830af4ea97fbe503b9f5e0f820cb',
    unpackedBytes: 853_887_585,
    pipPlatform: 'manylinux_2_27_x86_64',
    ...linuxLibraries,
  },
  {
    platform: 'linux-arm64',
    project: 'tensorflow',
    version: tensorflowVersion,
    file: 'tensorflow-2.21.0-cp312-cp312-manylinux_2_27_aarch64.whl',
    bytes: 281_946_471,
    sha256: 'b07d15737406533898e36c7ef7944b1be18e9028dc521b9229952c537bbc5552',
    unpackedBytes: 883_640_857,
    pipPlatform: 'manylinux_2_27_aarch64',
    ...linuxLibraries,
  },
  {
    platform: 'darwin-arm64',
    project: 'tensorflow',
    version: tensorflowVersion,
    file: 'tensorflow-2.21.0-cp312-cp312-macosx_12_0_arm64.whl',
    bytes: 223_488_205,
    sha256: '56ecd7d47429acbe1df2694d50b75bf9fc3995ac92cb367cd9af6c4780ead712',
    unpackedBytes: 741_384_273,
    pipPlatform: 'macosx_12_0_arm64',
    ...tensorflowMembers('libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib'),
  },
];

const oneDnnVersion = '2023.2.0';
const oneDnnData = (project: string) => `${project}-${oneDnnVersion}.data/data/`;

/**
 * The builds of oneDNN that can be fetched, for the native operations: the last release whose wheel
 * for processors runs on GCC's own OpenMP and asks for no SYCL runtime.
 */
export const oneDnnPins: readonly OneDnnPin[] = [
  {
    platform: 'linux-x64',
    project: 'onednn-cpu-gomp',
    version: oneDnnVersion,
    minimumGlibc: '2.27',
    library: 'libdnnl.so.3',
    wheels: [
      {
        project: 'onednn-cpu-gomp',
        version: oneDnnVersion,
        file: 'onednn_cpu_gomp-2023.2.0-py2.py3-none-manylinux1_x86_64.whl',
        bytes: 38_888_991,
        sha256: '2f22a54d6a890ed14bfa185d42a4be65d8b5b1df85dc1f0f3a9abe31620416fb',
        unpackedBytes: 54_623_590,
        pipPlatform: 'manylinux1_x86_64',
        members: {
          [`${oneDnnData('onednn_cpu_gomp')}lib/libdnnl.so.3`]: 'libdnnl.so.3',
          [`${oneDnnData('onednn_cpu_gomp')}share/doc/onednn/LICENSE`]: 'LICENSE',
          [`${oneDnnData('onednn_cpu_gomp')}share/doc/onednn/THIRD-PARTY-PROGRAMS`]:
            'THIRD-PARTY-PROGRAMS',
        },
        prefixes: {},
      },
      {
        project: 'onednn-devel-cpu-gomp',
        version: oneDnnVersion,
        file: 'onednn_devel_cpu_gomp-2023.2.0-py2.py3-none-manylinux1_x86_64.whl',
        bytes: 188_103,
        sha256: '9763c69e8c907e119056bd52ad918ca84ac9ba939d130a99dfa95ccca3e5e284',
        unpackedBytes: 1_067_298,
        pipPlatform: 'manylinux1_x86_64',
        members: {
          [`${oneDnnData('onednn_devel_cpu_gomp')}include/oneapi/dnnl/dnnl.hpp`]:
            'include/oneapi/dnnl/dnnl.hpp',
        },
        prefixes: { [`${oneDnnData('onednn_devel_cpu_gomp')}include/`]: 'include/' },
      },
    ],
  },
];

/** The wheel for this host, or a `UserError` that says why none runs here. */
export function requirePin(
  host: Host,
  pins: readonly TensorflowPin[] = tensorflowPins,
): TensorflowPin {
  const key = platformKey(host);
  const pin = pins.find((candidate) => candidate.platform === key);
  if (pin === undefined) {
    throw new UserError(
      'runtime-platform',
      `TensorFlow ${tensorflowVersion} is published for ${pins.map((p) => p.platform).join(', ')}; this machine is ${key}.`,
      'Use --backend wasm, or name a TensorFlow that you built in GRU_LM_TENSORFLOW.',
    );
  }
  if (pin.minimumGlibc !== undefined && host.glibc === undefined) {
    throw new UserError(
      'runtime-libc',
      `TensorFlow ${pin.version} needs glibc ${pin.minimumGlibc} or newer; this system has another C library (musl?).`,
      'Use --backend wasm, or a system with glibc (Debian, Ubuntu, Fedora; for containers an image that is not Alpine).',
    );
  }
  if (pin.minimumGlibc !== undefined && !isAtLeast(host.glibc ?? '0', pin.minimumGlibc)) {
    throw new UserError(
      'runtime-libc',
      `TensorFlow ${pin.version} needs glibc ${pin.minimumGlibc} or newer; this system has ${host.glibc}.`,
      'Use --backend wasm, or a newer release of the operating system.',
    );
  }
  return pin;
}

/** What is kept of a wheel that holds TensorFlow: its two libraries and the headers of its C API. */
export function tensorflowMembers(ccLibrary: string, frameworkLibrary: string) {
  return {
    ccLibrary,
    frameworkLibrary,
    members: {
      [`tensorflow/${ccLibrary}`]: ccLibrary,
      [`tensorflow/${frameworkLibrary}`]: frameworkLibrary,
    },
    prefixes: Object.fromEntries(
      headerPrefixes.map((prefix) => [`tensorflow/include/${prefix}`, `include/${prefix}`]),
    ),
  };
}
