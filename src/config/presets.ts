/**
 * The named sets of options of `--preset`. Their numbers are in this table and nowhere else: the help and
 * the README's table are made of it, or held against it.
 */

interface Preset {
  /** What it is good for, in a few words. */
  readonly use: string;
  /** Options by their names in `trainOptions`, which checks them; the rule chooses what is left to it. */
  readonly options: object;
}

export const PRESETS = {
  seed: {
    use: 'words, by two layers as PyTorch’s nn.GRU has them',
    options: {
      tokenizer: 'word',
      vocabularySize: 10_000,
      embeddingSize: 300,
      hiddenSize: 512,
      layers: 2,
      tied: false,
      residual: false,
      gruVariant: 'reset-after',
    },
  },
  char: {
    use: 'characters; sizes by the rule for the text and the time',
    options: {
      tokenizer: 'char',
      bptt: 64,
      maxTime: 900,
    },
  },
  word: {
    use: 'words; sizes by the rule for the text and the time',
    options: {
      tokenizer: 'word',
      vocabularySize: 10_000,
      bptt: 64,
      maxTime: 1800,
    },
  },
  tiny: {
    use: 'a model of seconds, for trying things out',
    options: {
      embeddingSize: 16,
      hiddenSize: 64,
      layers: 1,
      dropout: 0,
      batchSize: 16,
      bptt: 32,
      maxTime: 10,
      learningRate: 0.01,
      optimizer: 'adam',
    },
  },
  large: {
    use: 'much text and much time',
    options: {
      tokenizer: 'bpe',
      vocabularySize: 16_000,
      embeddingSize: 512,
      hiddenSize: 1024,
      layers: 2,
      bptt: 128,
      maxTime: 7200,
    },
  },
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;

export const PRESET_NAMES = Object.keys(PRESETS) as PresetName[];
