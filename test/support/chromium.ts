/** Drives the Chromium of this machine, headless, by playwright-core, which brings no browser of its own. */
import { spawnSync } from 'node:child_process';
import {
  type CDPSession,
  type Browser as Driven,
  chromium as driver,
  type Page as Tab,
} from 'playwright-core';

/** The command that starts a Chromium here; undefined: there is none. */
export const chromium = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);

/** Why a test is skipped that needs it. */
export const NO_CHROMIUM = 'there is no Chromium here: apt-get install chromium, or the like';

/** How a page is looked at. */
export interface View {
  /** CSS pixels. */
  width?: number;
  height?: number;
  dark?: boolean;
}

/** A browser with a profile of its own, which leaves with it. */
export class Browser {
  #driven: Promise<Driven> | undefined;

  /** Opens a page, which shares nothing with others, and waits until it is loaded. */
  async open(url: string, view: View = {}): Promise<Page> {
    this.#driven ??= driver.launch({
      executablePath: whereIs(chromium as string),
      // As root there is no sandbox; what is shown comes from the tests themselves.
      args: ['--no-sandbox', '--disable-gpu'],
    });
    const tab = await (await this.#driven).newPage();
    const page = new Page(tab);
    await page.look(view);
    await tab.goto(url, { waitUntil: 'load' });
    return page;
  }

  async close(): Promise<void> {
    await (await this.#driven)?.close();
  }
}

export class Page {
  /** What the page complained of: errors, warnings, and what its security policy refused. */
  readonly problems: string[] = [];
  /** Addresses that it asked for, its own first. */
  readonly requests: string[] = [];
  /** The page as playwright-core has it, for all that is not here. */
  readonly tab: Tab;
  #debugger: Promise<CDPSession> | undefined;

  constructor(tab: Tab) {
    this.tab = tab;
    tab.on('request', (request) => this.requests.push(request.url()));
    tab.on('pageerror', (error) => this.problems.push(String(error)));
    tab.on('console', (message) => {
      if (COMPLAINTS.includes(message.type())) this.problems.push(message.text());
    });
  }

  async look({ width = 1280, height = 800, dark = false }: View): Promise<void> {
    await this.tab.setViewportSize({ width, height });
    await this.tab.emulateMedia({ colorScheme: dark ? 'dark' : 'light' });
  }

  /**
   * The value of an expression in the page, as JSON has it. It is the debugger that asks: the page's own security
   * policy, which may forbid `eval`, is not in its way.
   */
  async evaluate<Value>(expression: string): Promise<Value> {
    this.#debugger ??= this.tab.context().newCDPSession(this.tab);
    const { result, exceptionDetails } = await (await this.#debugger).send('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return result.value as Value;
  }

  /** Presses a key that writes nothing, such as `ArrowRight`. */
  async press(key: string): Promise<void> {
    await this.tab.keyboard.press(key);
  }

  /** What is seen, as a PNG. */
  screenshot(): Promise<Buffer> {
    return this.tab.screenshot();
  }
}

const COMPLAINTS: string[] = ['error', 'warning', 'assert'];

function whereIs(command: string): string {
  return spawnSync('which', [command], { encoding: 'utf8' }).stdout.trim();
}
