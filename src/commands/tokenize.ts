import { writeFile } from 'node:fs/promises';
import stringWidth from 'string-width';
import { openModel } from '../checkpoint/model.ts';
import { type TokenizeOptions, tokenizeOptions } from '../config/commands.ts';
import { tokenizerOptions } from '../config/shared.ts';
import { assertTokenizerOptions } from '../config/tokenizer-options.ts';
import type { Dataset, TokenizedPart } from '../data/dataset.ts';
import type { TokenSequence } from '../data/token-sequence.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { mostFrequent } from '../data/vocabulary.ts';
import { errorMessage, UserError } from '../errors.ts';
import { type GivenOptions, withDefaults } from '../option-table.ts';
import { givenTextOptions } from './eval-text.ts';
import { openTexts, readTokenizerFile } from './open-dataset.ts';
import {
  byteCount,
  count,
  errorStyle,
  notice,
  outStyle,
  printJson,
  printLine,
  showInline,
} from './terminal.ts';

type Given = GivenOptions<typeof tokenizeOptions>;

/** `gru-lm tokenize`: all of the text is one part, which the tokenizer is learned from. */
export async function run(given: Given, corpus: string[], signal: AbortSignal): Promise<void> {
  assertTokenizerSource(given);
  const options = withDefaults(tokenizeOptions, given);
  const trained =
    options.checkpoint === undefined ? undefined : await openModel(options.checkpoint, []);
  const known =
    trained?.tokenizer ??
    (options.tokenizerFile === undefined
      ? undefined
      : await readTokenizerFile(options.tokenizerFile));
  // With a checkpoint, text is read as the run's own was, but for what is said.
  const reading = { ...options, ...trained?.options, ...givenTextOptions(given) };
  const whole = { corpus, valid: undefined, test: undefined, validSplit: 0, testSplit: 0 };
  const dataset = await openTexts(
    { ...reading, ...whole },
    { runDirectory: '.', tokenizer: known, silent: options.json, signal },
  );
  try {
    if (options.save !== undefined) await save(dataset.tokenizer, options.save);
    show(dataset, corpus, options);
  } finally {
    await dataset.close();
  }
}

/** @throws UserError `usage` where it is not clear what tokenizer is meant */
function assertTokenizerSource(given: Given): void {
  assertTokenizerOptions(given);
  if (given.checkpoint === undefined) return;
  for (const [name, { flag }] of Object.entries(tokenizerOptions)) {
    const value = given[name as keyof Given];
    if (value === undefined || value === false) continue;
    throw new UserError(
      'usage',
      `expected at most one of --checkpoint and --${flag}, found both`,
      `Leave out --${flag}: the checkpoint says what tokens are.`,
    );
  }
}

async function save(tokenizer: Tokenizer, path: string): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(tokenizer.toJSON(), null, 1)}\n`, { flag: 'wx' });
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw new UserError(
      'tokenizer-file',
      isThere
        ? `expected no file at ${path} yet, found one`
        : `expected to write ${path}, could not: ${errorMessage(error)}`,
      isThere ? 'Give --save another name, or remove the file.' : 'Check the directory.',
      { cause: error },
    );
  }
}

interface TokenCount {
  id: number;
  token: string;
  count: number;
}

function show(dataset: Dataset, corpus: string[], options: TokenizeOptions): void {
  const { tokenizer, notices } = dataset;
  const part = dataset.parts.get('train') as TokenizedPart;
  const { sequence, ...size } = part;
  const bytesPerToken = size.bytes / size.tokens;
  const frequent = countFrequent(sequence, tokenizer, options.top);
  if (options.json) {
    const { kind, vocabularySize } = tokenizer;
    const first = firstIds(sequence, PIECES_AT_MOST);
    printJson({
      texts: corpus,
      tokenizer: kind,
      vocabularySize,
      ...size,
      bytesPerToken,
      pieces: Array.from(first, (id) => ({ id, token: tokenizer.token(id) })),
      mostFrequent: frequent,
      notices,
    });
    return;
  }
  for (const text of notices) notice(errorStyle.yellow(text));
  const each = size.tokens > 0 ? `, ${bytesPerToken.toFixed(2)} bytes each` : '';
  const share = size.tokens > 0 ? ` (${percent(size.unknown / size.tokens)})` : '';
  const rows = [
    ['text', `${byteCount(size.bytes)}, ${count(size.characters)} characters`],
    ['tokens', `${count(size.tokens)}${each}`],
    ['vocabulary', `${count(tokenizer.vocabularySize)} (${tokenizer.kind})`],
    ['unknown', `${count(size.unknown)}${share}`],
  ];
  printLine(outStyle.bold(showInline(corpus.join(', '))));
  for (const [title = '', value = ''] of rows) printLine(`${title.padEnd(12)}${value}`);
  if (size.tokens === 0) return;
  printLine(`\n${outStyle.bold('how it begins')}`);
  printLine(firstPieces(sequence, tokenizer));
  if (frequent.length === 0) return;
  printLine(`\n${outStyle.bold('most frequent')}`);
  for (const { token, count: times } of frequent) {
    printLine(
      `${count(times).padStart(14)} ${percent(times / size.tokens).padStart(8)}  ${outStyle.cyan(`"${showInline(token)}"`)}`,
    );
  }
}

const PIECES_AT_MOST = 200;
const PIECE_LINES = 4;
const COLUMNS = 80;

/** The first tokens with bars between them, in a few lines. */
function firstPieces(sequence: TokenSequence, tokenizer: Tokenizer): string {
  const lines: string[] = [];
  let line = '';
  for (const id of firstIds(sequence, PIECES_AT_MOST)) {
    const piece = `${showInline(tokenizer.token(id))}│`;
    if (line !== '' && stringWidth(line + piece) > COLUMNS) {
      lines.push(line);
      line = '';
      if (lines.length === PIECE_LINES) break;
    }
    line += piece;
  }
  return [...lines, line].slice(0, PIECE_LINES).join('\n');
}

function firstIds(sequence: TokenSequence, most: number): Int32Array {
  const ids = new Int32Array(Math.min(most, sequence.length));
  sequence.read(0, ids);
  return ids;
}

const WINDOW = 1 << 20;

/** The `most` most frequent tokens, in falling order. */
function countFrequent(sequence: TokenSequence, tokenizer: Tokenizer, most: number): TokenCount[] {
  const counts = new Float64Array(tokenizer.vocabularySize);
  for (let start = 0; most > 0 && start < sequence.length; start += WINDOW) {
    const ids = new Int32Array(Math.min(WINDOW, sequence.length - start));
    sequence.read(start, ids);
    for (let i = 0; i < ids.length; i += 1) counts[ids[i]!]! += 1;
  }
  return Array.from(mostFrequent(counts, most, 1))
    .sort((a, b) => counts[b]! - counts[a]! || a - b)
    .map((id) => ({ id, token: tokenizer.token(id), count: counts[id]! }));
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share > 0 && share < 0.001 ? 4 : 2)} %`;
}
