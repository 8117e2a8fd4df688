/** The models that are measured, and how many operations they take. */

/** V, E, H, L of a model, B and T of its training windows. */
export interface Size {
  vocabulary: number;
  embedding: number;
  hidden: number;
  layers: number;
  batch: number;
  steps: number;
}

const character = { vocabulary: 65, embedding: 64, layers: 2 } as const;

/** The sizes of the main tables. */
export const namedSizes = {
  seed: { vocabulary: 10_000, embedding: 300, hidden: 512, layers: 2, batch: 32, steps: 35 },
  char: { ...character, hidden: 512, batch: 50, steps: 50 },
  small: { ...character, embedding: 128, hidden: 128, batch: 50, steps: 50 },
} as const satisfies Record<string, Size>;

/** One model at hidden sizes that double: from where calls decide to where products do. */
export const sweepSizes: Readonly<Record<string, Size>> = Object.fromEntries(
  [64, 128, 256, 512, 1024, 2048].map((hidden) => [
    `h${hidden}`,
    { ...character, hidden, batch: 32, steps: 64 },
  ]),
);

const allSizes: Readonly<Record<string, Size>> = { ...namedSizes, ...sweepSizes };

/** The size of that name, which must be one of the above. */
export function sizeOf(name: string): Size {
  const size = allSizes[name];
  if (size === undefined) throw new Error(`no size is named ${name}`);
  return size;
}

/** `vocabulary 65, embedding 64, hidden 512 × 2` */
export function describeModel({ vocabulary, embedding, hidden, layers }: Size): string {
  return `vocabulary ${vocabulary}, embedding ${embedding}, hidden ${hidden} × ${layers}`;
}

/**
 * Floating-point operations that training on one token takes in matrix products:
 *
 *     3 × 2 × (Σ_layers 3H(I_l + H) + H·V)
 *
 * A product of a vector and a matrix is one multiplication and one addition for each element of the
 * matrix; the gradients with respect to the vector and to the matrix take as many again each. I_l is E
 * for the first layer and H for the others. Everything that is not a product (gates, softmax, update)
 * counts as nothing, so that the share of the ceiling can only be reached where that takes no time.
 */
export function trainingFlopsPerToken({ vocabulary, embedding, hidden, layers }: Size): number {
  let elements = hidden * vocabulary;
  for (let layer = 0; layer < layers; layer++) {
    elements += 3 * hidden * ((layer === 0 ? embedding : hidden) + hidden);
  }
  return 3 * 2 * elements;
}
