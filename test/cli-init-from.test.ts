import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type JsonLine,
  lastCheckpoint,
  runCli,
  sampleText,
  temporaryDirectory,
  trainTiny,
  writeCorpus,
} from './cli-process.ts';

const cwd = temporaryDirectory();

beforeAll(async () => {
  writeCorpus(cwd);
  // In which a character is new.
  writeFileSync(join(cwd, 'other.txt'), sampleText().toLowerCase().replaceAll('e', 'é'));
  await trainTiny(cwd, ['--out', 'first', '--max-steps', '60']);
});

const run = (args: string[]) =>
  runCli(['train', 'other.txt', '--backend', 'wasm', '--sample-every', '0', ...args], { cwd });

/** Of the validations, in nats. */
const validations = (events: JsonLine[]) =>
  events.filter(({ event }) => event === 'eval').map(({ natsPerToken }) => natsPerToken as number);

describe('--init-from', () => {
  test('begins with the weights of a run: by a rate near 0 they predict as they did', async () => {
    const flags = ['--ema', '0', '--lr', '1e-9', '--max-steps', '1', '--valid', 'corpus.txt'];
    const events = await trainTiny(cwd, ['--init-from', 'first', '--out', 'second', ...flags]);
    const checkpoint = lastCheckpoint(join(cwd, 'first'));
    const evaluation = ['eval', checkpoint, '--text', 'corpus.txt', '--backend', 'wasm', '--json'];
    const { stdout } = await runCli(evaluation, { cwd });
    const { natsPerToken } = JSON.parse(stdout) as { natsPerToken: number };
    expect(validations(events)[0]).toBeCloseTo(natsPerToken, 4);
    const start = events.find(({ event }) => event === 'start');
    expect(start).toMatchObject({ options: { initFrom: 'first', hiddenSize: 8 } });
  });

  test('takes tokens and model from there, the rest from the rule for this text', async () => {
    const result = await run(['--init-from', 'first', '--max-steps', '3', '--out', 'third']);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.stderr).toMatch(/^begins {4}with first\/step-0+60$/m);
    expect(result.stderr).toMatch(/^model {5}1 × GRU 8, embedding 4;/m);
    expect(result.stderr).toMatch(/% of these unknown/);
    expect(result.stderr).toMatch(/^by rule.* lr /m);
    const { stdout } = await runCli(['info', 'third'], { cwd });
    expect(stdout).toMatch(/^begun with first$/m);
    const resumed = await run(['--out', 'third', '--resume', '--init-from', 'first']);
    expect(resumed).toMatchObject({ exitCode: 0 });
    const other = await run(['--out', 'third', '--resume', '--init-from', 'second']);
    expect(other.exitCode).toBe(2);
    expect(other.stderr).toContain('--init-from: expected first, as the run to resume has it');
  });

  test.each([
    [['--hidden', '9'], /--hidden: expected 8, as the model of --init-from has it, found 9/],
    [['--tokenizer', 'word'], /--tokenizer: expected char, as the model of --init-from has it/],
    [['--init-from', 'nowhere'], /expected a run or a checkpoint, found no directory at nowhere/],
  ])('refuses %j', async ([flag, value], message) => {
    const given = ['--init-from', 'first', '--max-steps', '1', '--out', 'refused', flag!, value!];
    const result = await run(given);
    expect(result.exitCode).toBeGreaterThan(0);
    expect(result.stderr).toMatch(message);
  });

  test('refuses what the model that it brings cannot have', async () => {
    await trainTiny(cwd, ['--out', 'batch', '--max-steps', '2', '--norm', 'batch']);
    const asked = ['--init-from', 'batch', '--optimizer', 'nt-asgd', '--max-steps', '1'];
    const result = await run([...asked, '--out', 'refused']);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain('expected at most one of --optimizer nt-asgd and --norm batch');
  });

  test('--print-config says what comes from the checkpoint, in a file that means the same', async () => {
    const flags = ['--init-from', 'first', '--max-steps', '3'];
    const { stdout } = await run([...flags, '--print-config']);
    expect(stdout).toMatch(/^hiddenSize = 8 +# checkpoint$/m);
    expect(stdout).toMatch(/^tokenizer = "char" +# checkpoint$/m);
    expect(stdout).toMatch(/^learningRate = \S+ +# rule$/m);
    writeFileSync(join(cwd, 'same.toml'), stdout);
    const again = await run(['--config', 'same.toml', '--print-config']);
    const values = (text: string) => text.replaceAll(/ +#.*$/gm, '');
    expect(values(again.stdout)).toBe(values(stdout));
  });

  test('is what --find-lr begins with, too', async () => {
    const lossOf = async (...begin: string[]) => {
      const args = ['train', 'corpus.txt', ...begin, '--find-lr', '--json', '--backend', 'wasm'];
      const { stdout } = await runCli(args, { cwd });
      return (JSON.parse(stdout.split('\n', 1)[0]!) as { loss: number }).loss;
    };
    // A new model knows how frequent characters are.
    expect(await lossOf('--init-from', 'first')).toBeLessThan((await lossOf()) - 0.1);
  });
});
