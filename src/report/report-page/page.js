/** Puts the report on the page. */

import { LOOKS, place, swatch } from './chart.js';
import { clock, data, element, figure, made, runs, size, whole } from './data.js';
import { details, table } from './tables.js';

const isOne = runs.length === 1;
const axisChoice = /** @type {HTMLSelectElement} */ (element('axis'));
const [logX, logY, wholeRange, allSettings] = ['log-x', 'log-y', 'whole', 'all-settings'].map(
  (id) => /** @type {HTMLInputElement} */ (element(id)),
);

/** What may stand across the charts. */
const AXES = [
  { title: 'step', of: 'step', show: whole },
  { title: 'passes over the text', of: 'epoch', show: (/** @type {number} */ x) => figure(x, 3) },
  { title: 'time', of: 'seconds', show: clock },
];

function axis() {
  return AXES[axisChoice.selectedIndex] ?? /** @type {typeof AXES[0]} */ (AXES[0]);
}

/** @typedef {import('./data.js').Run} Run */
/** @typedef {import('./chart.js').Line} Line */

/** Points of which both values are known. */
function points(/** @type {(number | null | undefined)[]} */ xs, /** @type {(number | null | undefined)[]} */ ys) {
  return xs.flatMap((x, i) => {
    const y = ys[i];
    return x === null || x === undefined || y === null || y === undefined ? [] : [{ x, y }];
  });
}

/** A name before what is said of a run, where there are several. */
function of(/** @type {Run} */ run, /** @type {string} */ what) {
  return isOne ? what : `${run.name} ${what}`;
}

/** @returns {Line[]} */
function lossLines() {
  const by = /** @type {'step' | 'epoch' | 'seconds'} */ (axis().of);
  return runs.flatMap((run, look) => [
    { name: of(run, 'training'), look, marks: false, points: points(run.steps[by], run.steps.loss) },
    {
      name: of(run, 'validation'),
      look,
      marks: true,
      points: points(
        run.validations.map((one) => one[by]),
        run.validations.map(({ nats }) => nats),
      ),
    },
  ]);
}

function showHeader() {
  const when = data.created.slice(0, 16).replace('T', ' ');
  element('title').textContent = isOne ? `Training of ${runs[0]?.name}` : `${runs.length} runs`;
  element('made').textContent = `By gru-lm report, ${when} UTC. Losses are in nats a token.`;
}

function showOverview() {
  element('overview').append(
    table(
      'What the runs came to',
      [
        { title: 'Run', cell: (/** @type {Run} */ { name }) => name },
        { title: 'Best validation', isNumber: true, cell: ({ best }) => figure(best?.nats, 5) },
        { title: 'Perplexity', isNumber: true, cell: ({ best }) => figure(best && Math.exp(best.nats)) },
        { title: 'at step', isNumber: true, cell: ({ best }) => (best ? whole(best.step) : '–') },
        { title: 'Steps', isNumber: true, cell: ({ step }) => whole(step) },
        { title: 'Passes', isNumber: true, cell: ({ epoch }) => figure(epoch, 3) },
        { title: 'Time', isNumber: true, cell: ({ elapsedSeconds }) => clock(elapsedSeconds) },
        { title: 'Finished', cell: ({ finished }) => (finished ? 'yes' : 'not yet') },
        { title: 'Parameters', isNumber: true, cell: ({ parameters }) => whole(parameters) },
        { title: 'Tokens', cell: ({ tokens }) => tokens },
      ],
      runs,
    ),
  );
  if (new Set(runs.map(({ tokens }) => tokens)).size > 1) {
    element('caution').textContent =
      'Tokens differ between these runs, so their losses and perplexities cannot be compared: ' +
      'gru-lm compare measures them on the same text.';
  }
}

function showLegend() {
  for (const [look, run] of runs.entries()) {
    for (const marks of [false, true]) {
      const name = of(run, marks ? 'validation' : 'training');
      element('legend').append(made('li', '', swatch(look, marks), name));
    }
  }
  if (runs.length > LOOKS) {
    element('legend').append(made('li', 'note', `Of more than ${LOOKS} runs, some look alike.`));
  }
}

function showLosses() {
  for (const { title } of AXES) axisChoice.append(new Option(title));
  const redraw = place(element('losses'), () => ({
    title: 'Losses',
    xTitle: axis().title,
    yTitle: 'nats a token',
    showX: axis().show,
    lines: lossLines(),
    height: 380,
    logX: logX?.checked ?? false,
    logY: logY?.checked ?? false,
    cutsSteep: !wholeRange?.checked,
  }));
  for (const control of [axisChoice, logX, logY, wholeRange]) control?.addEventListener('change', redraw);
  const most = Math.max(...runs.map(({ steps }) => steps.together));
  const note = most > 1 ? ` Each point of training is the mean of up to ${whole(most)} steps.` : '';
  element('losses').append(
    made('p', 'note', `Lines with marks are validations, lines without are training.${note}`),
  );
}

function showValidations() {
  for (const run of runs) {
    const rows = table(
      of(run, isOne ? 'Validations' : 'validations'),
      [
        { title: 'Step', isNumber: true, cell: (/** @type {import('./data.js').Validation} */ { step }) => whole(step) },
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
    if (run.validations.length === 0) home.append(made('p', 'note', of(run, 'was not validated yet.')));
    else home.append(isOne ? rows : details(run.name, rows));
  }
}

/** @param {{ step: number, text: string }} sample */
function sampleOf(/** @type {Run} */ run, { step, text }) {
  const validation = run.validations.find((one) => one.step === step);
  const loss = validation ? `, validation ${figure(validation.nats)}` : '';
  const quote = made('pre', '', text);
  quote.tabIndex = 0;
  quote.setAttribute('role', 'region');
  quote.setAttribute('aria-label', `${of(run, 'sample')} of step ${whole(step)}`);
  return made('figure', '', made('figcaption', '', `Step ${whole(step)}${loss}`), quote);
}

function showSamples() {
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

function showOthers() {
  /** @type {[string, string, 'rate' | 'norm' | 'speed'][]} */
  const charts = [
    ['Learning rate', 'learning rate', 'rate'],
    ['Gradient norm, before clipping', 'norm', 'norm'],
    ['Speed', 'tokens a second', 'speed'],
  ];
  for (const [title, yTitle, what] of charts) {
    const home = made('div', '', made('h3', '', title));
    element('others').append(home);
    place(home, () => ({
      title,
      xTitle: 'step',
      yTitle,
      showX: whole,
      lines: runs.map((run, look) => ({
        name: of(run, yTitle),
        look,
        marks: false,
        points: points(run.steps.step, run.steps[what]),
      })),
      height: 220,
    }));
  }
}

function showSettings() {
  const flags = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))];
  const value = (/** @type {Run} */ { settings }, /** @type {string} */ flag) => settings[flag] ?? '–';
  const differing = flags.filter((flag) => new Set(runs.map((run) => value(run, flag))).size > 1);
  const shown = isOne || allSettings?.checked ? flags : differing;
  const home = element('settings');
  if (shown.length === 0) {
    home.replaceChildren(made('p', 'note', 'All settings are the same.'));
    return;
  }
  const columns = runs.map((run) => ({
    title: isOne ? 'Value' : run.name,
    cell: (/** @type {string} */ flag) => value(run, flag),
  }));
  const caption = isOne || allSettings?.checked ? 'All settings' : 'Settings that differ';
  home.replaceChildren(table(caption, [{ title: 'Setting', cell: (flag) => flag }, ...columns], shown));
}

function showTexts() {
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
        ...(isOne ? [] : [{ title: 'Run', cell: (/** @type {typeof rows[0]} */ { run }) => run.name }]),
        { title: 'Text', cell: (/** @type {typeof rows[0]} */ { text }) => text.name },
        { title: 'As', cell: ({ text }) => parts.get(text.part) ?? '' },
        { title: 'Size', isNumber: true, cell: ({ text }) => size(text.bytes) },
        { title: 'SHA-256', cell: ({ text }) => made('code', '', text.sha256.slice(0, 16)) },
      ],
      rows,
    ),
  );
}

showHeader();
showOverview();
showLegend();
showLosses();
showValidations();
showSamples();
showOthers();
element('all-settings-label').hidden = isOne;
allSettings?.addEventListener('change', showSettings);
showSettings();
showTexts();
