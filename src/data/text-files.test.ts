import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeManifest, encodeRunRecord } from '../checkpoint/format.ts';
import { UserError } from '../errors.ts';
import { findOperands } from './text-files.ts';

let directory: string;
const home = process.cwd();

/** Files by path, below the directory in which the tests run. */
const FILES = [
  'a.txt',
  'b.txt',
  'b [1].txt',
  'b1.txt',
  '!bang.txt',
  '-dash.txt',
  'new\nline.txt',
  'é 世界.txt',
  'back\\slash.txt',
  '{x,y}.txt',
  '.hidden.txt',
  'texts/Z.txt',
  'texts/a/b.txt',
  'texts/a.txt',
  'texts/é.txt',
  'texts/.hidden.txt',
  'texts/.git/config',
  'sets [old]/one.txt',
  'sets [old]/deep/two.txt',
  '(x)/in.txt',
];

beforeAll(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'gru-lm-files-')));
  process.chdir(directory);
  for (const path of FILES) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, path);
  }
  await writeFile('empty.txt', '');
  await mkdir('nothing/.hidden', { recursive: true });
  await writeFile('nothing/.x', 'x');
  await mkdir('bare/below', { recursive: true });
  await mkdir('hollow');
  await writeFile('hollow/a.txt', '');
  await writeFile('hollow/b.txt', '');
  await mkdir('links');
  await symlink('../a.txt', 'links/a.txt');
  await symlink('../texts', 'links/texts');
  await symlink('..', 'links/up');
});
afterAll(async () => {
  process.chdir(home);
  await rm(directory, { recursive: true });
});

/** The paths of the files that one operand means. */
async function find(operand: string): Promise<string[]> {
  const [found] = await findOperands([operand]);
  expect(found!.name).toBe(operand);
  if (found!.kind === 'files') return found!.files.map(({ path }) => path);
  if (found!.kind === 'file') return [found!.file.path];
  throw new Error(`expected files, found ${found!.kind}`);
}

async function failure(...operands: string[]): Promise<UserError> {
  const error: unknown = await findOperands(operands).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

describe('findOperands', () => {
  it.each([
    'a.txt',
    'b [1].txt',
    '!bang.txt',
    './-dash.txt',
    'new\nline.txt',
    'é 世界.txt',
    'back\\slash.txt',
    '{x,y}.txt',
    '.hidden.txt',
    'texts/.git/config',
    'links/a.txt',
    'sets [old]/../a.txt',
  ])('takes a file by its name: %j', async (name) => {
    expect(await find(name)).toEqual([name]);
    expect(await find(join(directory, name))).toEqual([join(directory, name)]);
  });

  it('knows the lengths of files', async () => {
    expect(await findOperands(['texts/a.txt'])).toEqual([
      {
        name: 'texts/a.txt',
        kind: 'file',
        file: { path: 'texts/a.txt', relativePath: 'texts/a.txt', bytes: 11 },
      },
    ]);
  });

  it('takes all files below a directory in the order of their code units, but hidden ones', async () => {
    const below = ['Z.txt', 'a.txt', 'a/b.txt', 'é.txt'];
    for (const name of ['texts', 'texts/', './texts', join(directory, 'texts')]) {
      const [found] = await findOperands([name]);
      expect(found!.kind === 'files' && found!.files.map((file) => file.relativePath)).toEqual(
        below,
      );
      expect(await find(name)).toEqual(below.map((path) => `${name.replace(/\/$/, '')}/${path}`));
    }
    expect(await find('texts/.git')).toEqual(['texts/.git/config']);
    expect(await find('sets [old]')).toEqual(['sets [old]/deep/two.txt', 'sets [old]/one.txt']);
  });

  it('follows links to files, and links to directories only where they are named', async () => {
    expect(await find('links')).toEqual(['links/a.txt']);
    expect(await find('links/**/*.txt')).toEqual(['links/a.txt']);
    expect(await find('links/texts')).toHaveLength(4);
    expect(await find('links/texts/*.txt')).toHaveLength(3);
    expect(await find('links/t*/Z.txt')).toEqual(['links/texts/Z.txt']);
  });

  it.each([
    ['[ab].txt', ['a.txt', 'b.txt']],
    ['b?.txt', ['b1.txt']],
    ['{b,a}.txt', ['a.txt', 'b.txt']],
    ['b [[]1].txt', ['b [1].txt']],
    ['!*.txt', ['!bang.txt']],
    ['!(b*|*n*|e*|*x*|é*).txt', ['-dash.txt', 'a.txt']],
    ['-*.txt', ['-dash.txt']],
    ['./[ab].txt', ['./a.txt', './b.txt']],
    ['texts/../[ab].txt', ['texts/../a.txt', 'texts/../b.txt']],
    ['texts/*.txt', ['texts/Z.txt', 'texts/a.txt', 'texts/é.txt']],
    ['texts/**/*.txt', ['texts/Z.txt', 'texts/a.txt', 'texts/a/b.txt', 'texts/é.txt']],
    ['texts//a/*', ['texts//a/b.txt']],
    ['t*/a/b.txt', ['texts/a/b.txt']],
    ['sets [old]/*.txt', ['sets [old]/one.txt']],
    ['sets [old]/**/t*', ['sets [old]/deep/two.txt']],
    ['(x)/*.txt', ['(x)/in.txt']],
    ['*line.txt', ['new\nline.txt']],
    ['é*.txt', ['é 世界.txt']],
  ])('takes the files that match %j', async (pattern, paths) => {
    expect(await find(pattern)).toEqual(paths);
    if (!pattern.startsWith('./')) {
      const from = (path: string) => `${directory}/${path}`;
      expect(await find(from(pattern))).toEqual(paths.map(from));
    }
  });

  it('leaves out of a glob what is hidden, empty or no file', async () => {
    expect(await find('*.txt')).toHaveLength(
      FILES.filter((path) => /^[^./][^/]*$/.test(path)).length,
    );
    expect(await find('t*/**')).toEqual([
      'texts/Z.txt',
      'texts/a.txt',
      'texts/a/b.txt',
      'texts/é.txt',
    ]);
    expect(await find('links/*')).toEqual(['links/a.txt']);
  });

  it('takes operands in the order given, the same file as often as it is named', async () => {
    const found = await findOperands(['b.txt', '-', 'a.txt', 'b.txt', '[a]*.txt']);
    expect(found.map(({ name, kind }) => [name, kind])).toEqual([
      ['b.txt', 'file'],
      ['-', 'stream'],
      ['a.txt', 'file'],
      ['b.txt', 'file'],
      ['[a]*.txt', 'files'],
    ]);
  });

  describe('does not leave out without a word', () => {
    const isLost = (path: string, target: string) => ({
      code: 'corpus-missing',
      message: `expected a text file at ${path}, found a link to ${target}, where none is`,
      hint: 'Fetch what the link leads to, or remove the link.',
    });
    const isNoUtf8 = (path: string) => ({
      code: 'corpus-unreadable',
      message: `expected a name in UTF-8, found ${path}, where each \ufffd stands for other bytes`,
      hint: 'Rename it, or name - and give the text to standard input.',
    });

    it('a link to a file that is not there', async () => {
      await mkdir('lost/deep', { recursive: true });
      await writeFile('lost/a.txt', 'text');
      await symlink('../../objects/b', 'lost/deep/b.txt');
      for (const name of ['lost', 'lost/**', 'lost/*/*.txt', 'lost/deep/b.txt', 'lost/deep/[b]*']) {
        expect(await failure(name)).toMatchObject(isLost('lost/deep/b.txt', '../../objects/b'));
      }
      expect(await find('lost/*')).toEqual(['lost/a.txt']);
      expect(await find('lost/**/a*')).toEqual(['lost/a.txt']);
    });

    it('a link that leads to itself, or has the name of a pattern', async () => {
      await mkdir('loops');
      await symlink('loop', 'loops/loop');
      for (const name of ['loops', 'loops/*', 'loops/loop']) {
        expect(await failure(name)).toMatchObject(isLost('loops/loop', 'loop'));
      }
      await symlink('none', 'loops/[x]*');
      expect(await failure('loops/[x]*')).toMatchObject(isLost('loops/[x]*', 'none'));
    });

    const isLinux = process.platform === 'linux';
    it.runIf(isLinux)('what has a name that is not UTF-8', async () => {
      const latin = (name: string) => Buffer.from(name, 'latin1');
      await mkdir('latin');
      await writeFile('latin/a.txt', 'text');
      await writeFile(latin('latin/caf\xe9.txt'), 'text');
      for (const name of ['latin', 'latin/*', '**/c*.txt', 'latin/caf\ufffd.txt']) {
        expect(await failure(name)).toMatchObject(isNoUtf8('latin/caf\ufffd.txt'));
      }
      expect(await find('latin/a*')).toEqual(['latin/a.txt']);
      await rm('latin', { recursive: true });

      await mkdir(latin('latin/\xe9t\xe9'), { recursive: true });
      await writeFile(latin('latin/\xe9t\xe9/b.txt'), 'text');
      await writeFile('latin/a.txt', 'text');
      const directory = /^expected a name in UTF-8, found (.*\/)?latin\/\ufffdt\ufffd, where each /;
      for (const name of ['latin', 'latin/**', 'latin/*/*.txt']) {
        expect((await failure(name)).message).toMatch(directory);
      }
      expect(await find('latin/*')).toEqual(['latin/a.txt']);
      await rm('latin', { recursive: true });

      await mkdir('latin');
      await symlink('../a.txt', latin('latin/\xe9'));
      for (const name of ['latin', 'latin/*']) {
        expect(await failure(name)).toMatchObject(isNoUtf8('latin/\ufffd'));
      }
      await rm('latin', { recursive: true });
      await mkdir('replaced');
      await writeFile('replaced/\ufffd.txt', 'text');
      expect(await find('replaced/*')).toEqual(['replaced/\ufffd.txt']);
    });

    it.runIf(isLinux)('a directory that may not be read', async () => {
      await mkdir('closed/shut', { recursive: true });
      await mkdir('closed/.hidden', { mode: 0 });
      await mkdir('aside');
      await writeFile('closed/a.txt', 'text');
      await writeFile('closed/shut/b.txt', 'text');
      await symlink('../closed/shut', 'aside/link');
      await writeFile('aside/a.txt', 'text');
      await chmod('closed/shut', 0o311);
      await withoutRights(async () => {
        for (const name of [
          'closed',
          'closed/**',
          'closed/*/*.txt',
          'closed/shut/*',
          'aside/*/*',
        ]) {
          const { code, message } = await failure(name);
          expect(code).toBe('corpus-unreadable');
          expect(message).toMatch(
            /(could not read|to look through) (.*\/)?closed\/shut\b.*: EACCES/,
          );
        }
        // What is in it would not be taken.
        expect(await find('closed/*')).toEqual(['closed/a.txt']);
        expect(await find('closed/*.txt')).toEqual(['closed/a.txt']);
        expect(await find('aside/*')).toEqual(['aside/a.txt']);
        expect(await find('aside/**')).toEqual(['aside/a.txt']);
      });
      await chmod('closed/shut', 0o755);
    });

    /** Does `use` as a user who may not read everything, where the tests run as one who may. */
    async function withoutRights(use: () => Promise<void>): Promise<void> {
      if (process.getuid?.() !== 0) return use();
      await chmod(directory, 0o755);
      process.seteuid?.(65534);
      try {
        await use();
      } finally {
        process.seteuid?.(0);
      }
    }
  });

  describe('among what gru-lm saved', () => {
    beforeAll(async () => {
      const manifest = encodeManifest({
        step: 5,
        created: new Date(0).toISOString(),
        files: new Map(),
      });
      const run = encodeRunRecord({ last: 'step-00000005', best: null });
      for (const [path, content] of [
        ['work/a.txt', 'text'],
        ['work/run.json', '{"format": "of another program"}'],
        ['work/web/manifest.json', '{"name": "gru-lm-checkpoint of mine"}'],
        ['work/out/run/run.json', run],
        ['work/out/run/history.csv', 'step'],
        ['work/out/run/step-00000005/manifest.json', manifest],
        ['work/out/run/step-00000005/config.json', '{}'],
        ['work/out/damaged/run.json', Buffer.from(run).subarray(0, 40)],
        ['work/out/damaged/history.csv', 'step'],
        ['work/out/unnamed/step-00000005/manifest.json', manifest],
      ] as const) {
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, content);
      }
    });
    const texts = ['work/a.txt', 'work/run.json', 'work/web/manifest.json'];

    it('takes from a directory what is in no run or checkpoint', async () => {
      expect(await find('work')).toEqual(texts);
      expect((await failure('work/out')).message).toBe(
        'expected text files in the directory work/out, found none ' +
          '(3 runs or checkpoints of gru-lm are left out)',
      );
    });

    it('does the same by **, and takes files that are named', async () => {
      expect(await find('work/**')).toEqual(texts);
      expect(await find('wo*/**/*.json')).toEqual(texts.slice(1));
      const named = 'work/out/run/history.csv';
      for (const name of [named, 'work/out/run/*.csv', 'work/out/*/h*.csv']) {
        expect(await find(name)).toContain(named);
      }
      expect((await failure('work/out/**/*.csv')).message).toBe(
        'expected a text file, found nothing that matches work/out/**/*.csv',
      );
    });

    it.each([
      ['work/out/run', 'run'],
      ['work/out/run/', 'run'],
      ['./work/out/damaged', 'run'],
      ['work/out/run/step-00000005', 'checkpoint'],
      ['work/out/run/best', 'checkpoint'],
      ['work/out/run/last', 'checkpoint'],
    ])('refuses %s as a text', async (name, kind) => {
      expect(await failure('a.txt', name)).toMatchObject({
        code: 'corpus-missing',
        message: `expected text, found a ${kind} of gru-lm at ${name}`,
        hint:
          'Name a file or directory of text. A checkpoint is named before options that take several ' +
          `values: gru-lm eval ${name} --text corpus.txt`,
      });
    });
  });

  it.skipIf(process.platform === 'win32')('reads a device or pipe as a stream', async () => {
    expect(await findOperands(['/dev/null'])).toEqual([{ name: '/dev/null', kind: 'stream' }]);
  });

  it('says what is wrong with no operand, or - twice', async () => {
    const none = await failure();
    expect(none).toMatchObject({
      exitCode: 2,
      message: 'expected at least one text file, found none',
      hint: 'Name a text file, a directory, or - for standard input.',
    });
    expect(await failure('-', 'a.txt', '-')).toMatchObject({
      exitCode: 2,
      message: 'expected - (standard input) once, found it several times',
      hint: 'Standard input can be read only once: keep one -.',
    });
  });

  it.each(['missing.txt', 'missing/a.txt', 'a.txt/', 'a.txt/b', '', '!missing'])(
    'says that there is nothing at %j',
    async (name) => {
      const error = await failure('a.txt', name);
      expect(error).toMatchObject({
        code: 'corpus-missing',
        message: `expected a text file, found nothing at ${name}`,
        hint: 'Check the path; it is taken from the current directory.',
      });
      expect((error.cause as Error).message).toMatch(/ENOENT|ENOTDIR/);
    },
  );

  it('says that there is nothing at a name that no file can have', async () => {
    expect((await failure('x'.repeat(300))).code).toBe('corpus-missing');
  });

  it.each(['*.doc', 'missing/*.txt', 'a.txt/*', 'nothing/*', '[', 'b[1', '{m,n}.txt'])(
    'says that nothing matches %j, if it is a pattern',
    async (pattern) => {
      const error = await failure(pattern);
      expect(error.code).toBe('corpus-missing');
      expect(error.message).toMatch(
        /[*{]/.test(pattern) ? /found nothing that matches / : /found nothing at /,
      );
      expect(error.message).toContain(pattern);
    },
  );

  it('says what a directory without files has', async () => {
    expect(await failure('nothing')).toMatchObject({
      code: 'corpus-missing',
      message:
        'expected text files in the directory nothing, found none (2 hidden entries are left out)',
      hint: 'Name a directory that has text files in it, or the files themselves.',
    });
    expect((await failure('bare')).message).toBe(
      'expected text files in the directory bare, found none',
    );
  });

  it('says that there is nothing but empty files', async () => {
    for (const name of ['empty.txt', 'hollow', 'hollow/*.txt']) {
      expect(await failure(name)).toMatchObject({
        code: 'corpus-empty',
        message: `${name}: expected text, found nothing`,
        hint: 'Name a file that has text in it.',
      });
    }
  });
});
