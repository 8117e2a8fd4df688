/** The Python file of a model: what of PyTorch it is made of, in numbers, and no more than it needs. */
import type { ModelConfig } from '../model/parameters.ts';
import { dropsBetween, isOneModule, type PythonClass, pytorchCell } from './pytorch-cells.ts';
import type { Quantization } from './quantize.ts';

/** PyTorch's module for the layers, or the class that is written for it. */
function cellClass(config: ModelConfig): PythonClass {
  const { cell = 'gru', gruVariant, activation = 'tanh' } = config;
  const isPytorchs =
    cell === 'gru'
      ? gruVariant === 'reset-after' && activation === 'tanh'
      : cell === 'rnn'
        ? activation !== 'leaky-relu'
        : cell === 'lstm';
  return isPytorchs ? { name: `nn.${cell.toUpperCase()}`, source: '' } : pytorchCell(config);
}

export function pytorchSource(config: ModelConfig, quantization: Quantization): string {
  const cell = cellClass(config);
  const parts = [languageModel(config, cell.name), loader(config, quantization)];
  if (cell.source !== '') parts.unshift(cell.source);
  const body = parts.join('\n\n\n');
  const imports = [
    'from pathlib import Path',
    '',
    ...(body.includes('torch.') ? ['import torch'] : []),
    `from safetensors.torch import ${quantization === 'int8' ? 'load_file' : 'load_model'}`,
    'from torch import nn',
    ...(body.includes('F.') ? ['from torch.nn import functional as F'] : []),
  ];
  return `${docstring(config)}\n\n${imports.join('\n')}\n\n\n${body}\n`;
}

function docstring(config: ModelConfig): string {
  const scores = config.softmaxCutoffs ? 'log_p' : 'logits';
  return `"""A language model trained by gru-lm, for PyTorch: pip install torch safetensors

    model = load()
    ${scores}, state = model(torch.tensor([[3, 1, 4]]))  # ids of tokenizer.json: [batch, time]
    ${scores}, state = model(torch.tensor([[1]]), state)  # goes on; ${scores}: [batch, time, vocabulary]
"""`;
}

function languageModel(config: ModelConfig, cellName: string): string {
  const { vocabularySize, embeddingSize, hiddenSize, layers, cell = 'gru' } = config;
  const sizes = {
    ...{ vocab_size: vocabularySize, embedding_dim: embeddingSize },
    ...{ hidden_dim: hiddenSize, layers },
  };
  const parameters = Object.entries(sizes).map(([name, size]) => `${name}=${size}`);
  const isOne = isOneModule(config);
  return `class LanguageModel(nn.Module):
    def __init__(self, ${parameters.join(', ')}):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
${indented(isOne ? oneModule(config, cellName) : listOfModules(config, cellName))}
${indented(outputModule(config))}

    def forward(self, tokens, state=None):
${indented(isOne ? [`x, state = self.${cell}(self.embedding(tokens), state)`] : layerLoop(config))}
${indented(scores(config))}`;
}

/** Of what is dropped of the top layer's outputs. */
function outputDropout({ dropout, dropoutOutput = dropout }: ModelConfig): number {
  return dropoutOutput;
}

function oneModule(config: ModelConfig, cellName: string): string[] {
  const { cell = 'gru', dropout } = config;
  const options = [
    'batch_first=True',
    ...(dropsBetween(config) ? [`dropout=${dropout}`] : []),
    ...nonlinearity(config),
  ];
  return [`self.${cell} = ${cellName}(embedding_dim, hidden_dim, layers, ${options.join(', ')})`];
}

/** A module for each layer, where there is something between them. */
function listOfModules(config: ModelConfig, cellName: string): string[] {
  const { cell = 'gru', norm = 'none', dropout } = config;
  const options = ['hidden_dim', 'batch_first=True', ...nonlinearity(config)].join(', ');
  const normModule = norm === 'layer' ? 'nn.LayerNorm' : 'nn.BatchNorm1d';
  return [
    'inputs = [embedding_dim] + [hidden_dim] * (layers - 1)',
    `self.${cell} = nn.ModuleList(${cellName}(size, ${options}) for size in inputs)`,
    ...(norm === 'none'
      ? []
      : [`self.norm = nn.ModuleList(${normModule}(hidden_dim) for _ in inputs)`]),
    `self.dropout_between = nn.Dropout(${dropout})`,
  ];
}

function nonlinearity({ cell, activation }: ModelConfig): string[] {
  return cell === 'rnn' && activation === 'relu' ? ['nonlinearity="relu"'] : [];
}

function layerLoop(config: ModelConfig): string[] {
  const { cell = 'gru', norm = 'none', residual = false, layers } = config;
  const isDropped = outputDropout(config) > 0;
  return [
    'x, after = self.embedding(tokens), []',
    `for k, layer in enumerate(self.${cell}):`,
    '    y, last = layer(x, None if state is None else state[k])',
    '    after.append(last)',
    ...(norm === 'none' ? [] : ['    y = self.norm[k](y.flatten(0, 1)).view_as(y)']),
    `    y = self.dropout_between(y) if k < ${layers - 1} else ${isDropped ? 'self.dropout(y)' : 'y'}`,
    residual ? '    x = x + y if x.shape == y.shape else y' : '    x = y',
    'state = after',
  ];
}

function isProjected({ tied = false, embeddingSize, hiddenSize }: ModelConfig): boolean {
  return tied && embeddingSize !== hiddenSize;
}

function outputModule(config: ModelConfig): string[] {
  const { softmaxCutoffs, tied = false } = config;
  const share = outputDropout(config);
  const dropout = share > 0 ? [`self.dropout = nn.Dropout(${share})`] : [];
  if (softmaxCutoffs) {
    const cutoffs = `[${softmaxCutoffs.join(', ')}]`;
    return [
      ...dropout,
      'self.fc = nn.AdaptiveLogSoftmaxWithLoss(',
      `    hidden_dim, vocab_size, ${cutoffs}, div_value=4, head_bias=True`,
      ')',
    ];
  }
  if (!tied) return [...dropout, 'self.fc = nn.Linear(hidden_dim, vocab_size)'];
  return [
    ...dropout,
    'self.fc = nn.Linear(embedding_dim, vocab_size)',
    'self.fc.weight = self.embedding.weight  # tokens are scored by their embeddings',
    ...(isProjected(config)
      ? ['self.fc.projection = nn.Parameter(torch.empty(embedding_dim, hidden_dim))']
      : []),
  ];
}

function scores(config: ModelConfig): string[] {
  const { softmaxCutoffs } = config;
  // In a loop over layers each has its dropout there.
  const isDropped = isOneModule(config) && outputDropout(config) > 0;
  const x = isDropped ? 'self.dropout(x)' : 'x';
  if (softmaxCutoffs) {
    return [`return self.fc.log_prob(${x}.flatten(0, 1)).unflatten(0, x.shape[:2]), state`];
  }
  return [
    `return self.fc(${isProjected(config) ? `F.linear(${x}, self.fc.projection)` : x}), state`,
  ];
}

/** Lines of a method. */
function indented(lines: readonly string[]): string {
  return lines.map((line) => `        ${line}`).join('\n');
}

function loader({ tied = false, softmaxCutoffs }: ModelConfig, quantization: Quantization): string {
  const begin = ['def load(directory=Path(__file__).parent):', '    model = LanguageModel()'];
  const path = 'Path(directory) / "model.safetensors"';
  if (quantization !== 'int8') {
    return [...begin, `    load_model(model, ${path})`, '    return model.eval()'].join('\n');
  }
  return [
    ...begin,
    `    tensors = load_file(${path})`,
    '    for name in [name for name in tensors if name.endswith("_scale")]:  # one for each row of int8',
    '        tensors[name.removesuffix("_scale")] = tensors[name[:-6]] * tensors.pop(name)[:, None]',
    ...(tied && !softmaxCutoffs ? ['    tensors["fc.weight"] = tensors["embedding.weight"]'] : []),
    '    model.load_state_dict(tensors)',
    '    return model.eval()',
  ].join('\n');
}
