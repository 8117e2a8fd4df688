import { delimiter } from 'node:path';
import type { RuntimeContext } from './context.ts';
import { runChild, SpawnError } from './process.ts';

/** A GPU as nvidia-smi tells of it. */
export interface Gpu {
  /** By the places on the bus, as CUDA_DEVICE_ORDER=PCI_BUS_ID counts. */
  index: number;
  uuid: string;
  name: string;
  driver: string;
  /** Undefined for drivers that do not tell. */
  computeCapability: string | undefined;
  totalBytes: number;
  freeBytes: number;
}

const always = ['index', 'uuid', 'driver_version', 'memory.total', 'memory.free', 'name'];

/** All GPUs that the driver has; none if nvidia-smi is not there or says nothing. */
export async function queryGpus(context: RuntimeContext): Promise<Gpu[]> {
  return (await query(context, ['compute_cap'])) ?? (await query(context, [])) ?? [];
}

/** Undefined where nvidia-smi fails, as an old one does over a field that it does not know. */
async function query({ env, signal }: RuntimeContext, more: string[]): Promise<Gpu[] | undefined> {
  const args = [`--query-gpu=${[...more, ...always].join(',')}`, '--format=csv,noheader,nounits'];
  // Under WSL it lies where few paths lead.
  const path = `${env.PATH ?? ''}${delimiter}/usr/lib/wsl/lib`;
  try {
    const options = { env: { ...env, PATH: path }, signal, timeoutMs: 20_000 };
    const { code, stdout } = await runChild('nvidia-smi', args, options);
    if (code !== 0) return undefined;
    const lines = stdout.split('\n').filter((line) => line.includes(','));
    return lines.map((line) => parse(line, more.length > 0));
  } catch (error) {
    if (error instanceof SpawnError) return undefined;
    throw error;
  }
}

function parse(line: string, hasCapability: boolean): Gpu {
  const cells = line.split(',').map((cell) => cell.trim());
  const computeCapability = hasCapability ? cells.shift() : undefined;
  const [index, uuid, driver, total, free, ...name] = cells;
  const mebibytes = (text: string | undefined) => Number(text) * 2 ** 20;
  return {
    index: Number(index),
    uuid: uuid ?? '',
    name: name.join(', '),
    driver: driver ?? '',
    computeCapability: /^\d+\.\d+$/.test(computeCapability ?? '') ? computeCapability : undefined,
    totalBytes: mebibytes(total),
    freeBytes: mebibytes(free),
  };
}

/**
 * The one GPU that is used: the first that CUDA_VISIBLE_DEVICES names, else the newest, and of these the one with the
 * most memory. Undefined if none is there or none is to be seen.
 */
export function chooseGpu(gpus: readonly Gpu[], env: NodeJS.ProcessEnv): Gpu | undefined {
  const named = env.CUDA_VISIBLE_DEVICES?.split(',')[0]?.trim();
  if (named !== undefined) {
    return gpus.find(({ index, uuid }) =>
      /^\d+$/.test(named) ? index === Number(named) : named !== '' && uuid.startsWith(named),
    );
  }
  const rank = ({ computeCapability, totalBytes }: Gpu) => [
    Number(computeCapability ?? 0),
    totalBytes,
  ];
  return [...gpus].sort((a, b) => {
    const [[ca, ma], [cb, mb]] = [rank(a), rank(b)] as [number[], number[]];
    return cb! - ca! || mb! - ma! || a.index - b.index;
  })[0];
}
