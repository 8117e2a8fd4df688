/** What of a page is hard to use without eyes, without a mouse, or with eyes that see little: axe-core's rules. */
import axe from 'axe-core';
import type { Page } from './chromium.ts';

interface Violation {
  id: string;
  help: string;
  nodes: { target: string[]; failureSummary: string }[];
}

/**
 * What breaks axe-core's rules on a page as it is shown now, each as `rule: where: what is wrong`; other views
 * (dark, narrow, with a menu open) are to be asked for one by one. Rules that need a person's eye are left out.
 */
export async function accessibilityViolations(page: Page): Promise<string[]> {
  // An expression of the debugger's is not bound by the page's own security policy.
  await page.evaluate(`${axe.source}; undefined`);
  const violations = await page.evaluate<Violation[]>(
    `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
      violations.map(({ id, help, nodes }) => ({
        id, help, nodes: nodes.map(({ target, failureSummary }) => ({ target: target.flat(), failureSummary })),
      })))`,
  );
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => {
      const summary = failureSummary.replaceAll(/\s+/g, ' ');
      return `${id}: ${target.join(' ')}: ${help}. ${summary}`;
    }),
  );
}
