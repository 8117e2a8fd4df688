/** Puts the report on the page. */

import { LOOKS, place, swatch } from './chart.js';
import { clock, data, element, figure, isOne, made, moment, of, runs, whole } from './data.js';
import { showEvaluations } from './evaluations.js';
import { showSamples, showSettings, showTexts, showValidations } from './parts.js';
import { table } from './tables.js';

const axisChoice = /** @type {HTMLSelectElement} */ (element('axis'));
const [logX, logY, wholeRange] = ['log-x', 'log-y', 'whole'].map(
  (id) => /** @type {HTMLInputElement} */ (element(id)),
);

/** What may stand across the charts. */
const AXES = [
  { title: 'step', of: 'step', show: whole, isWhole: true },
  {
    title: 'passes over the text',
    of: 'epoch',
    isWhole: false,
    show: (/** @type {number} */ x) => x.toLocaleString('en', { maximumFractionDigits: 3 }),
  },
  { title: 'time', of: 'seconds', show: moment, isWhole: false },
];

function axis() {
  return AXES[axisChoice.selectedIndex] ?? /** @type {typeof AXES[0]} */ (AXES[0]);
}

/** @typedef {import('./data.js').Run} Run */
/** @typedef {import('./chart.js').Line} Line */

/** Points of which both values are known. */
function points(
  /** @type {(number | null | undefined)[]} */ xs,
  /** @type {(number | null | undefined)[]} */ ys,
) {
  return xs.flatMap((x, i) => {
    const y = ys[i];
    return x === null || x === undefined || y === null || y === undefined ? [] : [{ x, y }];
  });
}

/** @returns {Line[]} */
function lossLines() {
  const by = /** @type {'step' | 'epoch' | 'seconds'} */ (axis().of);
  return runs.flatMap((run, look) => [
    {
      name: of(run, 'training'),
      look,
      marks: false,
      points: points(run.steps[by], run.steps.loss),
    },
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
        {
          title: 'Perplexity',
          isNumber: true,
          cell: ({ best }) => figure(best && Math.exp(best.nats)),
        },
        { title: 'at step', isNumber: true, cell: ({ best }) => (best ? whole(best.step) : '–') },
        { title: 'Steps', isNumber: true, cell: ({ step }) => whole(step) },
        { title: 'Passes', isNumber: true, cell: ({ epoch }) => figure(epoch, 3) },
        { title: 'Time', isNumber: true, cell: ({ elapsedSeconds }) => clock(elapsedSeconds) },
        { title: 'Finished', cell: ({ finished }) => (finished ? 'yes' : 'not yet') },
        { title: 'Parameters', isNumber: true, cell: ({ parameters }) => whole(parameters) },
        { title: 'Tokens', isWide: true, cell: ({ tokens }) => tokens },
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
    wholeX: axis().isWhole,
    lines: lossLines(),
    height: 380,
    logX: logX?.checked ?? false,
    logY: logY?.checked ?? false,
    cutsSteep: !wholeRange?.checked,
  }));
  for (const control of [axisChoice, logX, logY, wholeRange])
    control?.addEventListener('change', redraw);
  const most = Math.max(...runs.map(({ steps }) => steps.together));
  const note = most > 1 ? ` Each point of training is the mean of up to ${whole(most)} steps.` : '';
  element('losses').append(
    made('p', 'note', `Lines with marks are validations, lines without are training.${note}`),
  );
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
      wholeX: true,
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

showHeader();
showOverview();
showLegend();
showLosses();
showValidations();
showEvaluations();
showSamples();
showOthers();
showSettings();
showTexts();
