import { spawnSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { runChild } from './process.ts';
import { provision } from './provision.ts';
import { findPythons, requirePip } from './python.ts';
import { outOfTime, Workshop } from './testing/fake-machine.ts';

vi.mock(import('./process.ts'), async (actual) => {
  const all = await actual();
  return { ...all, runChild: vi.fn(all.runChild) };
});

const shop = new Workshop();
const wheel = shop.wheel();
const home = process.cwd();
afterEach(() => process.chdir(home));
afterAll(() => shop.remove());

describe('Python in a directory whose files are called as its modules are', () => {
  const directory = shop.directory('user');
  for (const name of ['json', 'tokenize', 'runpy', 'importlib', 'pip']) {
    shop.file(`user/${name}.py`, `raise SystemExit('${name}.py of the user was run')\n`);
  }

  const hasPip = spawnSync('python3', ['-m', 'pip', '--version']).status === 0;

  it.runIf(hasPip)('is found, and so is its pip', async () => {
    process.chdir(directory);
    const context = shop.context(wheel, { env: { GRU_LM_PYTHON: 'python3' } });
    expect(await requirePip(context)).toMatchObject({ command: 'python3' });
  });

  it.runIf(hasPip)('runs its own pip, for which paths begin there', async () => {
    process.chdir(directory);
    const env = {
      GRU_LM_PYTHON: 'python3',
      PIP_NO_INDEX: '1',
      PIP_FIND_LINKS: relative(directory, wheel.directory),
    };
    const { binding } = await provision(shop.context(wheel, { env }), 'cpu');
    expect(binding.tensorflow.source).toBe('cache');
  });

  it('may itself be named by a path that begins there', async () => {
    const python = shop.python(wheel, 'wheel');
    process.chdir(directory);
    const context = shop.context(wheel, {
      env: { GRU_LM_PYTHON: relative(directory, python) },
    });
    expect(await findPythons(context)).toHaveLength(1);
  });
});

describe('a Python that does not answer in time', () => {
  it('is not said to be missing', async () => {
    vi.mocked(runChild).mockResolvedValueOnce(outOfTime).mockResolvedValueOnce(outOfTime);
    const context = shop.context(wheel, { env: { GRU_LM_PYTHON: '' } });
    await expect(requirePip(context)).rejects.toThrow(
      'TensorFlow is fetched by pip, which needs Python 3; python3 and python did not answer within 20 seconds.',
    );
  });

  it('is told from one that cannot be run, where GRU_LM_PYTHON names it', async () => {
    vi.mocked(runChild).mockResolvedValueOnce(outOfTime);
    const python = join(shop.root, 'slow');
    const context = shop.context(wheel, { env: { GRU_LM_PYTHON: python } });
    await expect(findPythons(context)).rejects.toThrow(
      `GRU_LM_PYTHON should name a Python 3.8 or newer; "${python}" did not answer within 20 seconds.`,
    );
  });
});
