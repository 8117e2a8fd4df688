import { readFileSync } from 'node:fs';

/** What all our pages have: colours, light and dark, those of the levels of surprise by classes; and basics. */
export function commonStyle(): string {
  return readFileSync(new URL('./inspection-page/common.css', import.meta.url), 'utf8');
}
