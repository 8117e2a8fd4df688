/** Who is measured, at what, and by which script. */
import { fileURLToPath } from 'node:url';
import type { Work } from './work.ts';

/** What a script measures. */
export type Job = 'training' | 'sampling' | 'product';

export interface Peer {
  label: string;
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
const keras = { training: 'keras_training.py', sampling: 'keras_sampling.py' };

/** All peers, in the order of the tables; ratios are to the first. */
export const peers = {
  'gru-lm': { label: 'gru-lm', language: 'node', scripts: ours },
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
  keras: { label: 'Keras', version: 'keras', language: 'python', scripts: keras },
  'keras-xla': {
    label: 'Keras, XLA',
    version: 'keras',
    language: 'python',
    scripts: keras,
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

/** Where a peer's script lies. */
export function scriptPath(script: string): string {
  return fileURLToPath(new URL(`peers/${script}`, import.meta.url));
}
