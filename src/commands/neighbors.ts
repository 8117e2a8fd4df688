import { stat } from 'node:fs/promises';
import { type CheckpointModel, openModel } from '../checkpoint/model.ts';
import { neighborsOptions } from '../config/inspection-options.ts';
import { quoted, UserError } from '../errors.ts';
import { findToken } from '../inspection/find-token.ts';
import { nearest, type Rows, rowsOf } from '../inspection/neighbors.ts';
import { type GivenOptions, withDefaults } from '../option-table.ts';
import { checkpointName } from './inspection.ts';
import { outStyle, printJson, printLine, showInline } from './terminal.ts';

/** `gru-lm neighbors`: needs no backend. */
export async function run(
  given: GivenOptions<typeof neighborsOptions>,
  [typed = '', name]: string[],
  signal: AbortSignal,
): Promise<void> {
  const options = withDefaults(neighborsOptions, given);
  const model = await openNamed(typed, name);
  signal.throwIfAborted();
  const { checkpoint, tokenizer, modelConfig } = model;
  const id = idOf(model, typed);
  const rows = rowsOf(checkpoint.weights, options.of);
  if (!rows) {
    throw new UserError(
      'model-unfit',
      'expected a model that scores all tokens in one space, found an adaptive softmax, whose clusters have spaces of their own',
      'Compare embeddings: --of embedding.',
    );
  }
  const neighbors = nearest(rows, id, options.count).map((each) => ({
    id: each.id,
    token: tokenizer.token(each.id),
    similarity: Number(each.similarity.toPrecision(6)),
  }));
  const tied = modelConfig.tied === true;
  if (options.json) {
    printJson({ id, token: tokenizer.token(id), of: options.of, tied, neighbors });
    return;
  }
  printLine(
    `${outStyle.bold(`"${showInline(tokenizer.token(id))}"`)} under ${showInline(checkpointName({ model }))}, by ${describe(options.of, tied)}`,
  );
  if (neighbors.length === 0)
    printLine('none: there is no other token with a direction to compare');
  for (const { token, similarity } of neighbors) {
    printLine(`${similarity.toFixed(4).padStart(8)}  ${outStyle.cyan(`"${showInline(token)}"`)}`);
  }
}

function describe(of: Rows, tied: boolean): string {
  if (tied) return 'embeddings, by which tokens are also scored';
  return of === 'embedding' ? 'embeddings' : 'the output layer’s rows';
}

/** @throws UserError `usage` where the token and the checkpoint seem to have changed places */
async function openNamed(typed: string, name: string | undefined): Promise<CheckpointModel> {
  try {
    return await openModel(name, ['weights']);
  } catch (error) {
    const isMissing = error instanceof UserError && error.code === 'checkpoint-missing';
    const isDirectory = await stat(typed).then(
      (stats) => stats.isDirectory(),
      () => false,
    );
    if (!isMissing || !isDirectory) throw error;
    throw new UserError(
      'usage',
      `expected the token first and then the checkpoint, found the directory ${typed} first`,
      `Type gru-lm neighbors ${name === undefined ? 'TOKEN' : quoted(name)} ${typed}.`,
      { cause: error },
    );
  }
}

function idOf({ tokenizer }: CheckpointModel, typed: string): number {
  const found = findToken(tokenizer, typed);
  if ('id' in found) return found.id;
  const { pieces, suggestions } = found;
  const what =
    pieces.length > 0
      ? `${pieces.length} tokens, ${pieces
          .slice(0, 5)
          .map((piece) => quoted(piece))
          .join(' ')}${pieces.length > 5 ? ' …' : ''}`
      : 'none';
  const others = suggestions.map((name) => quoted(name)).join(', ');
  throw new UserError(
    'token-unknown',
    `expected a token of the ${tokenizer.kind} model, found ${what} for ${quoted(typed)}`,
    others === ''
      ? 'echo TEXT | gru-lm tokenize - --checkpoint RUN shows what its tokens are.'
      : `Did you mean ${others}?`,
  );
}
