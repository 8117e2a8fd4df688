/** What `gru-lm train` says before it begins: one screen of 80 columns. */
import stringWidth from 'string-width';
import type { RuledOptions } from '../config/defaults-by-rule.ts';
import { type TrainOptions, trainOptions } from '../config/train-options.ts';
import type { PartSize } from '../data/encode-text.ts';
import type { DataRecord } from '../data/record.ts';
import type { HistoryRow } from '../journal/history-rows.ts';
import { cellKind } from '../model/cells.ts';
import type { SelectedBackend } from '../runtime/backend.ts';
import type { Preflight } from '../training/preflight.ts';
import { byteCount, clock, count, errorStyle, notice, showInline } from './terminal.ts';

/** What the screen has. */
export interface Screen {
  /** Where the run is written; undefined: nothing is. */
  directory?: string | undefined;
  backend: SelectedBackend;
  options: TrainOptions;
  /** Those of the options that the rule decided. */
  byRule: Partial<RuledOptions>;
  record: DataRecord;
  vocabularySize: number;
  train: PartSize;
  valid: PartSize;
  /** What is to be said of how the vocabulary was chosen. */
  notices: readonly string[];
  /** Absent where nobody would see it, or there is nothing to expect. */
  preflight: Preflight | undefined;
  /** The checkpoint whose weights it begins with. */
  initialPath: string | undefined;
}

export interface StartInfo extends Screen {
  directory: string;
  resumedAtStep: number | undefined;
  /** The steps before this session. */
  past: readonly HistoryRow[];
}

const COLUMNS = 79;
const TITLE_WIDTH = 10;

/** Writes the screen to standard error. */
export function showPreflight(info: Screen): void {
  if (info.directory !== undefined) notice(errorStyle.bold(showInline(info.directory)));
  for (const [title, ...facts] of rowsOf(info)) {
    for (const [i, line] of wrap(facts, '; ').entries()) {
      notice(`${errorStyle.dim((i === 0 ? (title as string) : '').padEnd(TITLE_WIDTH))}${line}`);
    }
  }
  for (const warning of [...info.notices, ...(info.preflight?.warnings ?? [])]) {
    const lines = wrap(warning.split(' '), ' ');
    notice(lines.map((line, i) => warningLine(line, i)).join('\n'));
  }
}

function warningLine(line: string, i: number): string {
  return `${errorStyle.yellow((i === 0 ? 'note' : '').padEnd(TITLE_WIDTH))}${line}`;
}

/** A title and what is to be said under it. */
function rowsOf({
  backend,
  options,
  byRule,
  record,
  vocabularySize,
  train,
  valid,
  preflight,
  initialPath,
}: Screen): string[][] {
  const stored = Object.values(record).flat();
  const files = stored.reduce((sum, source) => sum + (source.files ?? 1), 0);
  const bytes = stored.reduce((sum, source) => sum + source.bytes, 0);
  const rows = [
    [
      'text',
      `${byteCount(bytes)} in ${plural(files, 'file')}`,
      ...(train.documents > 1 ? [`${count(train.documents)} documents to train on`] : []),
      `${count(train.characters)} characters to train on`,
      `${count(valid.characters)} to validate`,
    ],
    [
      'tokens',
      `${tokenizerName(options)}, vocabulary ${count(vocabularySize)}`,
      `${count(train.tokens)} to train on`,
      `${count(valid.tokens)} to validate`,
      ...(preflight ? [`${share(preflight.unknownShare)} of these unknown`] : []),
    ],
  ];
  if (initialPath !== undefined) rows.push(['begins', `with ${showInline(initialPath)}`]);
  const { cell, layers, hiddenSize, embeddingSize } = options;
  rows.push([
    'model',
    `${layers} × ${cellKind(cell).label} ${hiddenSize}, embedding ${embeddingSize}`,
  ]);
  if (preflight) {
    const { parameters, tokensPerParameter, expectedSteps, expectedEpochs } = preflight;
    rows.at(-1)?.push(`${count(parameters)} parameters, ${rough(tokensPerParameter)} tokens each`);
    rows.push([
      'expected',
      `${clock(preflight.expectedSeconds)}`,
      `${count(expectedSteps)} steps of ${count(options.batchSize * options.bptt)} tokens`,
      `${rough(expectedEpochs)} passes over the text`,
      `${byteCount(preflight.expectedBytes)} of memory`,
    ]);
  } else {
    rows.push(['steps', `of ${count(options.batchSize * options.bptt)} tokens`]);
  }
  // What is off or 0 is as good as not there.
  const decided = (Object.keys(byRule) as (keyof RuledOptions)[])
    .filter((name) => byRule[name])
    .map((name) => {
      const { flag } = trainOptions[name];
      return byRule[name] === true ? flag : `${flag} ${byRule[name]}`;
    });
  if (decided.length > 0) rows.push(['by rule', ...decided]);
  rows.push(['machine', ...backend.description.split('; ')]);
  return rows;
}

function tokenizerName({ tokenizer, tokenizerFile, wordSplit }: TrainOptions): string {
  if (tokenizerFile !== undefined) return showInline(tokenizerFile);
  return tokenizer === 'word' && wordSplit === 'unicode' ? 'word (Unicode)' : tokenizer;
}

/** A number of which the first digits matter. */
function rough(value: number): string {
  return value < 10 ? String(Number(value.toPrecision(2))) : count(value);
}

function share(part: number): string {
  if (part === 0) return 'none';
  return part < 0.001 ? 'under 0.1 %' : `${(part * 100).toFixed(1)} %`;
}

function plural(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/** `items`, as many on a line as fit beside the title. */
function wrap(items: readonly string[], separator: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const [i, item] of items.entries()) {
    const next = i < items.length - 1 ? item + separator.trimEnd() : item;
    const longer = line === '' ? next : `${line} ${next}`;
    if (line !== '' && TITLE_WIDTH + stringWidth(longer) > COLUMNS) {
      lines.push(line);
      line = next;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}
