/** What `GET /v1/models` and `GET /api/model` say of the model. */
import { LEVEL_STARTS } from '../inspection/surprise-levels.ts';
import type { Service } from './exchange.ts';
import { MOST_ALTERNATIVES, servedOptions } from './generate-request.ts';
import type { ServedModel } from './served-model.ts';

/** As OpenAI has it. */
export function modelObject({ name, createdSeconds }: ServedModel): object {
  return { id: name, object: 'model', created: createdSeconds, owned_by: 'gru-lm' };
}

/** All that a page has to know to ask for texts. */
export function modelDescription({ model, limits }: Service): object {
  const { name, step, tokenizer, config } = model;
  return {
    model: name,
    step,
    tokenizer: tokenizer.kind,
    vocabularySize: tokenizer.vocabularySize,
    cell: config.cell ?? 'gru',
    layers: config.layers,
    hiddenSize: config.hiddenSize,
    limits: {
      tokens: limits.tokens,
      promptTokens: limits.promptTokens,
      alternatives: MOST_ALTERNATIVES,
    },
    /** Where the levels above the lowest begin by which a surprise is shaded, in nats. */
    levelStarts: LEVEL_STARTS,
    options: Object.entries(servedOptions(limits)).map(([option, { group, ...spec }]) => ({
      name: option,
      ...spec,
    })),
  };
}
