import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { trainOptions } from '../src/config/train-options.ts';
import {
  type JsonLine,
  jsonLines,
  lastCheckpoint,
  runCli,
  sampleText,
  TINY,
  temporaryDirectory,
  trainTiny,
  whenShown,
  writeCorpus,
} from './cli-process.ts';

const cwd = temporaryDirectory();

/** `gru-lm info --json` of a run. */
async function infoOf(run?: string): Promise<Record<string, Record<string, unknown>>> {
  const { stdout } = await runCli(['info', ...(run ? [run] : []), '--json'], { cwd });
  return JSON.parse(stdout) as Record<string, Record<string, unknown>>;
}

beforeAll(() => writeCorpus(cwd));

describe('where a run goes and what it records', () => {
  test('a run is kept under checkpoints, by the name of its corpus', async () => {
    const events = await trainTiny(cwd);
    expect(events.at(-1)).toMatchObject({ event: 'end', step: 20, path: 'checkpoints/corpus' });
    expect(existsSync(join(cwd, 'checkpoints/corpus/run.json'))).toBe(true);
  });

  test('info lists the tensors, the data and the history; --json gives the same', async () => {
    const { stdout, stderr, exitCode } = await runCli(['info'], { cwd });
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(stdout).toMatch(/^checkpoints\/corpus\/step-\S+ {2}step 20, saved /);
    expect(stdout).toMatch(/^gru\.weight_hh_l0 +24 × 8 +192$/m);
    expect(stdout).toMatch(/^data +corpus\.txt \(2\.1 kB, SHA-256 \w{12}…\)$/m);
    expect(stdout).toMatch(/^ +20 +1 .* best$/m);
    const json = await infoOf();
    const sizes = json.tensors as unknown as { shape: number[] }[];
    const parameters = sizes.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    expect(json).toMatchObject({
      step: 20,
      parameters,
      tokenizer: { kind: 'char' },
      model: { hiddenSize: 8, embeddingSize: 4, layers: 1, gruVariant: 'reset-after' },
      options: { bptt: 8, batchSize: 4, seed: 1 },
      run: { finished: true, best: { step: 20 } },
    });
    expect(json.history).toHaveLength(2);
  });

  test('the same seed gives the same losses; --overwrite replaces the run', async () => {
    const losses = (events: JsonLine[]) => events.map(({ loss }) => loss).filter(Boolean);
    const first = await trainTiny(cwd, ['--out', 'twice', '--max-steps', '5']);
    const second = await trainTiny(cwd, ['--out', 'twice', '--max-steps', '5', '--overwrite']);
    expect(losses(second)).toHaveLength(5);
    expect(losses(second)).toEqual(losses(first));
    const flags = ['--max-steps', '4', '--overwrite', '--seed', '2'];
    expect(losses(await trainTiny(cwd, ['--out', 'twice', ...flags]))[0]).not.toBe(
      losses(first)[0],
    );
    expect(readdirSync(join(cwd, 'twice')).filter((name) => name.startsWith('step-'))).toHaveLength(
      1,
    );
    expect(await infoOf('twice')).toMatchObject({ step: 4, options: { seed: 2 } });
  });
});

describe.concurrent('texts', () => {
  test('standard input is a corpus, named stdin', async () => {
    const { stdout, exitCode } = await runCli(
      ['train', '-', ...TINY, '--max-steps', '2', '--backend', 'wasm', '--json'],
      { cwd, input: sampleText() },
    );
    expect(exitCode).toBe(0);
    expect(jsonLines(stdout).at(-1)).toMatchObject({ event: 'end', path: 'checkpoints/stdin' });
  });

  test('several files, one of them gzip, are one corpus; --valid and --test are apart', async () => {
    writeFileSync(join(cwd, 'more.txt.gz'), gzipSync(sampleText()));
    writeFileSync(join(cwd, 'valid.txt'), 'the dog jumps over the red fox\n'.repeat(3));
    const flags = ['--valid', 'valid.txt', '--test', 'valid.txt', '--out', 'several'];
    const events = await trainTiny(cwd, ['more.txt.gz', ...flags, '--max-steps', '2']);
    expect(events[0]).toMatchObject({
      // One token stands between the two.
      trainTokens: 2 * sampleText().length + 1,
      validTokens: 3 * 31,
    });
    const { data } = await infoOf('several');
    expect(data?.corpus).toMatchObject([{ name: 'corpus.txt' }, { name: 'more.txt.gz' }]);
    const evaluated = await runCli(
      ['eval', 'several', '--split', 'test', '--json', '--backend', 'wasm'],
      { cwd },
    );
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ split: 'test', tokens: 3 * 31 - 1 });
  });

  test('words are tokens with --tokenizer word, as many as --vocab-size lets in', async () => {
    const flags = ['--tokenizer', 'word', '--vocab-size', '10', '--out', 'words'];
    const events = await trainTiny(cwd, [...flags, '--max-steps', '2']);
    expect(events[0]).toMatchObject({ vocabularySize: 10 });
    expect(await infoOf('words')).toMatchObject({
      tokenizer: { kind: 'word', vocabularySize: 10 },
    });
  });
});

test('--preset seed sets what it says, and options over it count', async () => {
  const flags = ['--preset', 'seed', '--max-steps', '2', '--out', 'preset', '--valid-split', '0.3'];
  const events = await trainTiny(cwd, flags);
  expect(events[0]).toMatchObject({
    options: {
      tokenizer: 'word',
      vocabularySize: 10_000,
      gruVariant: 'reset-after',
      hiddenSize: 8,
    },
  });
  expect(await infoOf('preset')).toMatchObject({ options: { tokenizer: 'word', hiddenSize: 8 } });
});

test('what is not given follows from the text, is told, and stays as it is on --resume', async () => {
  const byRule = {
    embeddingSize: 64,
    hiddenSize: 64,
    layers: 1,
    dropout: 0.1,
    dropoutEmbedding: 0,
    batchSize: 3,
    learningRate: 0.0075,
    tied: false,
    residual: false,
    wordFeatures: false,
    outputBias: 'frequencies',
    ema: 0.998,
    gruVariant: 'reset-after',
    optimizer: 'adam',
    precision: 'float32',
  };
  const always = [
    'train',
    'corpus.txt',
    '--backend',
    'wasm',
    '--sample-every',
    '0',
    '--out',
    'ruled',
  ];
  const flags = [...always, '--lr', '0.0075', '--max-steps', '2'];
  const { learningRate, ...ruled } = byRule;
  const { stdout } = await runCli([...flags, '--json'], { cwd });
  expect(jsonLines(stdout)[0]).toMatchObject({ byRule: ruled, options: byRule });
  expect(await infoOf('ruled')).toMatchObject({ options: byRule });

  // So much time would make another model of it.
  const resumed = await runCli([...always, '--resume', '--max-steps', '40', '--json'], { cwd });
  const [start] = jsonLines(resumed.stdout);
  expect(start).toMatchObject({ byRule: {}, options: byRule, resumedAtStep: 2 });

  const shown = await runCli([...flags, '--overwrite'], { cwd });
  expect(shown.stderr).toContain(
    '\nby rule   embedding 64; hidden 64; layers 1; dropout 0.1; batch-size 3;\n' +
      '          output-bias frequencies; ema 0.998; gru-variant reset-after;\n' +
      '          optimizer adam; precision float32\n',
  );
});

describe('ways to train', () => {
  const decays = trainOptions.learningRateDecay.choices;
  const optimizers = trainOptions.optimizer.choices;
  const ways = Array.from({ length: Math.max(decays.length, optimizers.length) }, (_, i) => [
    ...['--optimizer', optimizers[i % optimizers.length]!],
    ...['--lr-decay', decays[i % decays.length]!],
  ]);

  test.concurrent.for(
    [
      ...ways,
      ['--gru-variant', 'reset-before', '--dropout', '0.1', '--layers', '2', '--grad-accum', '2'],
      ['--cell', 'lstm', '--layers', '2', '--bptt-schedule', 'random', '--norm', 'layer'],
      ['--cell', 'rnn', '--activation', 'leaky-relu', '--layers', '2', '--bptt-schedule', 'grow'],
      ['--cell', 'mingru', '--layers', '2', '--bptt', '7', '--ema', '0.9'],
      ['--tokenizer', 'word', '--word-features'],
      ['--activation', 'relu', '--residual', '--layers', '2', '--norm', 'batch'],
      ['--attention', '--layers', '2', '--attention-span', '5', '--grad-accum', '2'],
      [
        ...['--tied', '--weight-drop', '0.2', '--dropout', '0.2', '--dropout-embedding', '0.1'],
        ...['--dropout-output', '0.3', '--activation-reg', '1', '--temporal-reg', '1'],
        ...['--ema', '0.9', '--patience', '2', '--optimizer', 'sgd', '--momentum', '0.5'],
      ],
    ].map((flags) => [flags.join(' '), flags] as const),
  )('%s', async ([, flags]) => {
    const events = await trainTiny(cwd, [...flags, '--out', flags.join('').slice(2)]);
    expect(events.at(-1)).toMatchObject({ event: 'end', step: 20 });
    const losses = events.filter(({ event }) => event === 'step').map(({ loss }) => loss as number);
    expect(Math.max(...losses)).toBeLessThan(4);
  });

  test.concurrent('--max-time ends it, the learning rate having decayed over it', async () => {
    const events = await trainTiny(cwd, ['--out', 'timed', '--max-time', '1.5s', '--warmup', '0']);
    const end = events.at(-1) as unknown as { elapsedSeconds: number };
    expect(end.elapsedSeconds).toBeGreaterThanOrEqual(1.5);
    const rates = events
      .filter(({ event }) => event === 'step')
      .map(({ learningRate }) => learningRate as number);
    // How far the first and the last are along hangs on how fast the machine is just now.
    expect(rates[0]).toBeLessThanOrEqual(0.01);
    expect(rates).toEqual(rates.toSorted((a, b) => b - a));
    expect(rates.at(-1)).toBeLessThan(0.01 / 2);
  });

  test.concurrent('--epochs ends it; --clip-value bounds the norms', async () => {
    const flags = ['--epochs', '0.5', '--clip-value', '0.000001', '--clip-norm', '0.5'];
    const events = await trainTiny(cwd, ['--out', 'passes', ...flags]);
    const steps = events.filter(({ event }) => event === 'step');
    expect(steps.at(-1)?.epoch).toBeCloseTo(0.5, 1);
    for (const { gradientNorm } of steps) expect(gradientNorm).toBeLessThan(1e-3);
  });
});

test('--softmax adaptive is kept: info, eval, sample and --resume know it', async () => {
  const flags = ['--tokenizer', 'word', '--softmax', 'adaptive', '--warmup', '0'];
  const train = (out: string, ...more: string[]) =>
    trainTiny(cwd, [...flags, '--lr-decay', 'none', '--out', out, ...more]);
  const events = await train('adaptive');
  const [start] = events;
  expect(start).toMatchObject({ vocabularySize: 24 });

  const { model, tensors } = await infoOf('adaptive');
  expect(model).toMatchObject({ softmaxCutoffs: [3, 8] });
  expect(tensors).toContainEqual({ name: 'fc.tail.1.1.weight', shape: [16, 1] });
  const { stdout } = await runCli(['info', 'adaptive'], { cwd });
  expect(stdout).toContain('word, vocabulary 24; reset-after, adaptive softmax cut at 3 and 8, ');
  expect(stdout).toMatch(/^fc\.head\.weight +5 × 8 +40$/m);

  const evaluated = await runCli(['eval', 'adaptive', '--json', '--backend', 'wasm'], { cwd });
  const validated = events.filter(({ event }) => event === 'eval').at(-1);
  const { natsPerToken } = JSON.parse(evaluated.stdout) as { natsPerToken: number };
  expect(natsPerToken).toBeCloseTo(validated!.natsPerToken as number, 5);
  const sampled = await runCli(
    ['sample', 'adaptive', '--length', '9', '--json', '--backend', 'wasm'],
    { cwd },
  );
  expect(JSON.parse(sampled.stdout)).toMatchObject({ tokens: 9 });

  await train('adaptive-apart', '--max-steps', '10');
  const args = ['train', 'corpus.txt', '--resume', '--out', 'adaptive-apart', '--max-steps', '20'];
  const resumed = await runCli([...args, '--backend', 'wasm'], { cwd });
  expect(resumed.exitCode).toBe(0);
  const [whole, apart] = ['adaptive', 'adaptive-apart'].map((out) =>
    readFileSync(join(lastCheckpoint(join(cwd, out)), 'weights.safetensors')),
  );
  expect(apart!.equals(whole!)).toBe(true);

  const wrong = ['--softmax-cutoffs', '9,24', '--out', 'refused', '--backend', 'wasm'];
  const refused = await runCli(['train', 'corpus.txt', ...flags, ...TINY, ...wrong], { cwd });
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toContain('expected numbers below the vocabulary’s size, 24, found 24');
  expect(existsSync(join(cwd, 'refused'))).toBe(false);
});

describe('--find-lr', () => {
  test('shows what learning rates do, suggests one, and writes no run', async () => {
    const flags = [...TINY, '--find-lr', '--backend', 'wasm', '--out', 'tried'];
    const result = await runCli(['train', 'corpus.txt', ...flags], { cwd });
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.stdout).toMatch(/ │ *•/);
    expect(result.stdout).toMatch(/^--lr 0\.\d+: a tenth of where the loss was lowest$/m);
    expect(result.stderr).toMatch(/^model +1 × GRU 8, embedding 4\nsteps +of 32 tokens$/m);
    expect(existsSync(join(cwd, 'tried'))).toBe(false);

    const json = await runCli(['train', 'corpus.txt', ...flags, '--json'], { cwd });
    const events = jsonLines(json.stdout);
    expect(events.slice(0, -1).every(({ event }) => event === 'rate')).toBe(true);
    const [, suggested] = /^--lr (\S+):/m.exec(result.stdout)!;
    expect(events.at(-1)).toEqual({ event: 'end', suggestedLearningRate: Number(suggested) });
    const both = await runCli(['train', 'corpus.txt', ...flags, '--resume'], { cwd });
    expect(both.exitCode).toBe(2);
  });
});

describe('a run that diverges', () => {
  const wild = ['--optimizer', 'sgd', '--clip-norm', '0', '--warmup', '0', '--lr-decay', 'none'];
  const flags = (out: string, learningRate: string) => [
    ...['train', 'corpus.txt', ...TINY, ...wild, '--lr', learningRate, '--max-steps', '12'],
    ...['--eval-every', '4', '--backend', 'wasm', '--out', out],
  ];

  test.concurrent('goes back with half the rate and says so, three times at most', async () => {
    const result = await runCli([...flags('diverged', '1e30'), '--json'], { cwd });
    expect(result.exitCode).toBe(1);
    const events = jsonLines(result.stdout);
    expect(events.filter(({ event }) => event === 'rollback')).toMatchObject([
      { event: 'rollback', step: 2, toStep: 0, found: 'loss NaN', rateShare: 0.5 },
      { event: 'rollback', rateShare: 0.25 },
      { event: 'rollback', rateShare: 0.125 },
    ]);
    expect(result.stderr).toMatch(
      /^error: step 2: expected finite numbers, found loss NaN, after going back 3 times, .*\n {2}Nothing was saved\. Begin again with a smaller --lr, /,
    );
    expect(existsSync(join(cwd, 'diverged'))).toBe(false);
  });

  test.concurrent('leaves steps out with --on-nan skip, and ends after ten in a row', async () => {
    const args = [...flags('skipped', '1e30'), '--on-nan', 'skip', '--eval-every', '40'];
    const result = await runCli([...args, '--quiet'], { cwd });
    expect(result).toMatchObject({ exitCode: 1, stdout: '' });
    expect(result.stderr).toMatch(/^step 2: loss NaN; the step was left out\nstep 3: loss NaN; /);
    expect(result.stderr).toMatch(/\nerror: step 11: .*, the last 10 steps having been left out\n/);
  });

  test.concurrent('names what was saved before', async () => {
    const out = ['--out', 'before'];
    await trainTiny(cwd, [...out, ...wild, '--lr', '0.1', '--max-steps', '4']);
    const args = ['train', 'corpus.txt', '--resume', ...out, '--backend', 'wasm', '--lr', '1e30'];
    const result = await runCli([...args, '--on-nan', 'stop', '--max-steps', '9'], { cwd });
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain('What was saved before is whole: before/step-00000004. ');
  });
});

describe('a save that fails', () => {
  const flags = ['train', 'corpus.txt', ...TINY, '--backend', 'wasm', '--json'];
  /** Puts a file where the run's directory was, once a step is reported. */
  const block = (out: string, mend: boolean) => {
    const path = join(cwd, out);
    const atStep = whenShown('"event":"step","step":3,', () => {
      renameSync(path, `${path}-moved`);
      writeFileSync(path, '');
    });
    const atWarning = whenShown('"event":"warning"', () => {
      if (mend) rmSync(path);
    });
    return (output: string, child: ChildProcess) => {
      atStep(output, child);
      atWarning(output, child);
    };
  };

  test.concurrent('in the middle is reported, and the run goes on', async () => {
    const args = [...flags, '--out', 'mended', '--max-steps', '300', '--save-every', '20'];
    const result = await runCli(args, { cwd, onOutput: block('mended', true) });
    expect(result.exitCode).toBe(0);
    const events = jsonLines(result.stdout);
    expect(events.find(({ event }) => event === 'warning')?.message).toMatch(
      /^step 20 is not saved: expected .*, found mended: /,
    );
    expect(events.at(-1)).toMatchObject({ event: 'end', step: 300, path: 'mended' });
    expect(lastCheckpoint(join(cwd, 'mended'))).toMatch(/step-00000300$/);
  });

  test.concurrent('at the end is an error', async () => {
    const args = [...flags, '--out', 'lost', '--max-steps', '30', '--save-every', '100'];
    const result = await runCli(args, { cwd, onOutput: block('lost', false) });
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/^error: expected .*, found lost: /);
    expect(jsonLines(result.stdout).at(-1)?.event).not.toBe('end');
  });
});

test('the checkpoint that is called last is there', () => {
  expect(existsSync(join(lastCheckpoint(join(cwd, 'checkpoints/corpus')), 'config.json'))).toBe(
    true,
  );
});
