/** `POST /api/generate`: a text token by token, with what the model thought of each. */
import type { Tokenizer } from '../data/tokenizer.ts';
import { TokenChooser } from '../generation/choose-token.ts';
import { afterPrompt } from '../generation/text-model.ts';
import type { PooledText, TextEnd } from '../generation/text-pool.ts';
import { Random } from '../random.ts';
import { StreamedAnswer } from './answer.ts';
import type { Exchange, Service } from './exchange.ts';
import { generateRequest } from './generate-request.ts';
import type { Fields } from './request-body.ts';
import { type ShownToken, ShownTokens } from './shown-tokens.ts';

/**
 * Answers a request by a JSON object a line: `start`, a `token` for each, `end`; or `error`.
 *
 * @throws as `answerCompletion`
 */
export async function answerGenerate(
  fields: Fields,
  service: Service,
  exchange: Exchange,
): Promise<void> {
  const { model, queue, limits } = service;
  const { tokenizer } = model;
  const request = generateRequest(fields, model, limits);
  const { prompt, length, stop, choice, seed, alternatives } = request;
  const { tokens } = exchange;
  tokens.prompt = prompt.ids.length;
  const answer = new StreamedAnswer(exchange.response, 'application/x-ndjson', limits);
  const start = afterPrompt(tokenizer, prompt.ids);
  const shown = new ShownTokens(tokenizer, start.tokens, alternatives);
  let [nats, isStarted, ended, restOfText] = [0, false, 'length' as TextEnd, ''];
  const tell = (some: readonly ShownToken[]) => {
    if (!isStarted) {
      const unknown = tokenizer.findUnknown(prompt.text)?.piece ?? null;
      const promptTokens = tokens.prompt;
      answer.write(lineOf({ event: 'start', model: model.name, promptTokens, unknown, seed }));
      isStarted = true;
    }
    if (some.length > 0) answer.write(some.map((token) => tokenLine(tokenizer, token)).join(''));
  };
  const text: PooledText = {
    random: new Random(seed),
    onToken: (piece, logProbabilities) => {
      tokens.made += 1;
      nats += piece.nats;
      tell(shown.push(piece, logProbabilities));
    },
    onEnd: (end, rest) => {
      const last = shown.end(rest, end === 'stop');
      [ended, restOfText] = [end, last.rest];
      tell(last.tokens);
    },
  };
  const chooser = new TokenChooser(choice, tokenizer.unknownId);
  try {
    await queue.make(
      [{ start, chooser, options: { length, stop }, texts: [text] }],
      exchange.signal,
    );
  } catch (error) {
    answer.fail(error, ({ message }) => lineOf({ event: 'error', message }));
  }
  const natsPerToken = nats / tokens.made;
  answer.end(
    lineOf({
      ...{ event: 'end', end: ended, text: restOfText },
      ...{ tokens: tokens.made, natsPerToken, seed },
    }),
  );
}

function tokenLine(tokenizer: Tokenizer, { id, nats, text, alternatives }: ShownToken): string {
  return lineOf({
    event: 'token',
    id,
    token: tokenizer.token(id),
    text,
    nats,
    alternatives: alternatives.map((other) => ({
      id: other.id,
      token: tokenizer.token(other.id),
      probability: Math.exp(other.logProbability),
    })),
  });
}

function lineOf(value: object): string {
  return `${JSON.stringify(value)}\n`;
}
