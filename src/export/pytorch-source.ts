/** The Python file of a model: what of PyTorch it is made of, and no more than it needs. */
import { type Cell, cellKind } from '../model/cells.ts';
import type { ModelConfig } from '../model/parameters.ts';
import { pytorchCell } from './pytorch-cells.ts';
import type { Quantization } from './quantize.ts';

const MODULES: Readonly<Record<Exclude<Cell, 'mingru'>, string>> = {
  gru: 'nn.GRU',
  lstm: 'nn.LSTM',
  rnn: 'nn.RNN',
};

/** Whether PyTorch has the model's cell. */
function isPytorchs({ cell = 'gru', gruVariant, activation = 'tanh' }: ModelConfig): boolean {
  if (cell === 'gru') return gruVariant === 'reset-after' && activation === 'tanh';
  return cell === 'rnn' ? activation !== 'leaky-relu' : cell === 'lstm';
}

/** Whether a single module of PyTorch's runs all layers. */
export function isOneModule(config: ModelConfig): boolean {
  const { norm = 'none', residual = false } = config;
  return isPytorchs(config) && norm === 'none' && !residual;
}

export function pytorchSource(config: ModelConfig, quantization: Quantization): string {
  const own = isPytorchs(config) ? [] : [pytorchCell(config)];
  const usesFunctions = own.length > 0 || isProjected(config);
  const imports = [
    'import json',
    'import math',
    'import pathlib',
    '',
    'import torch',
    'from torch import nn',
    ...(usesFunctions ? ['from torch.nn import functional as F'] : []),
    '',
    'HERE = pathlib.Path(__file__).resolve().parent',
  ];
  const parts = [
    [docstring(config), '', ...imports].join('\n'),
    ...own,
    languageModel(config),
    READ_TENSORS,
    loader(config, quantization),
  ];
  return `${parts.join('\n\n\n')}\n`;
}

function docstring(config: ModelConfig): string {
  const scores = config.softmaxCutoffs ? 'log probabilities' : 'logits';
  return `"""A language model trained by gru-lm, in PyTorch.

    model = load()
    ${scores.replace(' ', '_')}, state = model(torch.tensor([[3, 1, 4]]))  # [batch, time] -> [batch, time, vocabulary]
    ${scores.replace(' ', '_')}, state = model(torch.tensor([[1]]), state)  # goes on from there

Ids are those of tokenizer.json. Made by gru-lm export.
"""`;
}

function isProjected({ tied = false, embeddingSize, hiddenSize }: ModelConfig): boolean {
  return tied && embeddingSize !== hiddenSize;
}

function languageModel(config: ModelConfig): string {
  const { cell = 'gru' } = config;
  return `class LanguageModel(nn.Module):
    """Token ids [batch, time], and a state (none: zeros), to ${config.softmaxCutoffs ? 'log p' : 'logits'} of what follows and the state after."""

    def __init__(self, vocab_size, embedding_dim, hidden_dim, layers, dropout=0.0, dropout_output=0.0):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
${indented(isOneModule(config) ? oneModule(config) : listOfModules(config))}
        self.dropout = nn.Dropout(dropout_output)
${indented(outputModule(config))}

    def forward(self, tokens, state=None):
${indented(isOneModule(config) ? [`x, state = self.${cell}(self.embedding(tokens), state)`, 'x = self.dropout(x)'] : layerLoop(config))}
${indented(scores(config))}`;
}

function oneModule(config: ModelConfig): string[] {
  const { cell = 'gru' } = config;
  return [
    `self.${cell} = ${moduleOf(config)}(`,
    `    embedding_dim, hidden_dim, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0${nonlinearity(config)}`,
    ')',
  ];
}

function listOfModules(config: ModelConfig): string[] {
  const { cell = 'gru', norm = 'none' } = config;
  const inputs = 'hidden_dim if k else embedding_dim';
  const options = isPytorchs(config) ? `, batch_first=True${nonlinearity(config)}` : '';
  const normModule = norm === 'layer' ? 'nn.LayerNorm' : 'nn.BatchNorm1d';
  return [
    `self.${cell} = nn.ModuleList(`,
    `    ${moduleOf(config)}(${inputs}, hidden_dim${options}) for k in range(layers)`,
    ')',
    ...(norm === 'none'
      ? []
      : [`self.norm = nn.ModuleList(${normModule}(hidden_dim) for _ in range(layers))`]),
    'self.dropout_between = nn.Dropout(dropout)',
  ];
}

function moduleOf(config: ModelConfig): string {
  const { cell = 'gru', gruVariant } = config;
  if (cell !== 'mingru' && isPytorchs(config)) return MODULES[cell];
  return cell === 'gru' && gruVariant === 'reset-before'
    ? 'ResetBeforeGRU'
    : cellKind(cell).label.replace('min', 'Min');
}

function nonlinearity({ cell, activation }: ModelConfig): string {
  return cell === 'rnn' && activation === 'relu' ? ', nonlinearity="relu"' : '';
}

function layerLoop(config: ModelConfig): string[] {
  const { cell = 'gru', norm = 'none', residual = false } = config;
  return [
    'x, after = self.embedding(tokens), []',
    `for k, layer in enumerate(self.${cell}):`,
    '    y, last = layer(x, None if state is None else state[k])',
    '    after.append(last)',
    ...(norm === 'none' ? [] : ['    y = self.norm[k](y.flatten(0, 1)).view_as(y)']),
    `    y = self.dropout(y) if k == len(self.${cell}) - 1 else self.dropout_between(y)`,
    residual ? '    x = x + y if x.shape == y.shape else y' : '    x = y',
    'state = after',
  ];
}

function outputModule(config: ModelConfig): string[] {
  const { softmaxCutoffs, tied = false } = config;
  if (softmaxCutoffs) {
    return [
      'self.fc = nn.AdaptiveLogSoftmaxWithLoss(',
      `    hidden_dim, vocab_size, ${JSON.stringify(softmaxCutoffs).replaceAll(',', ', ')}, div_value=4, head_bias=True`,
      ')',
    ];
  }
  if (!tied) return ['self.fc = nn.Linear(hidden_dim, vocab_size)'];
  return [
    'self.fc = nn.Linear(embedding_dim, vocab_size)',
    'self.fc.weight = self.embedding.weight  # tokens are scored by their embeddings',
    ...(isProjected(config)
      ? ['self.fc.projection = nn.Parameter(torch.empty(embedding_dim, hidden_dim))']
      : []),
  ];
}

function scores(config: ModelConfig): string[] {
  if (config.softmaxCutoffs) {
    return ['return self.fc.log_prob(x.flatten(0, 1)).unflatten(0, x.shape[:2]), state'];
  }
  const features = isProjected(config) ? 'F.linear(x, self.fc.projection)' : 'x';
  return [`return self.fc(${features}), state`];
}

/** Lines of a method. */
function indented(lines: readonly string[]): string {
  return lines.map((line) => `        ${line}`).join('\n');
}

const READ_TENSORS = `def read_tensors(path):
    """The tensors of a safetensors file by name: the length of its header, the header, the numbers."""
    content = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    kinds = {"F32": torch.float32, "F16": torch.float16, "I8": torch.int8}
    tensors = {}
    for name, entry in json.loads(content[8:start]).items():
        if name != "__metadata__":
            where = {"offset": start + entry["data_offsets"][0], "count": math.prod(entry["shape"])}
            numbers = torch.frombuffer(content, dtype=kinds[entry["dtype"]], **where)
            tensors[name] = numbers.reshape(entry["shape"]).float()
    return tensors`;

function loader({ tied = false, softmaxCutoffs }: ModelConfig, quantization: Quantization): string {
  const int8 = quantization === 'int8';
  return `def load(directory=HERE):
    """The model with the weights that stand beside this file."""
    config = json.loads((directory / "config.json").read_text())
    tensors = read_tensors(directory / "model.safetensors")
${[
  ...(int8
    ? [
        '    for name in [name for name in tensors if name.endswith("_scale")]:  # of each row',
        '        tensors[name.removesuffix("_scale")] *= tensors.pop(name)[:, None]',
      ]
    : []),
  ...(tied && !softmaxCutoffs ? ['    tensors["fc.weight"] = tensors["embedding.weight"]'] : []),
]
  .map((line) => `${line}\n`)
  .join(
    '',
  )}    sizes = (config[name] for name in ("vocabularySize", "embeddingSize", "hiddenSize", "layers"))
    dropout = config["dropout"]
    model = LanguageModel(*sizes, dropout, config.get("dropoutOutput", dropout))
    model.load_state_dict(tensors)
    return model.eval()`;
}
