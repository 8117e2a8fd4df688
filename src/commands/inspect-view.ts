/** `gru-lm inspect` for people: a text with its surprises, the tokens that most surprised, and the units. */
import stringWidth from 'string-width';
import { updateRenews } from '../inspection/activity.ts';
import type { Alternative } from '../inspection/likeliest.ts';
import type { Saliency } from '../inspection/saliency.ts';
import { OPEN, SHUT, summariseLayer } from '../inspection/units.ts';
import { fitTo, showCells } from './columns.ts';
import { heatLegend, heatLines } from './heat-text.ts';
import { checkpointName, type Inspection } from './inspection.ts';
import { count, figure, outFields, outStyle, printLine, showInline } from './terminal.ts';

/** Where the width is not known, as in a pipe; and what a table needs at least. */
const USUAL_COLUMNS = 80;
const NARROWEST = 40;

export function showInspection(inspection: Inspection): void {
  const columns = Math.max(NARROWEST, process.stdout.columns || USUAL_COLUMNS);
  const { trace, texts } = inspection;
  printLine(
    `${outStyle.bold(showInline(inspection.label))} under ${showInline(checkpointName(inspection))}`,
  );
  printLine(totalsOf(inspection));
  printLine();
  for (const line of heatLines(texts, trace.surprises, columns, outFields)) printLine(line);
  printLine();
  printLine(heatLegend(outFields));
  showSurprising(inspection, columns);
  if (inspection.options.prompt !== undefined) {
    printLine(`\n${outStyle.bold('next')}  ${alternativesIn(trace.next, inspection, columns - 6)}`);
  }
  for (const saliency of inspection.saliencies) showSaliency(inspection, saliency, columns);
  showUnits(inspection);
}

function totalsOf({ trace }: Inspection): string {
  const tokens = trace.ids.length;
  const predicted = tokens - 1;
  if (predicted === 0) return '1 token, which is not predicted';
  let nats = 0;
  for (const surprise of trace.surprises.subarray(1)) nats += surprise;
  const mean = nats / predicted;
  return `${count(tokens)} tokens, all but the first predicted: ${mean.toFixed(4)} nats each, perplexity ${figure(Math.exp(mean))}`;
}

const CONTEXT = 16;
const TOKEN = 14;

function showSurprising(inspection: Inspection, columns: number): void {
  const { trace, options } = inspection;
  const places = Array.from(trace.ids.keys())
    .slice(1)
    .sort((a, b) => trace.surprises[b]! - trace.surprises[a]! || a - b)
    .slice(0, options.surprising);
  if (places.length === 0) return;
  printLine(`\n${outStyle.bold('most surprising')}`);
  const head = `${'place'.padStart(6)}${'nats'.padStart(7)}  ${'after'.padStart(CONTEXT)} ${'token'.padEnd(TOKEN)}`;
  printLine(outStyle.dim(`${head}  likeliest there`));
  for (const place of places) {
    const before = fitTo(contextOf(inspection, place), CONTEXT, 'end');
    const token = fitTo(nameOf(inspection, trace.ids[place]!), TOKEN);
    const numbers = `${String(place).padStart(6)}${trace.surprises[place]!.toFixed(2).padStart(7)}`;
    const rest = columns - stringWidth(head) - 2;
    const others = alternativesIn(trace.alternatives[place]!, inspection, rest);
    printLine(`${numbers}  ${before} ${outStyle.cyan(token)}  ${others}`.trimEnd());
  }
}

/** A little of what stands before a place. */
function contextOf({ texts }: Inspection, place: number): string {
  let context = '';
  for (let i = place - 1; i >= 0 && stringWidth(context) <= CONTEXT; i -= 1) {
    context = texts[i]!.lead + showCells(texts[i]!.text) + context;
  }
  return context + texts[place]!.lead;
}

/** A token's name in quotes. */
function nameOf({ model }: Inspection, id: number): string {
  return `"${showInline(model.tokenizer.token(id), 60)}"`;
}

/** As many as fit: `"e" 42 %  "a" 13 %`. */
function alternativesIn(
  alternatives: readonly Alternative[],
  inspection: Inspection,
  columns: number,
): string {
  let line = '';
  for (const { id, logProbability } of alternatives) {
    const shown = `${nameOf(inspection, id)} ${percent(Math.exp(logProbability))}`;
    const longer = line === '' ? shown : `${line}  ${shown}`;
    if (stringWidth(longer) > columns) return line === '' ? fitTo(shown, columns).trimEnd() : line;
    line = longer;
  }
  return line;
}

const BAR = 20;

function showSaliency(inspection: Inspection, saliency: Saliency, columns: number): void {
  const { trace, options } = inspection;
  const { place, start, contributions, gradients } = saliency;
  const logProbability = -trace.surprises[place]!;
  printLine(
    `\n${outStyle.bold(`what ${nameOf(inspection, trace.ids[place]!)} at place ${place} rests on`)}  (log p ${signed(logProbability)})`,
  );
  printLine(
    outStyle.dim(
      `${'place'.padStart(6)}  ${'token'.padEnd(TOKEN)}${'adds'.padStart(9)}${'gradient'.padStart(10)}`,
    ),
  );
  const largest = contributions.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const order = Array.from(contributions.keys())
    .sort((a, b) => Math.abs(contributions[b]!) - Math.abs(contributions[a]!) || b - a)
    .slice(0, options.surprising);
  const room = Math.min(BAR, columns - (6 + 2 + TOKEN + 9 + 10 + 2));
  for (const i of order) {
    const value = contributions[i]!;
    const length = largest > 0 ? Math.round((Math.abs(value) / largest) * room) : 0;
    const bar = (value < 0 ? '░' : '█').repeat(Math.max(0, length));
    const token = fitTo(nameOf(inspection, trace.ids[start + i]!), TOKEN);
    printLine(
      `${String(start + i).padStart(6)}  ${outStyle.cyan(token)}${signed(value).padStart(9)}${gradients[i]!.toFixed(3).padStart(10)}  ${bar}`.trimEnd(),
    );
  }
  printLine(
    outStyle.dim('adds: embedding · gradient of log p by it (█ for the token, ░ against it)'),
  );
}

function showUnits({ trace, model }: Inspection): void {
  const renews = updateRenews(model.modelConfig);
  printLine(
    `\n${outStyle.bold('units')}${'mean'.padStart(20)}${'shut'.padStart(8)}${'open'.padStart(8)}` +
      outStyle.dim(`   shut: below ${SHUT}; open: above ${OPEN}`),
  );
  for (const [layer, each] of trace.layers.entries()) {
    const { activities, mostActive, saturatedUnits, deadUnits } = summariseLayer(each, 3);
    const most = mostActive.map(({ unit }) => unit).join(', ');
    for (const [i, { activity, mean, shut, open }] of activities.entries()) {
      const isSigned = activity === 'state' || activity === 'cell';
      const notes: Record<string, string> = {
        update: renews ? 'open: takes the new' : 'open: keeps the old',
        state: `most active ${most}`,
      };
      const title = isSigned ? `|${activity}|` : activity;
      printLine(
        [
          (i === 0 ? `layer ${layer + 1}` : '').padEnd(9),
          title.padEnd(8),
          mean.toFixed(3).padStart(8),
          (isSigned ? '' : percent(shut)).padStart(8),
          percent(open).padStart(8),
          `   ${notes[activity] ?? ''}`,
        ]
          .join('')
          .trimEnd(),
      );
    }
    printLine(`${' '.repeat(44)}${saturatedUnits} of ${each.units} saturated, ${deadUnits} dead`);
  }
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`;
}

/** `42 %`, `3.1 %`, `<0.1 %` */
function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 0.1) return '<0.1 %';
  return `${value.toFixed(value < 9.95 && value > 0 ? 1 : 0)} %`;
}
