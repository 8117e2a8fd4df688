import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { commands } from '../command-list.ts';
import { trainOptions } from '../config/train-options.ts';
import { UserError } from '../errors.ts';
import { parseConfig } from './parse-config.ts';
import { optionsOf, readConfig } from './read-config.ts';

const directory = mkdtempSync(join(tmpdir(), 'gru-lm-config-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const options = (text: string, name = 'run.toml') =>
  optionsOf(parseConfig(text, name), trainOptions);

function refusal(act: () => unknown): { code: string; message: string; hint: string | undefined } {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    const { code, message, hint } = error as UserError;
    return { code, message, hint };
  }
  throw new Error('it was taken');
}

describe('the options of a config file', () => {
  it('may be called as in the table or as their flags', () => {
    expect(options('hidden = 8\nembeddingSize = 4\n"vocab-size" = 9')).toEqual(
      new Map([
        ['hiddenSize', 8],
        ['embeddingSize', 4],
        ['vocabularySize', 9],
      ]),
    );
  });

  it('have the values that the flags would take', () => {
    const text = 'max-time = "5m"\nsoftmax-cutoffs = [20, 300]\ntied = false\nlr = 1e-3';
    expect(Object.fromEntries(options(text))).toEqual({
      ...{ maxTime: 300, softmaxCutoffs: [20, 300], tied: false, learningRate: 0.001 },
    });
  });

  it.each([
    [
      'lr = 0.1\n\nhiden = 8',
      'run.toml, line 3: expected the name of an option, found "hiden"',
      'Did you mean hidden?',
    ],
    [
      '[model]\nhidden = 8',
      'run.toml, line 1: expected the name of an option, found "model"',
      'Options are called as in --help, without the dashes.',
    ],
    [
      '__proto__ = {tied = true}',
      'run.toml, line 1: expected the name of an option, found "__proto__"',
      'Did you mean plot?',
    ],
    [
      'toString = 1',
      'run.toml, line 1: expected the name of an option, found "toString"',
      'Options are called as in --help, without the dashes.',
    ],
    [
      'hidden = 0',
      'run.toml, line 1: expected hidden to be a whole number at least 1 and at most 65536, found 0',
      'Size of each recurrent layer’s state.',
    ],
    [
      'hidden = "8"',
      'run.toml, line 1: expected hidden to be a whole number at least 1 and at most 65536, found "8"',
      'Size of each recurrent layer’s state.',
    ],
    [
      'cell = "ltsm"',
      'run.toml, line 1: expected cell to be one of gru, lstm, rnn, mingru, found "ltsm"',
      'Did you mean "lstm"?',
    ],
    [
      'maxTime = "5 minutes"',
      'run.toml, line 1: expected maxTime to be a time such as 90s, 5m or 2h, found "5 minutes"',
      'Stop after this time: 90s, 5m, 2h (default, if no other limit is given: 135s).',
    ],
    [
      'tied = 1979-05-27',
      'run.toml, line 1: expected tied to be true or false, found an object',
      'Score tokens by their embeddings instead of by weights of their own.',
    ],
    [
      'lr = inf',
      'run.toml, line 1: expected lr to be a number above 0, found Infinity',
      'Highest learning rate.',
    ],
    [
      'hidden = 8\nhiddenSize = 9',
      'run.toml, line 2: expected one value for an option, found hidden and hiddenSize, which are the same',
      'Leave out one of them.',
    ],
    [
      'config = "other.toml"',
      'run.toml, line 1: expected the name of an option, found "config"',
      'Options are called as in --help, without the dashes.',
    ],
  ])('that are wrong are refused by file, line and name: %j', (text, message, hint) => {
    expect(refusal(() => options(text))).toEqual({ code: 'usage', message, hint });
  });

  it.each([
    ['run.yaml', 'a: 1\nhidden:\n', 'run.yaml, line 1'],
    ['run.yaml', 'hidden:\n', 'run.yaml, line 1: expected hidden to be'],
    ['run.json', '{\n"hidden": null}', 'run.json, line 2: expected hidden to be'],
  ])('are refused so in %s: %j', (name, text, expected) => {
    expect(refusal(() => options(text, name)).message).toContain(expected);
  });

  it('are called so that no name of one is the flag of another, in any command', () => {
    for (const { options: table } of commands) {
      for (const [name, { flag }] of Object.entries(table)) {
        if (Object.hasOwn(table, flag)) expect(flag).toBe(name);
      }
    }
  });
});

describe('a config file that cannot be read', () => {
  const path = (name: string) => join(directory, name);
  mkdirSync(path('dir.toml'));
  writeFileSync(path('latin.toml'), Buffer.from('out = "caf\xe9"', 'latin1'));
  writeFileSync(path('long.toml'), Buffer.alloc(2 ** 20 + 1, '\n'));

  it.each([
    ['none.toml', 'could not read it: ENOENT'],
    ['dir.toml', 'found something else'],
    ['latin.toml', 'found bytes that are not UTF-8'],
    ['long.toml', 'found one of 1048577 bytes'],
  ])('%s: %s', async (name, expected) => {
    const error = await readConfig(path(name), trainOptions).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'config-file',
      hint: 'Check the path that --config names.',
    });
    expect((error as Error).message).toContain(
      `expected a config file at ${path(name)}, ${expected}`,
    );
  });

  it('begins as it likes: a byte order mark is left out', async () => {
    writeFileSync(path('bom.json'), '\ufeff{"hidden": 8}');
    expect(await readConfig(path('bom.json'), trainOptions)).toEqual(new Map([['hiddenSize', 8]]));
  });
});
