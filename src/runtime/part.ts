/** A part of the native runtime, as the messages about its setup name it. */
export interface RuntimePart {
  /** What is fetched. */
  library: string;
  /** What is compiled against it. */
  addon: string;
  /** The room on disk that setting it up takes. */
  space: string;
  /** What the user can do instead of mending what is wrong. */
  instead: string;
}

export const tensorflowPart: RuntimePart = {
  library: 'TensorFlow',
  addon: 'The binding to TensorFlow',
  space: '1.3 GB',
  instead: 'use --backend wasm',
};

export const operationsPart: RuntimePart = {
  library: 'oneDNN',
  addon: 'The native operations',
  space: '150 MB',
  instead: 'set GRU_LM_NATIVE=0 to do without',
};

export const cudaPart: RuntimePart = {
  library: 'TensorFlow for CUDA',
  addon: 'The binding to TensorFlow',
  space: '6 GB',
  instead: 'use --backend cpu',
};
