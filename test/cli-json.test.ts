/** What commands print with `--json` has the fields that docs/json.md names, and no others. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { jsonLines, runCli, temporaryDirectory, trainTiny, writeCorpus } from './cli-process.ts';
import { ROOT } from './support/checkout.ts';

const cwd = temporaryDirectory();
const documented = fieldsOf(readFileSync(join(ROOT, 'docs/json.md'), 'utf8'));

interface Fields {
  always: string[];
  /** Where the table says *if*. */
  sometimes: string[];
}

/** The first columns of the tables, by the command whose section they are in. */
function fieldsOf(markdown: string): Map<string, Fields> {
  return new Map(
    markdown
      .split(/^## gru-lm /m)
      .slice(1)
      .map((section) => {
        const rows = [...section.matchAll(/^\| (`.+?) \| (.*) \|$/gm)];
        const named = (isSometimes: boolean) =>
          rows
            .filter(([, , text]) => text?.startsWith('*if*') === isSometimes)
            .flatMap(([, names = '']) => names.split(', ').map((name) => name.replaceAll('`', '')));
        const fields = { always: named(false), sometimes: named(true) };
        return [section.slice(0, section.indexOf('\n')), fields];
      }),
  );
}

/** What the command prints, one object for each line. */
async function printed(args: string[]): Promise<Record<string, unknown>[]> {
  const { stdout, exitCode } = await runCli([...args, '--json'], { cwd });
  expect(exitCode).toBe(0);
  return jsonLines(stdout);
}

beforeAll(async () => {
  writeCorpus(cwd);
  writeFileSync(join(cwd, 'prompts.txt'), 'the quick\n');
  await trainTiny(cwd, ['--out', 'checkpoints/a']);
  await printed(['export', 'checkpoints/a', '--format', 'pytorch', '--out', 'exported']);
});

const wasm = ['--backend', 'wasm'];

describe.each([
  ['sample', ['sample', '--length', '9', ...wasm]],
  ['sample', ['sample', '--prompts', 'prompts.txt', '--length', '9', '--copied', ...wasm]],
  ['sample', ['sample', '--beam', '2', '--length', '9', ...wasm]],
  ['eval', ['eval', ...wasm]],
  ['eval', ['eval', '--baseline', 'ngram', '--cache', '--dynamic', ...wasm]],
  ['eval', ['eval', '--text', 'corpus.txt', 'prompts.txt', ...wasm]],
  ['compare', ['compare', 'checkpoints/a', 'checkpoints/a/last', ...wasm]],
  ['score', ['score', '--text', 'corpus.txt', ...wasm]],
  ['info', ['info']],
  ['runs', ['runs']],
  ['tokenize', ['tokenize', 'corpus.txt']],
  ['export', ['export', '--format', 'tfjs', '--out', 'page']],
  ['import', ['import', 'exported', '--out', 'checkpoints/b']],
  ['report', ['report', '--out', 'page.html']],
  ['doctor', ['doctor']],
  ['setup', ['setup', '--dry-run']],
])('gru-lm %s', (command, args) => {
  test(`prints what is documented: ${args.join(' ')}`, async () => {
    const { always, sometimes } = documented.get(command)!;
    for (const object of await printed(args)) {
      const fields = Object.keys(object);
      expect(fields).toEqual(expect.arrayContaining(always));
      expect([...always, ...sometimes]).toEqual(expect.arrayContaining(fields));
    }
  });
});

test('each of them has a section', () => {
  const sections = ['sample', 'eval', 'compare', 'score', 'info', 'runs', 'tokenize', 'export'];
  expect([...documented.keys()]).toEqual([...sections, 'import', 'report', 'doctor', 'setup']);
});
