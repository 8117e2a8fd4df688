/** The tokens of a text in files that other programs can read. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openTexts } from '../../src/commands/open-dataset.ts';
import { resolveTrainOptions } from '../../src/config/train.ts';
import { trainOptions } from '../../src/config/train-options.ts';
import type { TokenizedPart } from '../../src/data/dataset.ts';
import { type OptionTable, parseOption } from '../../src/option-table.ts';

/** What was written: ids as int32, little-endian, nothing else. */
export interface ExportedTokens {
  /** Files of the parts. */
  train: string;
  valid: string;
  vocabularySize: number;
  trainTokens: number;
  validTokens: number;
}

/**
 * Writes the training and the validation tokens that `gru-lm train corpus` with these flags has, with
 * `meta.json` beside them, into `directory`.
 */
export async function exportTokens(
  corpus: string,
  flags: readonly string[],
  directory: string,
  signal: AbortSignal,
): Promise<ExportedTokens> {
  const options = resolveTrainOptions(givenOf(flags));
  await mkdir(directory, { recursive: true });
  const dataset = await openTexts(
    { ...options, corpus: [corpus] },
    { runDirectory: directory, silent: true, signal },
  );
  try {
    const write = async (name: 'train' | 'valid') => {
      const { sequence, tokens } = dataset.parts.get(name) as TokenizedPart;
      const ids = new Int32Array(tokens);
      sequence.read(0, ids);
      const path = join(directory, `${name}.bin`);
      await writeFile(path, littleEndian(ids));
      return { path, tokens };
    };
    const [train, valid] = [await write('train'), await write('valid')];
    const exported = {
      train: train.path,
      valid: valid.path,
      vocabularySize: dataset.tokenizer.vocabularySize,
      trainTokens: train.tokens,
      validTokens: valid.tokens,
    };
    await writeFile(join(directory, 'meta.json'), `${JSON.stringify(exported, null, 2)}\n`);
    return exported;
  } finally {
    await dataset.close();
  }
}

/** The values of flags as the command line would take them; throws for what is no flag of `train`. */
function givenOf(flags: readonly string[]): Record<string, unknown> {
  const table = Object.entries<OptionTable[string]>(trainOptions);
  const { values } = parseArgs({
    args: [...flags],
    options: Object.fromEntries(
      table.map(([, { flag, type }]) => [
        flag,
        { type: type === 'switch' ? ('boolean' as const) : ('string' as const) },
      ]),
    ),
  });
  return Object.fromEntries(
    table.flatMap(([name, spec]) => {
      const value = values[spec.flag];
      if (value === undefined) return [];
      return [[name, typeof value === 'string' ? parseOption(spec, value) : value]];
    }),
  );
}

function littleEndian(ids: Int32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * ids.length));
  for (const [i, id] of ids.entries()) view.setInt32(4 * i, id, true);
  return new Uint8Array(view.buffer);
}
