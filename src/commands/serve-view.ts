/** What `gru-lm serve` says: where it listens, and a line for each request of its API. */
import type { Answered } from '../serving/server.ts';
import {
  count,
  errorStyle,
  notice,
  outStyle,
  printJson,
  printLine,
  showInline,
} from './terminal.ts';

export class ServeView {
  readonly #json: boolean;

  constructor({ json }: { json: boolean }) {
    this.#json = json;
  }

  started(url: string, path: string, model: string): void {
    if (this.#json) {
      printJson({ event: 'start', url, path, model });
      return;
    }
    printLine(`${showInline(model)} at ${outStyle.bold(url)}`);
    notice(`API: ${url}v1/completions; Ctrl-C ends it.`);
  }

  warnOpen(host: string): void {
    notice(
      errorStyle.yellow(
        `Anybody who can connect to ${showInline(host)} can use the model: give --api-key, or set GRU_LM_API_KEY.`,
      ),
    );
  }

  /** Parts of the page are not worth a line. */
  answered(answered: Answered): void {
    const { method, path, status, message, isCut, seconds, tokens, bug } = answered;
    if (bug !== undefined) this.#bug(bug);
    const isCall = /^\/(v1|api)\//.test(path);
    if (!isCall && status < 400) return;
    if (this.#json) {
      const promptTokens = tokens.prompt;
      printJson({
        ...{ event: 'request', method, path, status, message: message ?? null, cut: isCut },
        ...{ seconds, promptTokens, tokens: tokens.made },
      });
      return;
    }
    const what = `${showInline(method, 20)} ${showInline(path, 80)} ${status}`;
    const made = tokens.made > 0 ? `, ${count(tokens.prompt)} + ${count(tokens.made)} tokens` : '';
    const cut = isCut ? ', the client left' : '';
    const why = message === undefined ? '' : `: ${showInline(message)}`;
    notice(`${what} ${seconds.toFixed(2)} s${made}${cut}${why}`);
  }

  #bug(error: unknown): void {
    const stack = error instanceof Error ? error.stack : String(error);
    notice(
      `${errorStyle.red('error:')} this is a bug in gru-lm; please report it with what follows.`,
    );
    notice(`${stack}`);
  }

  stopping(): void {
    if (!this.#json) notice('stopping; once more ends it at once');
  }
}
