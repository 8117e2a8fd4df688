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

const UNLIKE_TOKENS =
  'Tokens differ between these models, so their perplexities and nats a token cannot be compared: ' +
  'gru-lm compare measures them on the same text.';

export function showEvaluations() {
  element('evaluations-section').hidden = data.evaluations.length === 0;
  /** @type {Map<string, Evaluation[]>} */
  const groups = new Map();
  for (const row of data.evaluations) {
    const key = `${titleOf(row)}: ${row.convention}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  for (const [caption, rows] of groups) {
    const first = /** @type {Evaluation} */ (rows[0]);
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
    element('evaluations').append(
      made('h3', '', titleOf(first)),
      made('p', 'note', first.convention),
    );
    if (new Set(rows.map(({ tokenizerId }) => tokenizerId)).size > 1) {
      element('evaluations').append(made('p', 'note', UNLIKE_TOKENS));
    }
    element('evaluations').append(all);
  }
}

/** What the text is called, with a number where others are called the same. */
function titleOf(/** @type {Evaluation} */ { text, textId }) {
  const same = data.evaluations.filter((row) => row.text === text);
  const ids = [...new Set(same.map((row) => row.textId))];
  return ids.length === 1 ? text : `${text}, text ${ids.indexOf(textId) + 1} of ${ids.length}`;
}
