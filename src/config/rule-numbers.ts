/** The numbers of the rule for what a run takes that is told nothing of its model: see `defaultsByRule`. */

/** A model's size and how it learns. */
export type Size = {
  hiddenSize: number;
  layers: number;
  dropout: number;
  learningRate: number;
  weightDecay: number;
};
/** How batches and models are chosen from so many tokens to train on; `dropout` is without that by passes. */
export type Row = { from: number; batchSize: number; bySeconds: readonly Size[] };
/** What changes from so many passes over the text on. */
type ByPasses = {
  from: number;
  leastDecay: number;
  dropoutEmbedding: number;
  moreDropout: number;
};

/**
 * The numbers: a row from so many tokens to train on, in it a column from so many seconds of training.
 *
 * More text and more time allow larger models, and larger ones want lower rates. Of text that is seen again
 * and again a model learns less by heart where its weights decay, with Muon, or where some of its outputs
 * are dropped: the less text and the more time there is, the more of that.
 *
 * Muon trains several layers as well as one, and makes more of a batch; what it multiplies for that is fast
 * enough by the native operations alone.
 */
export const FROM_SECONDS = [0, 30, 180, 600] as const;
export const BY_MUON: readonly Row[] = [
  {
    from: 0,
    batchSize: 16,
    bySeconds: [
      { hiddenSize: 64, layers: 1, dropout: 0.1, learningRate: 0.017, weightDecay: 0.1 },
      { hiddenSize: 64, layers: 1, dropout: 0.3, learningRate: 0.017, weightDecay: 0.1 },
      { hiddenSize: 96, layers: 1, dropout: 0.4, learningRate: 0.014, weightDecay: 0.1 },
      { hiddenSize: 128, layers: 1, dropout: 0.5, learningRate: 0.01, weightDecay: 0.1 },
    ],
  },
  {
    from: 30_000,
    batchSize: 32,
    bySeconds: [
      { hiddenSize: 128, layers: 1, dropout: 0, learningRate: 0.017, weightDecay: 0.1 },
      { hiddenSize: 128, layers: 2, dropout: 0.2, learningRate: 0.014, weightDecay: 0.1 },
      { hiddenSize: 192, layers: 2, dropout: 0.35, learningRate: 0.01, weightDecay: 0.1 },
      { hiddenSize: 256, layers: 2, dropout: 0.5, learningRate: 0.007, weightDecay: 0.1 },
    ],
  },
  {
    from: 100_000,
    batchSize: 32,
    bySeconds: [
      { hiddenSize: 128, layers: 2, dropout: 0, learningRate: 0.017, weightDecay: 0.1 },
      { hiddenSize: 192, layers: 3, dropout: 0, learningRate: 0.015, weightDecay: 0.2 },
      { hiddenSize: 256, layers: 3, dropout: 0, learningRate: 0.015, weightDecay: 0.5 },
      { hiddenSize: 256, layers: 3, dropout: 0, learningRate: 0.012, weightDecay: 0.7 },
    ],
  },
  {
    from: 300_000,
    batchSize: 64,
    bySeconds: [
      { hiddenSize: 192, layers: 2, dropout: 0, learningRate: 0.015, weightDecay: 0.1 },
      { hiddenSize: 192, layers: 3, dropout: 0, learningRate: 0.015, weightDecay: 0.2 },
      { hiddenSize: 256, layers: 4, dropout: 0, learningRate: 0.015, weightDecay: 0.5 },
      { hiddenSize: 384, layers: 4, dropout: 0, learningRate: 0.01, weightDecay: 0.7 },
    ],
  },
  {
    from: 1_500_000,
    batchSize: 64,
    bySeconds: [
      { hiddenSize: 192, layers: 2, dropout: 0, learningRate: 0.015, weightDecay: 0.1 },
      { hiddenSize: 192, layers: 3, dropout: 0, learningRate: 0.015, weightDecay: 0.2 },
      { hiddenSize: 256, layers: 4, dropout: 0, learningRate: 0.015, weightDecay: 0.3 },
      { hiddenSize: 384, layers: 4, dropout: 0, learningRate: 0.01, weightDecay: 0.4 },
    ],
  },
  {
    from: 3_000_000,
    batchSize: 64,
    bySeconds: [
      { hiddenSize: 192, layers: 2, dropout: 0, learningRate: 0.015, weightDecay: 0.1 },
      { hiddenSize: 256, layers: 3, dropout: 0, learningRate: 0.015, weightDecay: 0.1 },
      { hiddenSize: 384, layers: 4, dropout: 0, learningRate: 0.01, weightDecay: 0.1 },
      { hiddenSize: 512, layers: 4, dropout: 0, learningRate: 0.008, weightDecay: 0.2 },
    ],
  },
];

/** For the other optimizers, whose decay is that of adamw. */
export const BY_OTHERS: readonly Row[] = [
  {
    from: 0,
    batchSize: 8,
    bySeconds: [
      { hiddenSize: 64, layers: 1, dropout: 0.1, learningRate: 0.01, weightDecay: 0.01 },
      { hiddenSize: 64, layers: 1, dropout: 0.3, learningRate: 0.01, weightDecay: 0.01 },
      { hiddenSize: 96, layers: 1, dropout: 0.4, learningRate: 0.008, weightDecay: 0.01 },
      { hiddenSize: 128, layers: 1, dropout: 0.5, learningRate: 0.006, weightDecay: 0.01 },
    ],
  },
  {
    from: 30_000,
    batchSize: 16,
    bySeconds: [
      { hiddenSize: 128, layers: 1, dropout: 0, learningRate: 0.01, weightDecay: 0.01 },
      { hiddenSize: 128, layers: 2, dropout: 0.2, learningRate: 0.008, weightDecay: 0.01 },
      { hiddenSize: 192, layers: 2, dropout: 0.35, learningRate: 0.006, weightDecay: 0.01 },
      { hiddenSize: 256, layers: 2, dropout: 0.5, learningRate: 0.004, weightDecay: 0.01 },
    ],
  },
  {
    from: 300_000,
    batchSize: 32,
    bySeconds: [
      { hiddenSize: 192, layers: 2, dropout: 0, learningRate: 0.008, weightDecay: 0.01 },
      { hiddenSize: 256, layers: 2, dropout: 0, learningRate: 0.006, weightDecay: 0.01 },
      { hiddenSize: 384, layers: 2, dropout: 0.1, learningRate: 0.004, weightDecay: 0.01 },
      { hiddenSize: 512, layers: 2, dropout: 0.2, learningRate: 0.003, weightDecay: 0.01 },
    ],
  },
  {
    from: 3_000_000,
    batchSize: 32,
    bySeconds: [
      { hiddenSize: 256, layers: 2, dropout: 0, learningRate: 0.006, weightDecay: 0.01 },
      { hiddenSize: 256, layers: 2, dropout: 0, learningRate: 0.006, weightDecay: 0.01 },
      { hiddenSize: 512, layers: 2, dropout: 0, learningRate: 0.003, weightDecay: 0.01 },
      { hiddenSize: 768, layers: 2, dropout: 0.1, learningRate: 0.002, weightDecay: 0.01 },
    ],
  },
];

export const FIRST_PASSES: ByPasses = {
  from: 0,
  dropoutEmbedding: 0,
  moreDropout: 0,
  leastDecay: 0,
};
/**
 * By how often a text is read: what is dropped of its embeddings, and of outputs besides, and the least that weights
 * decay by Muon. Of characters it is for Muon alone, as the others' rows say what they drop.
 */
export const BY_PASSES: Record<'characters' | 'parts' | 'words', readonly ByPasses[]> = {
  characters: [
    FIRST_PASSES,
    { from: 9, dropoutEmbedding: 0.1, moreDropout: 0, leastDecay: 0.7 },
    { from: 20, dropoutEmbedding: 0.2, moreDropout: 0.1, leastDecay: 0.6 },
    { from: 35, dropoutEmbedding: 0.2, moreDropout: 0.2, leastDecay: 0.5 },
    { from: 150, dropoutEmbedding: 0.3, moreDropout: 0.2, leastDecay: 0.7 },
  ],
  parts: [
    FIRST_PASSES,
    { from: 4, dropoutEmbedding: 0, moreDropout: 0, leastDecay: 0.4 },
    { from: 8, dropoutEmbedding: 0, moreDropout: 0, leastDecay: 0.9 },
  ],
  words: [
    FIRST_PASSES,
    { from: 3, dropoutEmbedding: 0.1, moreDropout: 0, leastDecay: 1 },
    { from: 8, dropoutEmbedding: 0.2, moreDropout: 0.15, leastDecay: 1 },
    { from: 11, dropoutEmbedding: 0.35, moreDropout: 0.2, leastDecay: 1 },
  ],
};
/**
 * By the vocabulary's size: the embeddings', at most that of a layer. Where most tokens are rare they are
 * scored by their embeddings, which then are learned from what precedes them, too, and layers add what they
 * read to their outputs; and a text has fewer of them, and of parts of words, than characters to learn so much from, so
 * that it is read again sooner; a lower rate only learns less (10,000 words, two layers of 384: 0.016 was
 * better than 0.008, and that than 0.004).
 */
export const BY_VOCABULARY = [
  { from: 0, embeddingSize: 64, mostLayers: 16, kind: 'characters' },
  { from: 1000, embeddingSize: 128, mostLayers: 3, kind: 'parts' },
  { from: 3000, embeddingSize: 65_536, mostLayers: 2, kind: 'words' },
] as const;
