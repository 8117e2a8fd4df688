/**
 * Drives a headless Chromium over the Chrome DevTools Protocol, whose messages it takes and gives on two pipes
 * (`--remote-debugging-pipe`): no port, no socket, no package.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** The command that starts a Chromium here; undefined: there is none. */
export const chromium = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);

/** Why a test is skipped that needs it. */
export const NO_CHROMIUM = 'there is no Chromium here: apt-get install chromium, or the like';

type Values = Record<string, unknown>;

interface Message {
  id?: number;
  sessionId?: string;
  method?: string;
  params?: Values;
  result?: Values;
  error?: { message: string };
}

/** A browser with a profile of its own, which leaves with it. */
export class Browser {
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #waiting = new Map<number, (message: Message) => void>();
  readonly #listeners = new Map<string, (message: Message) => void>();
  #lastId = 0;
  #hasEnded = false;
  #unread = '';

  constructor() {
    this.#profile = mkdtempSync(join(tmpdir(), 'gru-lm-chromium-'));
    const flags = [
      ...['--headless=new', '--remote-debugging-pipe', `--user-data-dir=${this.#profile}`],
      // As root there is no sandbox; what is shown comes from the tests themselves.
      ...['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-extensions'],
      ...['--disable-background-networking', '--disable-component-update', '--hide-scrollbars'],
    ];
    this.#process = spawn(chromium as string, flags, {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    const output = this.#process.stdio[4] as Readable;
    output.setEncoding('utf8').on('data', (piece: string) => this.#receive(piece));
    // Of a browser that has ended, calls say so themselves.
    (this.#process.stdio[3] as Writable).on('error', () => undefined);
    this.#process.on('exit', () => {
      this.#hasEnded = true;
      for (const answer of this.#waiting.values()) answer({ error: { message: 'Chromium ended' } });
    });
  }

  /** Calls a method of the protocol. */
  async call(method: string, params: Values = {}, sessionId?: string): Promise<Values> {
    if (this.#hasEnded) throw new Error(`${method}: Chromium has ended`);
    const id = ++this.#lastId;
    const answer = new Promise<Message>((resolve) => this.#waiting.set(id, resolve));
    const message = JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) });
    (this.#process.stdio[3] as Writable).write(`${message}\0`);
    const { result, error } = await answer;
    if (error) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }

  /** Opens a page in a new tab and waits until it is loaded. */
  async open(url: string, view: View = {}): Promise<Page> {
    const { targetId } = await this.call('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, sessionId as string);
    this.#listeners.set(sessionId as string, page.receive);
    await page.load(url, view);
    return page;
  }

  async close(): Promise<void> {
    const ended = this.#hasEnded ? undefined : once(this.#process, 'exit');
    await this.call('Browser.close').catch(() => this.#process.kill('SIGKILL'));
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #receive(piece: string): void {
    const messages = (this.#unread + piece).split('\0');
    this.#unread = messages.pop() as string;
    for (const json of messages) {
      const message = JSON.parse(json) as Message;
      if (message.id === undefined) {
        this.#listeners.get(message.sessionId ?? '')?.(message);
        continue;
      }
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    }
  }
}

/** How a page is looked at. */
export interface View {
  /** CSS pixels. */
  width?: number;
  height?: number;
  dark?: boolean;
}

export class Page {
  /** What the page complained of: errors, warnings, and what its security policy refused. */
  readonly problems: string[] = [];
  /** Addresses that it asked for, its own first. */
  readonly requests: string[] = [];
  readonly #browser: Browser;
  readonly #session: string;
  #onLoad: (() => void) | undefined;

  constructor(browser: Browser, session: string) {
    this.#browser = browser;
    this.#session = session;
  }

  readonly receive = ({ method, params = {} }: Message): void => {
    if (method === 'Page.loadEventFired') this.#onLoad?.();
    if (method === 'Network.requestWillBeSent') {
      this.requests.push((params.request as { url: string }).url);
    }
    if (method === 'Runtime.exceptionThrown') {
      this.problems.push(JSON.stringify(params.exceptionDetails));
    }
    const isComplaint = ['error', 'warning', 'assert'].includes(params.type as string);
    if (method === 'Runtime.consoleAPICalled' && isComplaint) {
      this.problems.push(JSON.stringify(params.args));
    }
    if (method === 'Log.entryAdded') {
      this.problems.push((params.entry as { text: string }).text);
    }
  };

  /** Called by {@link Browser.open}. */
  async load(url: string, view: View): Promise<void> {
    for (const domain of ['Page', 'Runtime', 'Log', 'Network'])
      await this.#call(`${domain}.enable`);
    await this.look(view);
    const loaded = new Promise<void>((resolve) => {
      this.#onLoad = resolve;
    });
    const { errorText } = await this.#call('Page.navigate', { url });
    if (errorText) throw new Error(`${url}: ${errorText}`);
    await loaded;
  }

  async look({ width = 1280, height = 800, dark = false }: View): Promise<void> {
    const metrics = { width, height, deviceScaleFactor: 1, mobile: false };
    await this.#call('Emulation.setDeviceMetricsOverride', metrics);
    const scheme = { name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' };
    await this.#call('Emulation.setEmulatedMedia', { features: [scheme] });
  }

  /** The value of an expression in the page, as JSON has it. */
  async evaluate<Value>(expression: string): Promise<Value> {
    const { result, exceptionDetails } = await this.#call('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value: Value }).value;
  }

  /** Presses a key that writes nothing, such as `ArrowRight`. */
  async press(key: string): Promise<void> {
    const windowsVirtualKeyCode = KEY_CODES[key] as number;
    for (const type of ['rawKeyDown', 'keyUp']) {
      await this.#call('Input.dispatchKeyEvent', { type, key, code: key, windowsVirtualKeyCode });
    }
  }

  /** What is seen, as a PNG. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.#call('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data as string, 'base64');
  }

  #call(method: string, params: Values = {}): Promise<Values> {
    return this.#browser.call(method, params, this.#session);
  }
}

const KEY_CODES: Record<string, number> = {
  Tab: 9,
  PageUp: 33,
  PageDown: 34,
  End: 35,
  Home: 36,
  ArrowLeft: 37,
  ArrowUp: 38,
  ArrowRight: 39,
  ArrowDown: 40,
};
