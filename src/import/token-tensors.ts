/** Which tensors of a PyTorch model are the embedding and the output layer, whatever they are called. */
import type { TensorData, TensorMap } from '../tensor-data.ts';
import { unfit } from './imported-model.ts';
import { zeros } from './recurrent-tensors.ts';

const EMBEDDING = /(^|\.)(\w*emb\w*|encoder|wte|lookup)(\.|$)/i;
const OUTPUT =
  /(^|\.)(fc\d*|linear\d*|\w*head|out|output\w*|decoder|proj\w*|classifier|dense|h2o|to_logits)(\.|$)/i;
const HINT =
  'Call them embedding.weight, fc.weight and fc.bias; a model here is an embedding, recurrent layers and one ' +
  'linear layer.';

/** Shapes: V vocabulary size, E embedding size, H hidden size. */
export interface TokenTensors {
  readonly vocabularySize: number;
  readonly tied: boolean;
  /** `embedding.weight` [V, E], `fc.weight` [V, H] unless tied, and `fc.bias` [V]. */
  readonly weights: TensorMap;
}

/**
 * @param others the tensors that are no part of recurrent layers
 * @param path the file that they are from, for messages
 * @throws UserError `import-file` if it cannot be told, or if there are more
 */
export function tokenTensors(
  others: TensorMap,
  { embeddingSize: E, hiddenSize: H }: { embeddingSize: number; hiddenSize: number },
  path: string,
): TokenTensors {
  const rest = new Map(others);
  const take = (name: string | undefined): TensorData | undefined => {
    const tensor = name === undefined ? undefined : rest.get(name);
    if (name !== undefined) rest.delete(name);
    return tensor;
  };
  const namesOf = (fits: (tensor: TensorData) => boolean) =>
    [...rest].filter(([, tensor]) => fits(tensor)).map(([name]) => name);
  const isMatrix = ({ shape }: TensorData) => shape.length === 2 && shape[0] !== 0;

  const tables = namesOf((tensor) => isMatrix(tensor) && tensor.shape[1] === E);
  // An output layer has a bias beside it, which an embedding never has.
  const withoutBias = tables.filter((name) => !rest.has(biasBeside(name)));
  const embedding = take(theOne(tables, EMBEDDING) ?? theOne(withoutBias, EMBEDDING));
  if (!embedding) throw unclear(path, `one embedding [vocabulary, ${E}]`, tables);
  const V = embedding.shape[0]!;

  const matrices = namesOf((tensor) => isMatrix(tensor) && String(tensor.shape) === `${V},${H}`);
  const output = theOne(matrices, OUTPUT);
  const isTied = output === undefined && matrices.length === 0 && E === H;
  if (output === undefined && !isTied) {
    throw unclear(path, `one output layer's weight [${V}, ${H}]`, matrices);
  }
  const biases = namesOf(({ shape }) => String(shape) === String(V));
  const bias = take(output && rest.has(biasBeside(output)) ? biasBeside(output) : biases[0]);
  const weight = take(output);
  const left = [...rest.keys()];
  if (left.length > 0) throw unclear(path, 'an embedding and an output layer alone', left);

  const isSame = weight !== undefined && E === H && isEqual(weight.data, embedding.data);
  const tied = isTied || isSame;
  const weights: TensorMap = new Map([['embedding.weight', embedding]]);
  if (weight && !tied) weights.set('fc.weight', weight);
  weights.set('fc.bias', bias ?? zeros(V));
  return { vocabularySize: V, tied, weights };
}

function biasBeside(name: string): string {
  return name.replace(/weight$/, 'bias');
}

/** The only one of `names`, or the only one that is named so. */
function theOne(names: readonly string[], pattern: RegExp): string | undefined {
  const named = names.filter((name) => pattern.test(name));
  return named.length === 1 ? named[0] : names.length === 1 ? names[0] : undefined;
}

function isEqual(a: Float32Array, b: Float32Array): boolean {
  return a.every((value, i) => value === b[i]);
}

function unclear(path: string, expected: string, names: readonly string[]) {
  const found = names.slice(0, 5).join(', ') + (names.length > 5 ? ', …' : '');
  return unfit(path, expected, found === '' ? 'none' : found, HINT);
}
