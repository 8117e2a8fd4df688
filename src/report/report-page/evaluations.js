/** The tables of evaluations: one for each text that was scored in one way. */

import { data, element, figure, made, whole } from './data.js';
import { table } from './tables.js';

/** @typedef {import('./data.js').Evaluation} Evaluation */

/** @type {{ title: string, of: keyof Evaluation['figures'], digits: number }[]} */
const FIGURES = [
  { title: 'Perplexity', of: 'perplexity', digits: 4 },
  { title: 'without <unk>', of: 'perplexityWithoutOov', digits: 4 },
  { title: 'per word', of: 'perplexityPerWord', digits: 4 },
  { title: 'Nats/token', of: 'natsPerToken', digits: 5 },
  { title: 'Bits/character', of: 'bitsPerCharacter', digits: 5 },
  { title: 'Bits/byte', of: 'bitsPerByte', digits: 5 },
];

export function showEvaluations() {
  element('evaluations-section').hidden = data.evaluations.length === 0;
  /** @type {Map<string, Evaluation[]>} */
  const groups = new Map();
  for (const row of data.evaluations) {
    const key = `${row.text}: ${row.convention}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  for (const [caption, rows] of groups) {
    const [{ text = '', convention = '' } = {}] = rows;
    const all = table(
      caption,
      [
        { title: 'Model', isWide: true, cell: (/** @type {Evaluation} */ { name }) => name },
        ...FIGURES.map(({ title, of: what, digits }) => ({
          title,
          isNumber: true,
          cell: (/** @type {Evaluation} */ { figures }) => figure(figures[what], digits),
        })),
        {
          title: 'Tokens',
          isNumber: true,
          cell: ({ figures }) => (figures.tokens === null ? '–' : whole(figures.tokens)),
        },
      ],
      rows,
    );
    // It stands above, where it does not go aside with a table that is too wide.
    all.querySelector('caption')?.classList.add('hidden');
    element('evaluations').append(made('h3', '', text), made('p', 'note', convention), all);
  }
}
