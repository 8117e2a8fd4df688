import { readFileSync } from 'node:fs';

/** The colours of our pages, light and dark: by classes those of the levels of surprise, by variables all others. */
export function levelStyle(): string {
  return readFileSync(new URL('./inspection-page/levels.css', import.meta.url), 'utf8');
}
