import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { commands } from '../command-list.ts';
import { trainOptions } from '../config/train-options.ts';
import { bashScript } from './bash.ts';
import { typedCommands } from './completions.ts';
import { fishScript } from './fish.ts';
import { zshScript } from './zsh.ts';

const typed = typedCommands(commands);
const directory = mkdtempSync(join(tmpdir(), 'gru-lm-completion-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
mkdirSync(join(directory, 'texts and more'));
mkdirSync(join(directory, 'checkpoints'));
writeFileSync(join(directory, 'text.txt'), '');
for (const [shell, script] of Object.entries({
  bash: bashScript(typed),
  zsh: zshScript(typed),
  fish: fishScript(typed),
})) {
  writeFileSync(join(directory, `gru-lm.${shell}`), script);
}

function has(shell: string): boolean {
  return spawnSync(shell, ['-c', 'true']).status === 0;
}

/** What a shell prints for a script of it, in a directory with a few files. */
function shellOutput(shell: string, args: string[]): string[] {
  const { status, stdout, stderr } = spawnSync(shell, args, { cwd: directory, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((line) => line !== '');
}

/** Words before the cursor, the last of which is completed, and what is to come of it. */
const CASES: readonly [words: string[], expected: string[]][] = [
  [['tr'], ['train']],
  [['train', '--hid'], ['--hidden']],
  [
    ['train', '--cell', ''],
    ['gru', 'lstm', 'rnn', 'mingru'],
  ],
  [['train', 'a', '--cell', 'm'], ['mingru']],
  [
    ['train', 't'],
    ['text.txt', 'texts and more'],
  ],
  [['train', '--valid', 'text.'], ['text.txt']],
  [['train', '--out', 't'], ['texts and more']],
  [['train', '--hidden', ''], []],
  [['train', '--config', 'text.'], ['text.txt']],
  [['sample', 'che'], ['checkpoints']],
  [['sample', '--inter'], ['--interactive']],
  [['eval', '--split', 'tr'], ['train']],
  [['eval', '--split', 'train', '--hid'], []],
  [['eval', '--text', 'a', 'text.'], ['text.txt']],
  [['eval', '--text', 'a', '--spl'], ['--split']],
  [
    ['eval', '--text', 'a', '--split', 't'],
    ['train', 'test'],
  ],
  [['eval', '--text', 'a', 'b', 'c', '--spl'], ['--split']],
  [['sample', '--ban', 'a', '--ban', 'b', '--le'], ['--length']],
  [['import', 'text.'], ['text.txt']],
  [['completion', 'z'], ['zsh']],
  [['help', 'tr'], ['train']],
  [['nothing', ''], []],
];

describe('the words that can be typed', () => {
  it('are all options of a command, with the kinds of their values', () => {
    const train = typed.find(({ name }) => name === 'train')!;
    const flags = train.options.flatMap((option) => option.flags);
    for (const { flag } of Object.values(trainOptions)) expect(flags).toContain(`--${flag}`);
    expect(flags).toEqual(expect.arrayContaining(['--config', '--no-color', '--help']));
    const kindOf = (flag: string) =>
      train.options.find((option) => option.flags.includes(flag))!.value;
    expect(kindOf('--tokenizer')).toEqual(['char', 'word', 'bpe', 'byte']);
    expect(kindOf('--tokenizer-file')).toBe('file');
    expect(kindOf('--out')).toBe('directory');
    expect(kindOf('--encoding')).toBe('any');
    expect(kindOf('--tied')).toBeUndefined();
    expect(train.operands).toEqual([{ name: 'corpus', kind: 'file', isMany: true }]);
  });
});

describe.runIf(has('bash'))('bash', () => {
  const complete = (words: string[], more = '') => {
    const list = words.map((word) => `'${word}'`).join(' ');
    const script = `source gru-lm.bash; COMP_WORDS=(gru-lm ${list}); COMP_CWORD=${words.length}; ${more}
      compopt() { :; }; _gru_lm; for word in "\${COMPREPLY[@]}"; do printf '%s\\n' "$word"; done`;
    return shellOutput('bash', ['--norc', '-c', script]);
  };

  it.each(CASES)('completes %j to %j', (words, expected) => {
    expect(complete(words).sort()).toEqual([...expected].sort());
  });

  it('completes the value after an equals sign, which it takes for a word', () => {
    expect(complete(['train', '--cell', '=', 'l'])).toEqual(['lstm']);
    expect(complete(['train', '--cell', '='])).toEqual(['gru', 'lstm', 'rnn', 'mingru']);
  });

  it('asks for it where gru-lm is typed', () => {
    expect(shellOutput('bash', ['--norc', '-c', 'source gru-lm.bash; complete -p gru-lm'])).toEqual(
      ['complete -F _gru_lm gru-lm'],
    );
  });
});

describe.runIf(has('fish'))('fish', () => {
  it.each(CASES)('completes %j to %j', (words, expected) => {
    const line = ['gru-lm', ...words].join(' ');
    const script = `source gru-lm.fish; complete -C '${line}'`;
    const found = shellOutput('fish', ['--no-config', '-c', script]).map((each) =>
      each.split('\t')[0]!.replace(/\/$/, ''),
    );
    // Where it knows nothing, it may look for what is like the word.
    expect(found).toEqual(expect.arrayContaining(expected));
    for (const word of found) if (expected.length > 0) expect(expected).toContain(word);
  });
});

describe('zsh', () => {
  it.runIf(has('zsh'))('takes the script for one of its own', () => {
    expect(shellOutput('zsh', ['-f', '-n', 'gru-lm.zsh'])).toEqual([]);
  });

  // A shell for each takes its time.
  it.runIf(has('zsh')).each(CASES)('completes %j to %j at a terminal', (words, expected) => {
    const home = join(directory, 'zsh');
    mkdirSync(home, { recursive: true });
    cpSync(new URL('testing/zshrc.zsh', import.meta.url), join(home, '.zshrc'));
    const capture = fileURLToPath(new URL('testing/capture.zsh', import.meta.url));
    const env = { ...process.env, ZDOTDIR: home, TERM: 'dumb' };
    const args = ['-f', capture, ['gru-lm', ...words].join(' ')];
    const { status, stdout } = spawnSync('zsh', args, {
      ...{ cwd: directory, env, encoding: 'utf8', timeout: 20_000 },
    });
    expect(status).toBe(0);
    const found = stdout.split('\n').filter((line) => line !== '');
    const unquoted = found.map((line) => line.replaceAll('\\', ''));
    expect([...new Set(unquoted)].sort()).toEqual([...expected].sort());
  });

  it('is told of each option once, with its help and values', () => {
    const script = zshScript(typed);
    const train = script.slice(script.indexOf('        train)'), script.indexOf('        sample)'));
    expect(train).toContain(
      "'--cell=[what the recurrent layers are made of]:value:(gru lstm rnn mingru)'",
    );
    expect(train).toContain(
      "'--out=[where the run is kept (default\\: checkpoints/<corpus name>)]:value:_files -/'",
    );
    expect(train).toContain("'*:corpus:_files'");
    for (const { flag } of Object.values(trainOptions)) {
      expect(train.match(new RegExp(`^ +'\\*?--${flag}[=[]`, 'gm')), flag).toHaveLength(1);
    }
    expect(script).toContain(
      "'*--text=[evaluate on these texts; - is standard input]:value:_files'",
    );
  });
});
