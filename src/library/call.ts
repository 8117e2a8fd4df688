/** A command that a program calls: what it prints comes back as objects, and nothing is written out. */
import type { Run } from '../command-spec.ts';
import { type Listener, withListener } from '../commands/listener.ts';
import { optionsOf } from '../config-file/read-config.ts';
import type { OptionTable } from '../option-table.ts';
import type { CallOptions } from './call-options.ts';

/** TensorFlow.js has one backend and one account of tensors a process: calls take turns. */
let lastCall: Promise<unknown> = Promise.resolve();

interface CommandCall {
  load: () => Promise<{ run: Run }>;
  /** By which its options are checked. */
  table: OptionTable;
  operands: readonly string[];
  /** Whether pieces of texts are given, too; whole ones then are the event `end`. */
  isStreamed?: boolean;
}

/**
 * The objects that a command prints with `--json`, as they come. Whoever leaves early stops it, and waits until
 * it has ended.
 *
 * @throws UserError what the command ends with, or `usage` for options that it does not take; the reason of the
 * signal where that aborts before there is anything to save
 */
export async function* callCommand<Item>(
  call: CommandCall,
  { signal, onNotice = () => undefined, ...options }: CallOptions & object,
): AsyncGenerator<Item, void, undefined> {
  const given = checkedOptions(options, call.table);
  signal?.throwIfAborted();
  const stop = new AbortController();
  const forward = () => stop.abort(signal?.reason);
  signal?.addEventListener('abort', forward, { once: true });
  const items: Item[] = [];
  let wake = () => {};
  let hasEnded = false;
  // As JSON has it, so that what is given is what is printed: null for what is no finite number.
  const give = (value: object) => {
    items.push(JSON.parse(JSON.stringify(value)));
    wake();
  };
  const listener: Listener = call.isStreamed
    ? { json: (value) => give({ event: 'end', ...value }), piece: give, notice: onNotice }
    : { json: give, notice: onNotice };
  const work = inTurn(async () => {
    stop.signal.throwIfAborted();
    const { run } = await call.load();
    await run({ ...given, json: true } as never, [...call.operands], stop.signal, []);
  });
  const ended = withListener(listener, work).finally(() => {
    hasEnded = true;
    wake();
  });
  // It is waited for below; until then a failure is not unhandled.
  ended.catch(() => undefined);
  try {
    for (;;) {
      while (items.length > 0) yield items.shift() as Item;
      if (hasEnded) return await ended;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    signal?.removeEventListener('abort', forward);
    if (!hasEnded) {
      const left = new DOMException('nobody listens any more', 'AbortError');
      stop.abort(left);
      await ended.catch((error: unknown) => {
        if (error !== left) throw error;
      });
    }
  }
}

/** `work`, to be begun once all earlier calls have ended. */
function inTurn<Result>(work: () => Promise<Result>): () => Promise<Result> {
  return () => {
    const result = lastCall.then(work);
    lastCall = result.catch(() => undefined);
    return result;
  };
}

/** @throws UserError `usage` naming an option that there is not, or a value that it cannot have */
function checkedOptions(options: object, table: OptionTable): object {
  const entries = new Map(Object.entries(options).filter(([, value]) => value !== undefined));
  return Object.fromEntries(
    optionsOf({ path: 'options', entries, lineOf: () => undefined }, table),
  );
}
