import { UserError } from '../errors.ts';
import { type Host, platformKey } from './host.ts';
import {
  requirePin,
  type TensorflowPin,
  tensorflowMembers,
  tensorflowVersion,
  type WheelPin,
} from './pins.ts';

/** A wheel of NVIDIA's, which fills a directory beside TensorFlow. */
export interface NvidiaPin extends WheelPin {
  /** The directory, relative to the one that holds all of it. */
  directory: string;
  /** Links to put into it: names, and where each leads from its own place. */
  links: Readonly<Record<string, string>>;
}

/** The CUDA build of TensorFlow for one platform, and all that it opens of NVIDIA's. */
export interface CudaPin {
  /** The host that it runs on, as `platformKey` writes it. */
  platform: string;
  /** The release of CUDA that the libraries are of. */
  cuda: string;
  cudnn: string;
  tensorflow: TensorflowPin;
  libraries: readonly NvidiaPin[];
}

/**
 * NVIDIA's libraries without which TensorFlow 2.21 registers no GPU, by their directories beside it. The first seven
 * are what `TryDlopenCUDALibraries` opens (XLA's dso_loader.cc; the names and numbers as disassembled from
 * libtensorflow_framework.so.2); cuSOLVER and cuSPARSE are linked against nvJitLink.
 */
export const openedLibraries = {
  cuda_runtime: ['libcudart.so.12'],
  cublas: ['libcublas.so.12', 'libcublasLt.so.12'],
  cufft: ['libcufft.so.11'],
  cusolver: ['libcusolver.so.11'],
  cusparse: ['libcusparse.so.12'],
  cudnn: ['libcudnn.so.9'],
  nvjitlink: ['libnvJitLink.so.12'],
} as const;

/**
 * TensorFlow looks for cuSOLVER where this library is, too: the RUNPATH of the library that opens it has the directories
 * of all the others, but not `nvidia/cusolver/lib`.
 */
export const solverLink = {
  directory: 'nvidia/cusparse',
  name: 'lib/libcusolver.so.11',
  target: '../../cusolver/lib/libcusolver.so.11',
} as const;

/** What cuDNN's first library opens of the others, by their names. */
const cudnnParts = [
  'adv',
  'cnn',
  'engines_precompiled',
  'engines_runtime_compiled',
  'graph',
  'heuristic',
  'ops',
];

interface NvidiaWheel extends Omit<WheelPin, 'members' | 'prefixes' | 'unpackedBytes'> {
  /** The directory under `nvidia` in the wheel; and where it is kept, if that is another. */
  package: string;
  keptAs?: string;
  libraries: readonly string[];
  unpackedBytes: number;
  license?: string;
  links?: Readonly<Record<string, string>>;
}

const pin = (wheel: NvidiaWheel): NvidiaPin => {
  const {
    package: name,
    keptAs = name,
    libraries,
    license = 'License.txt',
    links,
    ...rest
  } = wheel;
  const info = `${rest.project.replaceAll('-', '_')}-${rest.version}.dist-info`;
  return {
    ...rest,
    directory: `nvidia/${keptAs}`,
    links: links ?? {},
    members: {
      ...Object.fromEntries(libraries.map((file) => [`nvidia/${name}/lib/${file}`, `lib/${file}`])),
      [`${info}/${license}`]: 'LICENSE',
    },
    prefixes: {},
  };
};

/**
 * What can be fetched, one a platform. Of NVIDIA's releases within the bounds of TensorFlow's extra `and-cuda`, these
 * have code for GPUs from compute capability 6.0 to 12.0, which older ones and newer ones have not.
 */
export const cudaPins: readonly CudaPin[] = [
  {
    platform: 'linux-x64',
    cuda: '12.8',
    cudnn: '9.10.2',
    tensorflow: {
      platform: 'linux-x64',
      project: 'tensorflow',
      version: tensorflowVersion,
      file: 'tensorflow-2.21.0-cp312-cp312-manylinux_2_27_x86_64.whl',
      bytes: 572_611_111,
      sha256: 'b3b95643c4e70eb925839938fb35cbe142f317ec84af6844ee61513713bb13c0',
      unpackedBytes: 1_259_599_729,
      pipPlatform: 'manylinux_2_27_x86_64',
      minimumGlibc: '2.27',
      ...tensorflowMembers('libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'),
    },
    libraries: [
      pin({
        package: 'cuda_runtime',
        project: 'nvidia-cuda-runtime-cu12',
        version: '12.8.90',
        file: 'nvidia_cuda_runtime_cu12-12.8.90-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        bytes: 954_765,
        sha256: 'adade8dcbd0edf427b7204d480d6066d33902cab2a4707dcfc48a2d0fd44ab90',
        unpackedBytes: 788_062,
        pipPlatform: 'manylinux2014_x86_64',
        libraries: openedLibraries.cuda_runtime,
      }),
      pin({
        package: 'nvjitlink',
        project: 'nvidia-nvjitlink-cu12',
        version: '12.8.93',
        file: 'nvidia_nvjitlink_cu12-12.8.93-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
        bytes: 39_254_836,
        sha256: '81ff63371a7ebd6e6451970684f916be2eab07321b73c9d244dc2b4da7f73b88',
        unpackedBytes: 94_160_654,
        pipPlatform: 'manylinux2010_x86_64',
        libraries: openedLibraries.nvjitlink,
      }),
      // cuDNN opens it for kernels that it compiles as it runs, and looks for it in a directory of this name.
      pin({
        package: 'cuda_nvrtc',
        keptAs: 'nvrtc',
        project: 'nvidia-cuda-nvrtc-cu12',
        version: '12.8.93',
        file: 'nvidia_cuda_nvrtc_cu12-12.8.93-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
        bytes: 88_040_029,
        sha256: 'a7756528852ef889772a84c6cd89d41dfa74667e24cca16bb31f8f061e3e9994',
        unpackedBytes: 110_885_014,
        pipPlatform: 'manylinux2010_x86_64',
        libraries: ['libnvrtc.so.12', 'libnvrtc-builtins.so.12.8'],
      }),
      pin({
        package: 'cufft',
        project: 'nvidia-cufft-cu12',
        version: '11.3.3.83',
        file: 'nvidia_cufft_cu12-11.3.3.83-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        bytes: 193_118_695,
        sha256: '4d2dd21ec0b88cf61b62e6b43564355e5222e4a3fb394cac0db101f2dd0d4f74',
        unpackedBytes: 278_984_278,
        pipPlatform: 'manylinux2014_x86_64',
        libraries: openedLibraries.cufft,
      }),
      pin({
        package: 'cusolver',
        project: 'nvidia-cusolver-cu12',
        version: '11.7.3.90',
        file: 'nvidia_cusolver_cu12-11.7.3.90-py3-none-manylinux_2_27_x86_64.whl',
        bytes: 267_506_905,
        sha256: '4376c11ad263152bd50ea295c05370360776f8c3427b30991df774f9fb26c450',
        unpackedBytes: 243_363_134,
        pipPlatform: 'manylinux_2_27_x86_64',
        libraries: openedLibraries.cusolver,
      }),
      pin({
        package: 'cusparse',
        project: 'nvidia-cusparse-cu12',
        version: '12.5.8.93',
        file: 'nvidia_cusparse_cu12-12.5.8.93-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
        bytes: 288_216_466,
        sha256: '1ec05d76bbbd8b61b06a80e1eaf8cf4959c3d4ce8e711b65ebd0443bb0ebb13b',
        unpackedBytes: 388_049_486,
        pipPlatform: 'manylinux2014_x86_64',
        libraries: openedLibraries.cusparse,
        links: { [solverLink.name]: solverLink.target },
      }),
      pin({
        package: 'cublas',
        project: 'nvidia-cublas-cu12',
        version: '12.8.4.1',
        file: 'nvidia_cublas_cu12-12.8.4.1-py3-none-manylinux_2_27_x86_64.whl',
        bytes: 594_346_921,
        sha256: '8ac4e771d5a348c551b2a426eda6193c19aa630236b418086020df5ba9667142',
        unpackedBytes: 868_219_630,
        pipPlatform: 'manylinux_2_27_x86_64',
        libraries: openedLibraries.cublas,
      }),
      pin({
        package: 'cudnn',
        project: 'nvidia-cudnn-cu12',
        version: '9.10.2.21',
        file: 'nvidia_cudnn_cu12-9.10.2.21-py3-none-manylinux_2_27_x86_64.whl',
        bytes: 706_758_467,
        sha256: '949452be657fa16687d0930933f032835951ef0892b37d2d53824d1a84dc97a8',
        unpackedBytes: 1_053_251_134,
        pipPlatform: 'manylinux_2_27_x86_64',
        license: 'licenses/License.txt',
        libraries: ['libcudnn.so.9', ...cudnnParts.map((part) => `libcudnn_${part}.so.9`)],
      }),
    ],
  },
];

/** What is fetched for this host; a `UserError` if none of it runs here. */
export function requireCudaPin(host: Host, pins: readonly CudaPin[]): CudaPin {
  const found = pins.find(({ platform }) => platform === platformKey(host));
  if (found === undefined) {
    throw new UserError(
      'runtime-platform',
      `The cuda backend can be set up on ${pins.map(({ platform }) => platform).join(', ')}; this machine is ${platformKey(host)}.`,
      'Use --backend cpu, or name a CUDA build of TensorFlow in GRU_LM_TENSORFLOW.',
    );
  }
  requirePin(host, [found.tensorflow]);
  return found;
}
