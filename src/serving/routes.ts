/** Which request gets which answer. */
import type { IncomingMessage } from 'node:http';
import { showValue } from '../errors.ts';
import { answerJson } from './answer.ts';
import { ApiError } from './api-error.ts';
import { answerCompletion } from './completions.ts';
import type { Exchange, Service } from './exchange.ts';
import { answerGenerate } from './generate-answer.ts';
import { modelDescription, modelObject } from './model-description.ts';
import { type Asset, PAGE_POLICY, readPlayground } from './playground.ts';
import { readFields } from './request-body.ts';

export interface Route {
  readonly method: 'GET' | 'POST';
  /** Whether the server's key is needed for it, if it has one. */
  readonly needsKey: boolean;
  readonly answer: (request: IncomingMessage, exchange: Exchange) => void | Promise<void>;
}

const ONE_MODEL = '/v1/models/';

/** The routes of a service by their paths. */
export function routeOf(service: Service, needsKey: boolean): (path: string) => Route | undefined {
  const { model, queue, limits } = service;
  const get = (value: () => object): Route => ({
    method: 'GET',
    needsKey: true,
    answer: (_, { response }) => answerJson(response, value()),
  });
  const post = (answer: typeof answerCompletion): Route => ({
    method: 'POST',
    needsKey: true,
    answer: async (request, exchange) => {
      await answer(await readFields(request, limits.bodyBytes), service, exchange);
    },
  });
  const health = () => ({ status: 'ok', model: model.name, requests: queue.load, needsKey });
  const routes = new Map<string, Route>([
    ['/health', { ...get(health), needsKey: false }],
    ['/v1/models', get(() => ({ object: 'list', data: [modelObject(model)] }))],
    ['/v1/completions', post(answerCompletion)],
    ['/api/model', get(() => modelDescription(service))],
    ['/api/generate', post(answerGenerate)],
  ]);
  for (const [path, asset] of readPlayground()) routes.set(path, assetRoute(asset));
  const oneModel = (path: string): Route =>
    get(() => {
      if (nameIn(path) === model.name) return modelObject(model);
      throw new ApiError(404, `model: expected ${showValue(model.name)}, found another`, {
        code: 'model_not_found',
      });
    });
  return (path) => routes.get(path) ?? (path.startsWith(ONE_MODEL) ? oneModel(path) : undefined);
}

function nameIn(path: string): string | undefined {
  try {
    return decodeURIComponent(path.slice(ONE_MODEL.length));
  } catch {
    return undefined;
  }
}

function assetRoute({ body, type }: Asset): Route {
  return {
    method: 'GET',
    needsKey: false,
    answer: (_, { response }) => {
      response.setHeader('Content-Security-Policy', PAGE_POLICY);
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.writeHead(200, { 'Content-Type': type, 'Content-Length': body.length });
      response.end(body);
    },
  };
}
