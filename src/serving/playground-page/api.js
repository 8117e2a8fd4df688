/**
 * What the server says.
 *
 * @typedef {{ name: string, type: 'integer' | 'number' | 'switch' | 'texts', flag: string, help: string,
 *   placeholder?: string, default?: number, min?: number, above?: number, max?: number }} Option
 * @typedef {{ model: string, step: number, tokenizer: string, vocabularySize: number, cell: string, layers: number,
 *   hiddenSize: number, limits: { tokens: number, promptTokens: number, alternatives: number },
 *   levelStarts: number[], options: Option[] }} Model
 * @typedef {{ id: number, token: string, probability: number }} Alternative
 * @typedef {{ event: 'start', promptTokens: number, unknown: string | null, seed: number }} StartEvent
 * @typedef {{ event: 'token', id: number, token: string, text: string, nats: number, alternatives: Alternative[] }} TokenEvent
 * @typedef {{ event: 'end', end: string, text: string, tokens: number, natsPerToken: number, seed: number }} EndEvent
 * @typedef {StartEvent | TokenEvent | EndEvent | { event: 'error', message: string }} GenerateEvent
 */

/** @param {string} key */
function headersFor(key) {
  return key === '' ? {} : { Authorization: `Bearer ${key}` };
}

/**
 * The answer, if it is a good one.
 *
 * @param {Response} response
 */
async function assertGood(response) {
  if (response.ok) return response;
  const found = await response.json().catch(() => ({}));
  throw new Error(found.error?.message ?? `the server answered ${response.status}`);
}

/** Whether the server wants a key. */
export async function needsKey() {
  const response = await assertGood(await fetch('/health'));
  return /** @type {{ needsKey: boolean }} */ (await response.json()).needsKey;
}

/**
 * @param {string} key
 * @returns {Promise<Model>}
 */
export async function readModel(key) {
  const response = await fetch('/api/model', { headers: headersFor(key) });
  return (await assertGood(response)).json();
}

/**
 * Asks for a text. What comes together is handed on together.
 *
 * @param {object} request
 * @param {string} key
 * @param {AbortSignal} signal
 * @param {(events: GenerateEvent[]) => void} take
 */
export async function generate(request, key, signal, take) {
  const response = await fetch('/api/generate', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headersFor(key) },
    body: JSON.stringify(request),
    signal,
  });
  const { body } = await assertGood(response);
  if (!body) return;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let unread = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (unread + value).split('\n');
    unread = lines.pop() ?? '';
    take(lines.map((line) => JSON.parse(line)));
  }
}
