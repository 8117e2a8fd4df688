/**
 * What a page knows of a text, as JSON of modest size: activities and saliencies have 8 bits each, and of each
 * layer only the units are there that vary most. Shapes: N tokens, U units shown of a layer.
 */
import { cellKind } from '../model/cells.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { type Activity, isGate, updateRenews } from './activity.ts';
import type { Alternative } from './likeliest.ts';
import type { Saliency } from './saliency.ts';
import { LEVEL_STARTS } from './surprise-levels.ts';
import type { TokenText } from './token-text.ts';
import type { LayerTrace, Trace } from './trace.ts';
import { mostVaryingUnits, summariseActivity, summariseLayer } from './units.ts';

export interface PageContents {
  /** What to call the text. */
  title: string;
  /** What to call the model. */
  checkpoint: string;
  config: ModelConfig;
  tokenName: (id: number) => string;
  trace: Trace;
  texts: readonly TokenText[];
  /** Of every place but the first, in order. */
  saliencies: readonly Saliency[];
  /** How many tokens before a prediction were weighed. */
  span: number;
  /** How many units of a layer to show. */
  units: number;
  /** The place that is chosen at first. */
  chosen: number;
}

/** As `inspection-page/data.js` reads it. */
export interface PageData {
  title: string;
  checkpoint: string;
  model: string;
  renews: boolean;
  levelStarts: readonly number[];
  /** Names of all tokens that occur, by id. */
  names: Record<number, string>;
  ids: number[];
  texts: string[];
  leads: string[];
  /** nats; null at place 0 */
  surprises: (number | null)[];
  ranks: number[];
  entropies: (number | null)[];
  /** Ids and probabilities in turn, likeliest first. */
  alternatives: number[][];
  next: number[];
  layers: PageLayer[];
  span: number;
  chosen: number;
  saliency: {
    /** Contributions of a place are `values` · `scales[place − 1]` / 127, int8, one place after the other. */
    contributions: PackedRows;
    gradients: PackedRows;
  };
}

interface PackedRows {
  scales: number[];
  values: string;
}

interface PageLayer {
  size: number;
  units: number[];
  saturated: number;
  dead: number;
  activities: PageActivity[];
}

interface PageActivity {
  name: Activity;
  signed: boolean;
  /** Over all units and tokens; of what is signed, of absolute values. */
  mean: number;
  /** At each token over all units; of what is signed, of absolute values [N]. */
  means: number[];
  /** A value is a byte / 255 of a gate, otherwise an int8 · `scale` / 127. */
  scale: number;
  /** In base64, [N, U]. */
  values: string;
}

export function pageData(contents: PageContents): PageData {
  const { title, checkpoint, config, tokenName, trace, texts, saliencies } = contents;
  const ids = [...trace.ids];
  const lists = [...trace.alternatives, trace.next];
  const known = new Set([...ids, ...lists.flat().map(({ id }) => id)]);
  return {
    title,
    checkpoint,
    model: describe(config),
    renews: updateRenews(config),
    levelStarts: LEVEL_STARTS,
    names: Object.fromEntries(Array.from(known, (id) => [id, tokenName(id)])),
    ids,
    texts: texts.map(({ text }) => text),
    leads: texts.map(({ lead }) => lead),
    surprises: Array.from(trace.surprises, numberOrNull),
    ranks: [...trace.ranks],
    entropies: Array.from(trace.entropies, numberOrNull),
    alternatives: trace.alternatives.map(flatten),
    next: flatten(trace.next),
    layers: trace.layers.map((layer) => pageLayer(layer, contents.units)),
    span: contents.span,
    chosen: contents.chosen,
    saliency: {
      contributions: packRows(saliencies.map(({ contributions }) => contributions)),
      gradients: packRows(saliencies.map(({ gradients }) => gradients)),
    },
  };
}

/** `2 GRU layers of 256 units, reset-after` */
function describe({ cell = 'gru', gruVariant, layers, hiddenSize }: ModelConfig): string {
  const label = cellKind(cell).label;
  const variant = cell === 'gru' ? `, ${gruVariant}` : '';
  return `${layers} ${label} ${layers === 1 ? 'layer' : 'layers'} of ${hiddenSize} units${variant}`;
}

function flatten(alternatives: readonly Alternative[]): number[] {
  return alternatives.flatMap(({ id, logProbability }) => [id, rounded(Math.exp(logProbability))]);
}

function pageLayer(layer: LayerTrace, most: number): PageLayer {
  const { units: H, activities } = layer;
  const units = mostVaryingUnits(layer, most);
  const { activities: summaries, saturatedUnits, deadUnits } = summariseLayer(layer, 0);
  return {
    size: H,
    units,
    saturated: saturatedUnits,
    dead: deadUnits,
    activities: summaries.map(({ activity, mean }) => {
      const values = activities[activity] as Float32Array;
      const N = values.length / H;
      const chosen = new Float32Array(N * units.length);
      const means: number[] = [];
      for (let place = 0; place < N; place++) {
        const row = values.subarray(place * H, (place + 1) * H);
        means.push(rounded(summariseActivity(activity, row).mean));
        for (const [i, unit] of units.entries()) chosen[place * units.length + i] = row[unit]!;
      }
      const gate = isGate(activity);
      const scale = gate ? 1 : largestOf(chosen);
      return {
        name: activity,
        signed: !gate,
        mean: rounded(mean),
        means,
        scale: rounded(scale),
        values: gate ? packGates(chosen) : packSigned(chosen, scale),
      };
    }),
  };
}

/** Rows of any length in 8 bits, each with a scale of its own. */
function packRows(rows: readonly Float32Array[]): PackedRows {
  const scales = rows.map(largestOf);
  const bytes = rows.map((row, i) => Buffer.from(signedBytes(row, scales[i]!)));
  return { scales: scales.map(rounded), values: Buffer.concat(bytes).toString('base64') };
}

/** Numbers in [0, 1], each off by 1/510 at most. */
function packGates(values: Float32Array): string {
  return Buffer.from(Uint8Array.from(values, (value) => Math.round(value * 255))).toString(
    'base64',
  );
}

/** Numbers in [−scale, scale], each off by a 254th of it at most. */
function packSigned(values: Float32Array, scale: number): string {
  return Buffer.from(signedBytes(values, scale)).toString('base64');
}

function signedBytes(values: Float32Array, scale: number): Uint8Array {
  const bytes = Int8Array.from(values, (value) =>
    scale > 0 ? Math.round((value / scale) * 127) : 0,
  );
  return new Uint8Array(bytes.buffer);
}

function largestOf(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function numberOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : rounded(value);
}

/** To five digits, which is more than a page shows. */
function rounded(value: number): number {
  return Number(value.toPrecision(5));
}
