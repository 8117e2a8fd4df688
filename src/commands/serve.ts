import { basename, dirname, resolve } from 'node:path';
import { type CheckpointModel, openModel } from '../checkpoint/model.ts';
import { type ServeOptions, serveOptions } from '../config/serve.ts';
import { quoted, UserError } from '../errors.ts';
import { selectParameters, weightsOf } from '../model/weights.ts';
import { type GivenOptions, withDefaults } from '../option-table.ts';
import { isHostName, isLoopback } from '../serving/guard.ts';
import { DEFAULT_LIMITS } from '../serving/limits.ts';
import type { ServedModel } from '../serving/served-model.ts';
import { ModelServer } from '../serving/server.ts';
import { ServeView } from './serve-view.ts';
import { startBackend } from './start-backend.ts';

/** `gru-lm serve`: answers requests until it is asked to end. */
export async function run(
  given: GivenOptions<typeof serveOptions>,
  [name]: string[],
  signal: AbortSignal,
): Promise<void> {
  const options = withDefaults(serveOptions, given);
  const apiKey = readKey(options.apiKey ?? process.env.GRU_LM_API_KEY);
  for (const origin of options.allowOrigin ?? []) assertOrigin(origin);
  for (const host of options.allowHost ?? []) assertHostName(host);
  const model = await openModel(name, ['weights']);
  const view = new ServeView(options);
  await startBackend(options, signal);
  const { host, port, allowHost, allowOrigin, maxTokens, maxPrompt } = options;
  const server = new ModelServer(servedModel(model), {
    ...{ host, port, allowHost, allowOrigin, apiKey },
    limits: {
      ...DEFAULT_LIMITS,
      ...{ tokens: maxTokens, promptTokens: maxPrompt },
      ...{ requests: options.maxRequests, waiting: options.maxWaiting },
    },
    onAnswered: (answered) => view.answered(answered),
  });
  signal.throwIfAborted();
  const url = await server.start();
  view.started(url, model.checkpoint.path, runName(model));
  if (!isLoopback(host) && apiKey === undefined) view.warnOpen(host);
  if (!signal.aborted) await new Promise((end) => signal.addEventListener('abort', end));
  view.stopping();
  await server.stop();
}

function servedModel(model: CheckpointModel): ServedModel {
  const { checkpoint, modelConfig, tokenizer } = model;
  const parameters = selectParameters(modelConfig, checkpoint.weights, checkpoint.path);
  return {
    ...{ config: modelConfig, weights: weightsOf(parameters), tokenizer },
    ...{ name: runName(model), path: checkpoint.path, step: checkpoint.step },
    createdSeconds: Math.floor(Date.parse(checkpoint.created) / 1000),
  };
}

/** The name of the run's directory: of a checkpoint that was copied from its run, that of where it is. */
function runName({ checkpoint }: CheckpointModel): string {
  return basename(dirname(resolve(checkpoint.path)));
}

/** A key as a header can hold it; empty: none. */
function readKey(key: ServeOptions['apiKey']): string | undefined {
  if (key === undefined || key === '') return undefined;
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new UserError(
    'usage',
    '--api-key: expected letters, digits and signs of ASCII without spaces, found other characters',
    'Give another key, here or in GRU_LM_API_KEY.',
  );
}

function assertHostName(host: string): void {
  if (isHostName(host)) return;
  throw new UserError(
    'usage',
    `--allow-host: expected a name or an address such as box.example, found ${quoted(host)}`,
    'Leave out scheme, port and path: it is called so at any port.',
  );
}

function assertOrigin(origin: string): void {
  if (URL.canParse(origin) && new URL(origin).origin === origin) return;
  throw new UserError(
    'usage',
    `--allow-origin: expected an origin such as https://example.org, found ${quoted(origin)}`,
    'Give scheme, host and port as browsers send them, without a path.',
  );
}
