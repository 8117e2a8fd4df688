import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Tokenizer, trainTokenizer } from '../data/tokenizer.ts';
import { unigramModel } from '../evaluation/testing/unigram-model.ts';
import { type GivenModel, saveModelRun } from './testing/model-run.ts';
import { run } from './tokenize.ts';

const { signal } = new AbortController();
const directory = mkdtempSync(join(tmpdir(), 'gru-lm-tokenize-'));
const at = (name: string) => join(directory, name);

beforeAll(async () => {
  writeFileSync(at('latin.txt'), Buffer.from('caf\xe9\r\n', 'latin1'));
  writeFileSync(at('lines.jsonl'), '{"text":"other","body":"caf"}\n');
  const options = {
    ...{ hiddenSize: 3, embeddingSize: 2, layers: 1, batchSize: 2 },
    ...({ optimizer: 'adam', gruVariant: 'reset-after' } as const),
  };
  const read = {
    valid: 'gone.txt',
    encoding: 'windows-1252',
    newlines: 'lf',
    textField: 'body',
  } as const;
  await saveRun('run', { ...options, ...read }, trainTokenizer('café\r\n', { kind: 'char' }));
  await saveRun('words', options, trainTokenizer('a b', { kind: 'word' }));
});

async function saveRun(
  name: string,
  options: GivenModel['options'],
  tokenizer: Tokenizer,
): Promise<void> {
  const { parameters } = unigramModel(Array(tokenizer.vocabularySize).fill(1) as number[]);
  await saveModelRun(at(name), { options, tokenizer, parameters });
}

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The tokens of a file, one after the other. */
async function tokens(given: Parameters<typeof run>[0], file: string): Promise<string> {
  const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    await run({ ...given, json: true }, [at(file)], signal);
    const { pieces } = JSON.parse(String(out.mock.calls[0]?.[0])) as {
      pieces: { token: string }[];
    };
    return pieces.map(({ token }) => token).join('');
  } finally {
    out.mockRestore();
  }
}

it('says nothing of each token where there is none', async () => {
  writeFileSync(at('spaces.txt'), '   ');
  const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    await run({ checkpoint: at('words') }, [at('spaces.txt')], signal);
    const shown = out.mock.calls.map(([text]) => String(text)).join('');
    expect(shown).toMatch(/^tokens +0$/m);
    expect(shown).toMatch(/^unknown +0$/m);
    expect(shown).not.toMatch(/NaN|Infinity|begins/);
  } finally {
    out.mockRestore();
  }
});

describe('gru-lm tokenize --checkpoint', () => {
  const checkpoint = at('run');

  it('reads text as the run’s own was read', async () => {
    expect(await tokens({ checkpoint }, 'latin.txt')).toBe('café\\n');
    expect(await tokens({ checkpoint }, 'lines.jsonl')).toBe('caf');
  });

  it('reads it otherwise where that is said', async () => {
    const given = { checkpoint, encoding: 'windows-1251', newlines: 'keep' } as const;
    expect(await tokens(given, 'latin.txt')).toBe('caf<unk>\\r\\n');
    expect(await tokens({ checkpoint, textField: 'text' }, 'lines.jsonl')).toContain('<unk>');
  });
});
