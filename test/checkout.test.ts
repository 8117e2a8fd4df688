/** The checkout as `npm ci` leaves it. */
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyCheckout, ROOT, readManifest, run, runWell } from './support/checkout.ts';

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

interface Lock {
  packages: Record<
    string,
    {
      dev?: boolean;
      link?: boolean;
      resolved?: string;
      hasInstallScript?: boolean;
      optionalDependencies?: Record<string, string>;
    }
  >;
}

let scratch: string;
/** A copy of the checkout. */
let checkout: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'gru-lm-checkout-'));
  checkout = join(scratch, 'checkout');
  await copyCheckout(checkout);
}, 120_000);

afterAll(() => rm(scratch, { recursive: true, force: true }));

describe('a checkout', () => {
  it('whose dependencies are missing says what to run', async () => {
    const result = await run(process.execPath, ['bin/gru-lm.js', '--version'], checkout);
    expect(result).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'error: the dependencies of this checkout are not installed.\n  Run npm ci in it first.\n',
    });
  });

  it.each([
    {
      release: '20.11.1',
      code: 1,
      stderr: 'error: gru-lm needs Node.js 20.12 or newer; this is v20.11.1.\n',
    },
    { release: '20.12.0', code: 0, stderr: '' },
    { release: '100.0.0', code: 0, stderr: '' },
  ])('says on Node.js $release whether that is new enough', async ({ release, code, stderr }) => {
    const versions = `{ ...process.versions, node: '${release}' }`;
    const pretended = `Object.defineProperties(process, { version: { value: 'v${release}' }, versions: { value: ${versions} } })`;
    const preload = `data:text/javascript,${encodeURIComponent(pretended)}`;
    const args = ['--import', preload, 'bin/gru-lm.js', '--version'];
    const result = await run(process.execPath, args, ROOT);
    expect(result).toMatchObject({ code, stderr });
  });

  it('runs its own command line by npx, which asks for nothing and fetches nothing', async () => {
    await symlink(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
    const stdout = await runWell('npx', ['gru-lm', '--version'], checkout, {
      npm_config_cache: join(scratch, 'npm-cache'),
      npm_config_offline: 'true',
    });
    expect(stdout).toBe(`${version}\n`);
  });

  it('has a lock file that is complete on every platform and names no registry', async () => {
    const { packages } = JSON.parse(
      await readFile(join(ROOT, 'package-lock.json'), 'utf8'),
    ) as Lock;
    const paths = Object.keys(packages);
    const absent = Object.values(packages)
      .flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies))
      .filter((name) => !paths.some((path) => path.endsWith(`node_modules/${name}`)));
    expect(absent).toEqual([]);
    const addresses = Object.values(packages).filter(({ link, resolved }) => resolved && !link);
    expect(addresses).toEqual([]);
  });

  it('allows no dependency an install script, and needs none to run', async () => {
    const { packages } = JSON.parse(
      await readFile(join(ROOT, 'package-lock.json'), 'utf8'),
    ) as Lock;
    const withScript = Object.entries(packages).filter(([, entry]) => entry.hasInstallScript);
    const names = withScript.map(([path]) => path.replace(/^.*node_modules\//, ''));
    const manifest = await readManifest(ROOT);
    expect(manifest.allowScripts).toEqual(Object.fromEntries(names.map((name) => [name, false])));
    expect(withScript.filter(([, { dev }]) => !dev)).toEqual([]);
  });
});

describe('the version of package.json', () => {
  it('is that of the newest heading in the changelog, and of the lock file', async () => {
    const changelog = await readFile(join(ROOT, 'CHANGELOG.md'), 'utf8');
    expect(/^## (\S+)/m.exec(changelog)?.[1]).toBe(version);
    const lock = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8'));
    expect([lock.version, lock.packages[''].version]).toEqual([version, version]);
  });
});
