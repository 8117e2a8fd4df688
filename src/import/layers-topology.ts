/** The layers of a TensorFlow.js model, which must follow one another. */
import { isJsonObject, type JsonObject, type JsonValue } from '../checkpoint/json.ts';
import { quoted, showValue } from '../errors.ts';
import { unfit } from './imported-model.ts';

export interface LayerRecord {
  readonly className: string;
  readonly name: string;
  /** What its weights may be called after: itself, or what it is wrapped in. */
  readonly names: readonly string[];
  readonly config: JsonObject;
}

/** What changes nothing outside of training, or is no more than the beginning. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  'InputLayer',
  'Dropout',
  'SpatialDropout1D',
  'GaussianNoise',
]);
const HINT = 'What can be imported is Embedding, recurrent layers, and Dense, one after the other.';
const MOST_LAYERS = 200;

/**
 * The layers that compute something, the first one first; probabilities at the end are left to be logits.
 *
 * @param topology the field `modelTopology` of the file `path`
 * @throws UserError `import-file` for what is no chain, or reads a text in both directions
 */
export function chainOfLayers(topology: JsonValue | undefined, path: string): LayerRecord[] {
  const root = objectOf(topology);
  const { class_name: className, config } = objectOf(root.model_config ?? root);
  const list = Array.isArray(config) ? (config as readonly JsonValue[]) : objectOf(config).layers;
  if (typeof className !== 'string' || !Array.isArray(list)) {
    throw unfit(path, 'a model of layers in "modelTopology"', showValue(topology), HINT);
  }
  if (list.length > MOST_LAYERS) {
    throw unfit(path, `at most ${MOST_LAYERS} layers`, `${list.length}`, HINT);
  }
  const nodes = list.map((entry: JsonValue) => objectOf(entry));
  if (className !== 'Sequential') assertChain(nodes, path);
  return nodes.map((node) => layerOf(node, path)).filter(hasEffect);
}

function layerOf(node: JsonObject, path: string): LayerRecord {
  const { class_name: className, config: given } = node;
  const config = objectOf(given);
  const { name } = config;
  if (typeof className !== 'string' || typeof name !== 'string') {
    throw unfit(path, 'layers with "class_name" and a name', showValue(node), HINT);
  }
  if (className === 'TimeDistributed') {
    // Dense reads each step by itself without it, too.
    const wrapped = layerOf(objectOf(config.layer), path);
    return { ...wrapped, names: [...wrapped.names, name] };
  }
  if (config.go_backwards === true || className === 'Bidirectional') {
    const hint = 'What reads a text from its end cannot predict it.';
    throw unfit(path, 'layers that read a text from its beginning on', quoted(name), hint);
  }
  const end = config.activation ?? 'linear';
  if (className === 'Dense' && end !== 'linear' && end !== 'softmax') {
    throw unfit(path, `${quoted(name)} to end with softmax or nothing`, showValue(end), HINT);
  }
  return { className, name, names: [name], config };
}

function hasEffect({ className, config }: LayerRecord): boolean {
  if (className === 'Activation') return config.activation !== 'softmax';
  return className !== 'Softmax' && !WITHOUT_EFFECT.has(className);
}

/** Each layer of a functional model must read the one before alone. */
function assertChain(nodes: readonly JsonObject[], path: string): void {
  for (const [i, node] of nodes.entries()) {
    if (i === 0) continue;
    const before = nodes[i - 1]!.name;
    const read = namesIn(node.inbound_nodes);
    if (read.length === 1 && read[0] === before) continue;
    const found = read.length === 0 ? 'none' : read.map((name) => quoted(name)).join(', ');
    throw unfit(path, `${showValue(node.name)} to read ${showValue(before)} alone`, found, HINT);
  }
}

/** The layers that nodes name: [[["embedding", 0, 0, {}]]], or objects with a history in newer files. */
function namesIn(value: JsonValue | undefined): string[] {
  if (Array.isArray(value)) {
    const [first, ...rest] = value as readonly JsonValue[];
    if (
      typeof first === 'string' &&
      rest.every((each) => typeof each === 'number' || isJsonObject(each))
    ) {
      return [first];
    }
    return value.flatMap((each: JsonValue) => namesIn(each));
  }
  return isJsonObject(value) ? Object.values(value).flatMap((each) => namesIn(each)) : [];
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
