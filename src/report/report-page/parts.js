/** What is told of runs in words and tables. */

import { clock, element, figure, isOne, made, of, runs, size, whole } from './data.js';
import { details, table } from './tables.js';

/** @typedef {import('./data.js').Run} Run */

const allSettings = /** @type {HTMLInputElement} */ (element('all-settings'));

export function showValidations() {
  for (const run of runs) {
    const rows = table(
      isOne ? 'Each validation' : `${run.name} validations`,
      [
        {
          title: 'Step',
          isNumber: true,
          cell: (/** @type {import('./data.js').Validation} */ { step }) => whole(step),
        },
        { title: 'Passes', isNumber: true, cell: ({ epoch }) => figure(epoch, 3) },
        { title: 'Time', isNumber: true, cell: ({ seconds }) => clock(seconds) },
        { title: 'Training', isNumber: true, cell: ({ trainLoss }) => figure(trainLoss, 5) },
        { title: 'Validation', isNumber: true, cell: ({ nats }) => figure(nats, 5) },
        { title: 'Perplexity', isNumber: true, cell: ({ nats }) => figure(Math.exp(nats)) },
        { title: 'Best', cell: ({ step }) => (step === run.best?.step ? 'best' : '') },
      ],
      run.validations,
    );
    const home = element('validations');
    if (run.validations.length === 0)
      home.append(made('p', 'note', of(run, 'was not validated yet.')));
    else home.append(isOne ? rows : details(run.name, rows));
  }
}

/**
 * @param {Run} run
 * @param {Run['samples'][0]} sample
 */
function sampleOf(run, { step, text }) {
  const validation = run.validations.find((one) => one.step === step);
  const loss = validation ? `, validation ${figure(validation.nats)}` : '';
  const quote = made('pre', '', text);
  quote.tabIndex = 0;
  quote.setAttribute('role', 'region');
  quote.setAttribute('aria-label', `${of(run, 'sample')} of step ${whole(step)}`);
  return made('figure', '', made('figcaption', '', `Step ${whole(step)}${loss}`), quote);
}

export function showSamples() {
  for (const run of runs) {
    const home = element('samples');
    if (!isOne) home.append(made('h3', '', run.name));
    const last = run.samples.at(-1);
    if (!last) {
      home.append(made('p', 'note', 'No samples were made.'));
      continue;
    }
    home.append(sampleOf(run, last));
    const earlier = run.samples.slice(0, -1).map((sample) => sampleOf(run, sample));
    if (earlier.length === 0) continue;
    home.append(details(`${earlier.length} earlier, the first one first`, ...earlier));
  }
}

export function showSettings() {
  const flags = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))];
  const value = (/** @type {Run} */ { settings }, /** @type {string} */ flag) =>
    settings[flag] ?? '–';
  const differing = flags.filter((flag) => new Set(runs.map((run) => value(run, flag))).size > 1);
  const shown = isOne || allSettings.checked ? flags : differing;
  const home = element('settings');
  if (shown.length === 0) {
    home.replaceChildren(made('p', 'note', 'All settings are the same.'));
    return;
  }
  const columns = runs.map((run) => ({
    title: isOne ? 'Value' : run.name,
    cell: (/** @type {string} */ flag) => value(run, flag),
  }));
  const caption = isOne || allSettings.checked ? 'All settings' : 'Settings that differ';
  home.replaceChildren(
    table(caption, [{ title: 'Setting', cell: (flag) => flag }, ...columns], shown),
  );
}

export function showTexts() {
  const parts = new Map([
    ['corpus', 'corpus'],
    ['valid', 'to validate'],
    ['test', 'to test'],
  ]);
  const rows = runs.flatMap((run) => run.texts.map((text) => ({ run, text })));
  element('texts').append(
    table(
      'What the runs were trained on',
      [
        ...(isOne
          ? []
          : [{ title: 'Run', cell: (/** @type {typeof rows[0]} */ { run }) => run.name }]),
        {
          title: 'Text',
          isWide: true,
          cell: (/** @type {typeof rows[0]} */ { text }) => text.name,
        },
        { title: 'As', cell: ({ text }) => parts.get(text.part) ?? '' },
        { title: 'Size', isNumber: true, cell: ({ text }) => size(text.bytes) },
        { title: 'SHA-256', cell: ({ text }) => made('code', '', text.sha256.slice(0, 16)) },
      ],
      rows,
    ),
  );
}

element('all-settings-label').hidden = isOne;
allSettings.addEventListener('change', showSettings);
