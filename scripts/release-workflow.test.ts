import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

const read = (path: string) => readFile(new URL(`../${path}`, import.meta.url), 'utf8');

it('the workflow that publishes runs scripts that there are, and proves where a package comes from', async () => {
  const workflow = parse(await read('.github/workflows/release.yml'));
  const { scripts } = JSON.parse(await read('package.json')) as { scripts: Record<string, string> };
  const commands = workflow.jobs.publish.steps.map(({ run }: { run?: string }) => run ?? '');
  const runs = commands.flatMap((run: string) => /^npm run (\S+)$/.exec(run)?.slice(1) ?? []);
  expect(runs).toEqual(['check', 'pack:all', 'check:package']);
  for (const name of runs) expect(scripts).toHaveProperty([name]);
  expect(commands.at(-1)).toMatch(/^npm publish "\.\/gru-lm-.*\.tgz" --provenance /);
  expect(workflow.permissions).toEqual({ contents: 'read', 'id-token': 'write' });
  expect(workflow.on).toEqual({ push: { tags: ['v*'] } });
});
