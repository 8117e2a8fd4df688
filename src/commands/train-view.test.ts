import { afterEach, describe, expect, it, vi } from 'vitest';
import type { TrainOptions } from '../config/train-options.ts';
import type { HistoryRow } from '../journal/history-rows.ts';
import type { Preflight } from '../training/preflight.ts';
import type { StartInfo } from './preflight-view.ts';
import { SMALL_DATA, SMALL_OPTIONS } from './testing/small-run.ts';
import { startView, type TrainView } from './train-view.ts';

afterEach(() => vi.restoreAllMocks());

const SIZE = { tokens: 9, unknown: 0, characters: 9, bytes: 9, documents: 1 };

/** What `show` writes, of a run that goes on from step 6. */
function written(
  given: Partial<TrainOptions>,
  past: readonly HistoryRow[],
  show: (view: TrainView) => void,
): { stdout: string; stderr: string } {
  const options = { ...SMALL_OPTIONS, ...given };
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[name], 'write').mockImplementation((piece) => {
      text[name] += piece;
      return true;
    });
  }
  const view = startView(options);
  view.start({
    ...{ directory: 'runs/here', options, byRule: {}, record: SMALL_DATA, vocabularySize: 5 },
    ...{ train: SIZE, valid: SIZE, notices: [], initialPath: undefined },
    preflight: options.json ? ({ warnings: [] } as unknown as Preflight) : undefined,
    ...{ backend: { name: 'wasm', tfjsName: 'wasm', description: 'WebAssembly', refusals: [] } },
    ...{ resumedAtStep: 6, past },
  } satisfies StartInfo);
  show(view);
  view.stop();
  return text;
}

const end = (bestStep: number) =>
  ({ type: 'end', step: 6, elapsedSeconds: 1, bestNatsPerToken: 2, bestStep }) as const;

describe('the JSON of a run', () => {
  it('names its directory also where nothing of this session is saved', () => {
    const { stdout } = written({ json: true }, [], (view) => {
      view.event({ type: 'stopped', step: 6 });
      view.event(end(6));
    });
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(events.slice(-2)).toEqual([
      { event: 'stopped', step: 6, path: 'runs/here' },
      expect.objectContaining({ event: 'end', step: 6, path: 'runs/here' }),
    ]);
  });
});

describe('a run that goes on and is at its end', () => {
  const validations = (...steps: number[]) => steps.map((step) => ({ step, validNats: 3 }));
  const NO_BUDGET =
    'nothing was left to do: give it more with --max-steps, --epochs or --max-time\n';
  const NO_PATIENCE =
    'nothing was left to do: --patience 2 ended the run, for so many validations brought nothing ' +
    'better: give it a larger --patience\n';

  it('says that its budget is used up', () => {
    const rows = [{ step: 1 }, ...validations(2, 4), { step: 5 }, ...validations(6)];
    expect(written({}, rows, (view) => view.event(end(2))).stderr).toContain(NO_BUDGET);
    const some = { patience: 3 };
    expect(written(some, rows, (view) => view.event(end(2))).stderr).toContain(NO_BUDGET);
  });

  it('says that its patience is', () => {
    const rows = [{ step: 1 }, ...validations(2, 4), { step: 5 }, ...validations(6)];
    const { stderr } = written({ patience: 2 }, rows, (view) => view.event(end(2)));
    expect(stderr).toContain(NO_PATIENCE);
  });

  it('counts the validation that was still to be made', () => {
    const { stderr } = written({ patience: 2 }, validations(2, 4), (view) => {
      view.event({ type: 'eval', step: 6, natsPerToken: 3, isBest: false });
      view.event(end(2));
    });
    expect(stderr).toContain(NO_PATIENCE);
  });
});
