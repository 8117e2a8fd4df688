/** Waits for `work`, or throws as soon as `signal` aborts: for input that may never end. */
export function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** The items as they come, until `signal` aborts, which throws its reason: for input that may never end. */
export async function* itemsUntilAborted<Item>(
  items: AsyncGenerator<Item, void, undefined>,
  signal: AbortSignal,
): AsyncGenerator<Item, void, undefined> {
  try {
    for (;;) {
      const { value, done } = await untilAborted(items.next(), signal);
      if (done) return;
      yield value as Item;
    }
  } finally {
    // Not waited for: it may itself wait for input that never comes.
    items.return().catch(() => undefined);
  }
}
