/**
 * Makes the pictures of README.md, in docs/pictures, from a real run: the terminal while it trains and samples, and
 * the page of `gru-lm serve`. What they show follows from the seeds, but for speeds and how far a run comes in its time.
 *
 *     npm run docs:pictures                # trains for a minute
 *     npm run docs:pictures -- --run DIR   # shows a run that is there, without its training
 *
 * It takes util-linux's `script`, a Chromium, and a machine that is set up (`gru-lm doctor`).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Browser, chromium, NO_CHROMIUM, type Page } from '../test/support/chromium.ts';
import { Screen } from '../test/support/screen.ts';
import { PROGRAM } from '../torture/program.ts';
import { hasTerminal, showOnTerminal } from '../torture/untrusted-text/terminal.ts';
import { terminalSvg } from './terminal-svg.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const PICTURES = join(ROOT, 'docs', 'pictures');

/** Those of `showOnTerminal`. */
const [COLUMNS, ROWS] = [80, 24];
const COLORFUL = { TERM: 'xterm-256color', COLORTERM: 'truecolor', NO_COLOR: undefined };

const [PLAIN, BOLD, DIM] = ['\u001b[0m', '\u001b[1m', '\u001b[2m'];

const PROMPT = 'ROMEO:';
const SEED = '1';
const TRAINING = ['train', 'corpora/tinyshakespeare.txt', '--max-time', '60s', '--plot'];
const SAMPLING = ['sample', '--prompt', PROMPT, '--length', '200', '--seed', SEED];
const INSPECTION = ['inspect', '--prompt', `${PROMPT} my lady`];

/** Runs `gru-lm` with each of `commands` on one terminal, in `cwd`; returns the terminal's picture. */
async function pictureTerminal(
  commands: readonly (readonly string[])[],
  cwd: string,
): Promise<string> {
  const screen = new Screen(COLUMNS, ROWS);
  let between = '';
  for (const args of commands) {
    const typed = args.map((arg) => (/[^\w./-]/.test(arg) ? `"${arg}"` : arg)).join(' ');
    screen.write(`${between}${DIM}$${PLAIN} ${BOLD}npx gru-lm ${typed}${PLAIN}\n`);
    const { exitCode, text } = await showOnTerminal(args, cwd, { env: COLORFUL });
    screen.write(text);
    between = '\n';
    if (exitCode !== 0) throw new Error(`gru-lm ${typed} ended by ${exitCode}:\n${text}`);
  }
  const title = `A terminal: ${commands.map(([name]) => `gru-lm ${name}`).join(', then ')}`;
  return terminalSvg(await screen.cells(), COLUMNS, title);
}

/** Lets `gru-lm serve` make a text of the newest run in `cwd`; returns a PNG of its page. */
async function picturePlayground(cwd: string): Promise<Buffer> {
  const server = spawn(process.execPath, [PROGRAM, 'serve', '--port', '0', '--json'], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(server, 'close');
  const browser = new Browser();
  try {
    const page = await browser.open(await urlOf(server.stdout), { width: 1100, height: 700 });
    await makeText(page);
    return await page.screenshot();
  } finally {
    await browser.close();
    server.kill();
    await ended;
  }
}

async function urlOf(output: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: output })) {
    const { event, url } = JSON.parse(line) as { event: string; url: string };
    if (event === 'start') return url;
  }
  throw new Error('gru-lm serve ended without saying where it listens');
}

/** Types the prompt, waits for the text, and has a surprising token tell what else was likely. */
async function makeText(page: Page): Promise<void> {
  const { tab, problems } = page;
  await tab.fill('#option-length', '300');
  await tab.fill('#option-seed', SEED);
  await tab.fill('#prompt', PROMPT);
  await tab.click('#start');
  await tab.getByText(/^Ended /).waitFor();
  // The one farthest to the right: what is said of it hides the least of the text there.
  await page.evaluate(
    `[...document.querySelectorAll('#text :is(.l4, .l5):not(.break)')]
      .sort((a, b) => b.offsetLeft - a.offsetLeft)[0].focus()`,
  );
  await tab.locator('#details').waitFor();
  if (problems.length > 0) throw new Error(`the page complains: ${problems.join('; ')}`);
}

const { run } = parseArgs({ options: { run: { type: 'string' } } }).values;
if (!hasTerminal) throw new Error('there is no script of util-linux here');
if (!chromium) throw new Error(NO_CHROMIUM);
const scratch = await mkdtemp(join(tmpdir(), 'gru-lm-pictures-'));
try {
  await symlink(join(ROOT, 'corpora'), join(scratch, 'corpora'));
  if (run !== undefined) {
    await mkdir(join(scratch, 'checkpoints'));
    await symlink(resolve(run), join(scratch, 'checkpoints', basename(resolve(run))));
  }
  const commands = run === undefined ? [TRAINING, SAMPLING] : [INSPECTION, SAMPLING];
  const terminal = await pictureTerminal(commands, scratch);
  const playground = await picturePlayground(scratch);
  await mkdir(PICTURES, { recursive: true });
  await writeFile(join(PICTURES, 'terminal.svg'), terminal);
  await writeFile(join(PICTURES, 'playground.png'), playground);
} finally {
  await rm(scratch, { recursive: true, force: true });
}
