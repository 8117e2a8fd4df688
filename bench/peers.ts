/** Who is measured, at what, and by which script. */
import { fileURLToPath } from 'node:url';
import type { Work } from './work.ts';

/** What a script measures. */
export type Job = 'training' | 'sampling' | 'product';

export interface Peer {
  label: string;
  /** Which of several ways of the same peer. */
  variant?: string;
  /** Whose version the label takes; absent: none. */
  version?: string;
  /** What runs the scripts. */
  language: 'node' | 'python';
  scripts: Partial<Record<Job, string>>;
  /** What its scripts are told besides the work that all do. */
  settings?: Partial<Work>;
}

const ours = {
  training: 'gru-lm-training.ts',
  sampling: 'gru-lm-sampling.ts',
  product: 'gru-lm-product.ts',
};

/** All peers, in the order of the tables; ratios are to the first. */
export const peers = {
  'gru-lm': { label: 'gru-lm', language: 'node', scripts: ours },
  'gru-lm-bfloat16': {
    label: 'gru-lm',
    variant: 'bfloat16',
    language: 'node',
    scripts: { training: ours.training },
    settings: { precision: 'bfloat16' },
  },
  'tfjs-layers': {
    label: 'tfjs-layers',
    version: 'tfjs-layers',
    language: 'node',
    scripts: { training: 'tfjs-layers-training.ts' },
  },
  pytorch: {
    label: 'PyTorch',
    version: 'pytorch',
    language: 'python',
    scripts: {
      training: 'pytorch_training.py',
      sampling: 'pytorch_sampling.py',
      product: 'pytorch_product.py',
    },
  },
  keras: {
    label: 'Keras',
    variant: 'graph',
    version: 'keras',
    language: 'python',
    scripts: { training: 'keras_training.py' },
  },
  'keras-xla': {
    label: 'Keras',
    variant: 'XLA',
    version: 'keras',
    language: 'python',
    // Of the two ways of Keras, the one that samples faster.
    scripts: { training: 'keras_training.py', sampling: 'keras_sampling.py' },
    settings: { xla: true },
  },
} as const satisfies Record<string, Peer>;

export type PeerName = keyof typeof peers;

export const peerNames = Object.keys(peers) as PeerName[];

/** The peer that all are compared with. */
export const OURS: PeerName = 'gru-lm';

/** A peer as any other, whatever is special about it. */
export function peerOf(name: PeerName): Peer {
  return peers[name];
}

/** `Keras 3.15.1, XLA`: with its version, where that is known. */
export function labelOf(name: PeerName, versions: Readonly<Record<string, string>> = {}): string {
  const { label, variant, version } = peerOf(name);
  const found = version && versions[version];
  return `${label}${found ? ` ${found}` : ''}${variant ? `, ${variant}` : ''}`;
}

/** Where a peer's script lies. */
export function scriptPath(script: string): string {
  return fileURLToPath(new URL(`peers/${script}`, import.meta.url));
}
