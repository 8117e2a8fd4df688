import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  hasTerminal,
  jsonLines,
  runCli,
  runOnTerminal,
  runProcess,
  shellCommand,
  TINY,
  temporaryDirectory,
  writeCorpus,
} from './cli-process.ts';
import { Screen } from './support/screen.ts';

const cwd = temporaryDirectory();
const base = ['train', 'corpus.txt', ...TINY, '--max-steps', '20', '--backend', 'wasm'];
const ESCAPE = '\u001b';

beforeAll(() => writeCorpus(cwd));

/** A run of its own, on a pipe. */
function train(out: string, flags: string[], env: Record<string, string> = {}) {
  return runCli([...base, '--out', out, ...flags], { cwd, env });
}

describe.concurrent('on a pipe', () => {
  test('--json is events in their order, an object a line, with the agreed keys', async () => {
    const flags = ['--json', '--eval-every', '10', '--sample-every', '1'];
    const { stdout, stderr, exitCode } = await train('json', flags);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    const lines = jsonLines(stdout);
    const kinds = lines.map(({ event }) => event);
    expect(kinds.filter((kind) => kind !== 'checkpoint').join(' ')).toMatch(
      /^start( step){10} eval sample( step){10} eval sample end$/,
    );
    expect(kinds.slice(-2)).toEqual(['checkpoint', 'end']);
    const keys = {
      start: ['parameters', 'vocabularySize', 'trainTokens', 'validTokens', 'backend'],
      step: [
        ...['step', 'epoch', 'loss', 'learningRate', 'gradientNorm'],
        ...['tokensPerSecond', 'elapsedSeconds'],
      ],
      eval: ['step', 'split', 'natsPerToken', 'perplexity'],
      checkpoint: ['path', 'step'],
      end: ['step', 'elapsedSeconds', 'bestNatsPerToken', 'bestStep', 'path'],
    };
    for (const [event, expected] of Object.entries(keys)) {
      const found = Object.keys(lines.find((line) => line.event === event) ?? {});
      expect(found).toEqual(expect.arrayContaining(expected));
    }
    expect(lines.filter(({ event }) => event === 'step').map(({ step }) => step)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
  });

  test('--quiet prints the result and nothing else', async () => {
    const { stdout, stderr } = await train('quiet', ['--quiet']);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^done: 20 steps in \S+; best at step 20: \S+ nats, perplexity \S+\n$/);
  });

  test('results go to standard output, progress to standard error, both plain', async () => {
    const { stdout, stderr } = await train('plain', ['--sample-every', '1']);
    expect(stdout).toMatch(/^done: .*\n\n {2}gru-lm sample plain\n {2}gru-lm eval plain\n$/);
    expect(stderr).toMatch(
      /^plain\ntext {6}2\.1 kB in 1 file; .*\ntokens {4}char, vocabulary 39; /,
    );
    expect(stderr).toMatch(/^step 20 {2}validation loss \S+ nats, perplexity \S+ {2}best so far$/m);
    expect(stderr).toMatch(/^model {5}1 × GRU 8, embedding 4; [\d,]+ parameters/m);
    for (const text of [stdout, stderr]) {
      expect(text).not.toContain(ESCAPE);
      expect(text).not.toContain('\r');
    }
    for (const line of `${stdout}${stderr}`.split('\n')) {
      if (!line.startsWith('    ')) expect(line.length).toBeLessThanOrEqual(80);
    }
  });

  test('FORCE_COLOR colours a pipe, unless --no-color is given', async () => {
    const colored = await train('colored', ['--quiet'], { FORCE_COLOR: '1' });
    expect(colored.stdout).toContain(`${ESCAPE}[1mdone`);
    const error = ['train', 'missing.txt'];
    const env = { FORCE_COLOR: '1' };
    expect((await runCli(error, { cwd, env })).stderr).toContain(`${ESCAPE}[31merror:`);
    expect((await runCli([...error, '--no-color'], { cwd, env })).stderr).toMatch(/^error: /);
  });

  describe('a pipe that is closed is no error', () => {
    /** What is left to show of a command whose reader goes away: its exit code. */
    const closed = async (args: string[], reader: string) => {
      const command = `${shellCommand(args)} ${reader} > seen; echo "\${PIPESTATUS[0]}"`;
      const { stdout, stderr } = await runProcess('bash', ['-c', command], { cwd });
      return `${stdout}${stderr}`;
    };
    const endless = [...base, '--max-steps', '1000000', '--eval-every', '5'];

    // After a step: a reader that leaves before the first one leaves nothing to save.
    test.for([
      ['--json', `| grep -m 1 '"event":"step"'`],
      ['--no-color', '2>&1 | grep -m 1 "^step"'],
    ] as const)('train %s %s saves', async ([flag, reader]) => {
      const out = `closed${flag}`;
      expect(await closed([...endless, '--out', out, flag], reader)).toBe('0\n');
      const { stdout } = await runCli(['info', `${out}/last`, '--json'], { cwd });
      expect((JSON.parse(stdout) as { step: number }).step).toBeGreaterThan(0);
    });

    test('train that nobody reads from the start on leaves its place to the next run', async () => {
      const command = shellCommand([...endless, '--out', 'unread']);
      // The reader is gone before there is anything to read.
      const script = `exec 3> >(true); wait $!; ${command} >&3 2>&3; echo $?`;
      expect((await runProcess('bash', ['-c', script], { cwd })).stdout).toBe('0\n');
      expect((await train('unread', ['--quiet'])).exitCode).toBe(0);
    });

    test
      .runIf(existsSync('/dev/full'))
      .for([
        ['doctor'],
        ['tokenize', 'corpus.txt', '--json'],
        ['train', 'corpus.txt', '--print-config'],
        ['--help'],
      ])('%j says so where what takes it is full', async (args) => {
      const command = `${shellCommand(args)} > /dev/full`;
      const { stderr, exitCode } = await runProcess('bash', ['-c', command], { cwd });
      expect(stderr).toContain('error: expected to write to standard output, could not: ENOSPC');
      expect(exitCode).toBe(1);
    });

    test('sample, eval, info and tokenize', async () => {
      await train('piped', ['--quiet']);
      for (const args of [
        ['sample', 'piped', '--length', '10000000', '--backend', 'wasm'],
        ['eval', 'piped', '--backend', 'wasm'],
        ['info', 'piped'],
        ['tokenize', 'corpus.txt', '--top', '100000'],
      ]) {
        expect(await closed(args, '2>&1 | true')).toBe('0\n');
      }
    });
  });
});

describe.runIf(hasTerminal)('on a terminal', () => {
  beforeAll(async () => {
    writeFileSync(join(cwd, 'escapes.txt'), `${ESCAPE}[31mfox\u0007 \u009b2J\r\n`.repeat(200));
    await runCli(['train', 'escapes.txt', ...base.slice(2), '--out', 'escapes'], { cwd });
  });

  test('the bar is redrawn in place and fits; the cursor and the wrapping are left alone', async () => {
    const { stdout, exitCode } = await runOnTerminal([...base, '--out', 'bar'], { cwd });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/█.* 100% +step 20 +loss/);
    expect(stdout).not.toContain(`${ESCAPE}[?`);
    const shown = stdout.replace(new RegExp(`${ESCAPE}\\[[0-9;]*[A-Za-z]`, 'g'), '\r');
    for (const line of shown.split(/[\r\n]+/)) expect(line.length).toBeLessThanOrEqual(79);
  });

  test('--plot draws the losses under the bar once, below samples and validations', async () => {
    const flags = ['--plot', '--eval-every', '5', '--sample-every', '1', '--no-color'];
    const { stdout } = await runOnTerminal([...base, '--out', 'plot', ...flags], { cwd });
    const screen = new Screen(80, 24);
    screen.write(stdout.replaceAll('\r\n', '\n'));
    const text = await screen.text();
    expect(
      text.match(/└─+\n +step 1 +step 20\nnats a token: • training, x validation/g),
    ).toHaveLength(1);
    expect(text.match(/^█+ 100% step 20 loss/gm)).toHaveLength(1);
    expect(text.match(/^step \d+ {2}validation loss .*$/gm)).toHaveLength(4);
    expect(text).toMatch(/x validation\ndone: 20 steps/);
  });

  test('NO_COLOR leaves no colours', async () => {
    const args = ['doctor'];
    const colored = await runOnTerminal(args, { cwd, env: { TERM: 'xterm-256color' } });
    expect(colored.stdout).toContain(`${ESCAPE}[1m`);
    const plain = await runOnTerminal(args, { cwd, env: { TERM: 'xterm', NO_COLOR: '1' } });
    expect(plain.stdout).not.toContain(ESCAPE);
    const dumb = await runOnTerminal(args, { cwd, env: { TERM: 'dumb' } });
    expect(dumb.stdout).not.toContain(ESCAPE);
  });

  test('control characters that a model makes are shown, not sent; a pipe and --raw get them', async () => {
    const args = ['sample', 'escapes', '--seed', '1', '--length', '300', '--backend', 'wasm'];
    const terminal = await runOnTerminal([...args, '--no-color'], { cwd });
    expect(terminal.stdout).toContain('␛');
    expect(terminal.stdout).toContain('␇');
    for (const control of [ESCAPE, '\u0007', '\u009b', '\r\r']) {
      expect(terminal.stdout).not.toContain(control);
    }
    const raw = await runOnTerminal([...args, '--no-color', '--raw'], { cwd });
    expect(raw.stdout).toContain(ESCAPE);
    expect(raw.stdout).not.toContain('␛');
    const piped = await runCli(args, { cwd });
    expect(piped.stdout).toContain(ESCAPE);
    expect(piped.stdout).not.toContain('␛');
  });

  test('so are those in the samples of a run', async () => {
    const flags = ['--out', 'shown', '--sample-every', '1', '--max-steps', '1', '--no-color'];
    const { stderr } = await runCli(['train', 'escapes.txt', ...base.slice(2), ...flags], { cwd });
    expect(stderr).toContain('␛');
    expect(stderr).not.toContain(ESCAPE);
  });
});
