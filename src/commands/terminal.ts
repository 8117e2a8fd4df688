/**
 * What commands share to write: results to standard output, all else to standard error.
 *
 * Any text may come from outside: a prompt, a corpus, a file's name, a checkpoint. So whatever is written
 * here goes through {@link shown}, which leaves no control character in it but line ends and tabs, and
 * colours are marks until then. Only {@link printRaw} writes text as it is.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Chalk, type ChalkInstance } from 'chalk';
import { turnEventLoop } from '../event-loop.ts';
import { listener } from './listener.ts';
import { untilAborted } from './until-aborted.ts';

export { byteCount } from '../byte-count.ts';

const STYLES = ['bold', 'dim', 'red', 'green', 'yellow', 'cyan'] as const;

/** Functions that give text a colour or weight, for the functions of this file to write. */
type Style = Readonly<Record<(typeof STYLES)[number], (text: string) => string>>;

const ESCAPE = '\u001b';
/** Stands for the escape character of a colour until the text around it is clean; no text can know it. */
const ESCAPE_MARK = randomUUID();
const COLOUR_MARKS = new RegExp(`${ESCAPE_MARK}\\[[\\d;]*m`, 'g');

/** Colours for a stream: `--no-color`, then FORCE_COLOR, then NO_COLOR, then whether it is a terminal that knows any. */
function chalkFor(stream: NodeJS.WriteStream): ChalkInstance {
  const { FORCE_COLOR, NO_COLOR, TERM } = process.env;
  if (process.argv.includes('--no-color')) return new Chalk({ level: 0 });
  if (FORCE_COLOR !== undefined) {
    const level = FORCE_COLOR === '' || FORCE_COLOR === 'true' ? 1 : Number(FORCE_COLOR);
    return new Chalk({ level: Math.min(3, Math.max(0, level || 0)) as 0 | 1 | 2 | 3 });
  }
  if (NO_COLOR || !stream.isTTY || TERM === 'dumb') return new Chalk({ level: 0 });
  return new Chalk({ level: stream.getColorDepth() > 8 ? 3 : stream.getColorDepth() > 4 ? 2 : 1 });
}

function styleFor(stream: NodeJS.WriteStream): Style {
  const chalk = chalkFor(stream);
  return Object.fromEntries(STYLES.map((name) => [name, marking(chalk[name])])) as Style;
}

/** What a chalk does to text, with marks for its escape characters. */
function marking(chalk: ChalkInstance): (text: string) => string {
  const [open = '', close = ''] = chalk('|').replaceAll(ESCAPE, ESCAPE_MARK).split('|');
  return (text) => `${open}${text}${close}`;
}

/**
 * Fields of colour for levels of something, low to high, each with the text's colour that stands out from it:
 * darkest to lightest whatever the terminal's own colours, and in 256 colours and more those of cividis, which
 * eyes that confuse red and green see as others do (Nuñez, Anderton and Renslow 2018).
 */
function fieldsFor(stream: NodeJS.WriteStream): ((text: string) => string)[] | undefined {
  const chalk = chalkFor(stream);
  if (chalk.level === 0) return undefined;
  const fields = {
    1: [
      ...[chalk.bgBlack.white, chalk.bgBlue.white, chalk.bgMagenta.white],
      ...[chalk.bgCyan.black, chalk.bgYellow.black, chalk.bgWhiteBright.black],
    ],
    2: [17, 60, 242, 144, 185, 227].map((color, i) =>
      chalk.bgAnsi256(color).ansi256(i < 3 ? 231 : 16),
    ),
    3: ['#00204d', '#31446b', '#666970', '#958f78', '#cbba69', '#ffea46'].map((color, i) =>
      chalk.bgHex(color).hex(i < 3 ? '#ffffff' : '#000000'),
    ),
  }[chalk.level];
  return fields.map(marking);
}

/** Colours for standard output. */
export const outStyle = styleFor(process.stdout);
/** Fields of colour for six levels on standard output; undefined: without colours. */
export const outFields = fieldsFor(process.stdout);
/** Colours for standard error. */
export const errorStyle = styleFor(process.stderr);

/** A line of a result. */
export function printLine(text = ''): void {
  printText(`${text}\n`);
}

/** Part of a result, as it is made. */
export function printText(text: string): void {
  printRaw(shown(text));
}

/** Part of a result with whatever is in it. A program that listens gets results as JSON alone. */
export function printRaw(text: string): void {
  if (!listener()) process.stdout.write(text);
}

/** One JSON object as a line of the result. JSON escapes some control characters; here, all of them. */
export function printJson(value: object): void {
  printJsonLines([value]);
}

/** A line for each object, written at once. */
/** Tells a program of a text in the making, which the command line shows by printing it. */
export function tellPiece(event: object): void {
  listener()?.piece?.(event);
}

/** Whether a program wants to be told of texts as they are made. */
export function arePiecesWanted(): boolean {
  return listener()?.piece !== undefined;
}

export function printJsonLines(values: readonly object[]): void {
  const listening = listener();
  if (listening) {
    for (const value of values) listening.json(value);
    return;
  }
  const lines = values.map((value) => `${JSON.stringify(value)}\n`);
  process.stdout.write(
    lines
      .join('')
      .replace(CONTROLS, (c) => `\\u${(c.codePointAt(0) as number).toString(16).padStart(4, '0')}`),
  );
}

/**
 * Waits until standard output has taken what was written, so that results of any number never pile up;
 * lets others run, and throws the reason of `signal` once that is aborted.
 */
export async function outputTaken(signal: AbortSignal): Promise<void> {
  if (!listener() && process.stdout.writableNeedDrain) {
    // What cannot be written any more is dropped: whoever listens for that says what comes of it.
    const taken = once(process.stdout, 'drain').catch(() => undefined);
    await untilAborted(taken, signal);
  }
  await turnEventLoop();
  signal.throwIfAborted();
}

/** A line for the person who watches. */
export function notice(text: string): void {
  const listening = listener();
  if (listening) listening.notice(showControls(text.replace(COLOUR_MARKS, '')));
  else process.stderr.write(shown(`${text}\n`));
}

/** Text as it goes to a terminal: clean, then coloured. */
export function shown(text: string): string {
  return showControls(text).replaceAll(ESCAPE_MARK, ESCAPE);
}

/** Control characters but line end and tab, and those that turn the direction of text around. */
const CONTROLS = /(?![\n\t])[\p{Cc}\p{Bidi_Control}]/gu;

/**
 * Text with control characters made visible (␛ for escape), so that it cannot steer a terminal. Line
 * ends and tabs stay.
 */
export function showControls(text: string): string {
  return text.replace(CONTROLS, (c) => {
    const code = c.codePointAt(0) as number;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    return code === 0x7f ? '\u2421' : '\ufffd';
  });
}

/** What a name or a value may take of a line, and what a message may. */
const LONGEST_SHOWN = 200;
const LONGEST_MESSAGE = 2000;

/**
 * Text on one line: as {@link showControls}, line ends and tabs visible too, and cut in the middle where
 * it is very long. For names and values that come from outside.
 */
export function showInline(text: string, longest = LONGEST_SHOWN): string {
  return showControls(cutMiddle(text, longest)).replace(/[\n\t]/g, (c) => (c === '\n' ? '␊' : '␉'));
}

/** A message, which may have names or the words of another program in it, as {@link showInline}. */
export function showMessage(text: string): string {
  return showInline(text, LONGEST_MESSAGE);
}

/** The beginning and the end of a text that is longer than `longest`. */
export function cutMiddle(text: string, longest: number): string {
  if (text.length <= longest) return text;
  // By code points, so that none is cut; the ends alone are split, as the text may be megabytes.
  const [head, tail] = [text.slice(0, longest), text.slice(-longest)].map((part) => [...part]);
  return `${head!.slice(0, longest / 2).join('')}…${tail!.slice(-longest / 2).join('')}`;
}

/** `1,234,567` */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `950`, `12.3k`, `1.2M` */
export function shortCount(value: number): string {
  if (value < 999.5) return value.toFixed(0);
  if (value < 999_500) return `${(value / 1e3).toFixed(value < 99_950 ? 1 : 0)}k`;
  return `${(value / 1e6).toFixed(1)}M`;
}

/** `0:07`, `12:34`, `1:02:03` */
export function clock(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const minutes = h > 0 ? `${h}:${String(m).padStart(2, '0')}` : `${m}`;
  return `${minutes}:${String(s).padStart(2, '0')}`;
}

/** A number for people, with about four digits. What was too large for one, as a perplexity may be, is called so. */
export function figure(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '>1e+308';
  if (!Number.isFinite(value)) return String(value);
  if (value >= 1e5) return value.toExponential(2);
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(4);
}
