/**
 * Layers that PyTorch has no module for, as Python classes. Those that differ from a module of PyTorch's only in
 * what a step computes extend it, and are used as it is; MinGRU is one layer, used as `nn.GRU(inputs, hidden,
 * batch_first=True)` is.
 */
import type { ModelConfig } from '../model/parameters.ts';

export interface PythonClass {
  readonly name: string;
  readonly source: string;
}

/** The class of the model's layers. */
export function pytorchCell(config: ModelConfig): PythonClass {
  const { cell = 'gru', gruVariant, activation = 'tanh' } = config;
  const [before, after] = FUNCTIONS[activation];
  if (cell === 'mingru') return { name: 'MinGRU', source: MIN_GRU };
  if (cell === 'rnn') {
    return extended(config, 'LeakyRNN', 'nn.RNN', 'by leaky ReLU in place of tanh.', [
      `h = ${before}step + F.linear(h, w_hh, b_hh)${after}`,
    ]);
  }
  if (gruVariant === 'reset-after') {
    const name = activation === 'relu' ? 'ReluGRU' : 'LeakyGRU';
    return extended(config, name, 'nn.GRU', `by ${activation} in place of tanh.`, [
      'r, z, n = step.chunk(3, -1)',
      'h_r, h_z, h_n = F.linear(h, w_hh, b_hh).chunk(3, -1)',
      'r, z = torch.sigmoid(r + h_r), torch.sigmoid(z + h_z)',
      `h = (1 - z) * ${before}n + r * h_n${after} + z * h`,
    ]);
  }
  const says = 'by arXiv 1406.1078v3: r applies before the product, and z weighs the candidate n.';
  return extended(config, 'ResetBeforeGRU', 'nn.GRU', says, [
    'r, z, n = step.chunk(3, -1)',
    'r, z = torch.sigmoid(r + F.linear(h, w_r)), torch.sigmoid(z + F.linear(h, w_z))',
    `h = (1 - z) * h + z * ${before}n + F.linear(r * h, w_n)${after}`,
  ]);
}

const FUNCTIONS = {
  tanh: ['torch.tanh(', ')'],
  relu: ['F.relu(', ')'],
  'leaky-relu': ['F.leaky_relu(', ', 0.01)'],
} as const;

/** Whether a single module runs all layers: one of PyTorch's, or of a class that extends it. */
export function isOneModule({ cell, norm = 'none', residual = false }: ModelConfig): boolean {
  return cell !== 'mingru' && norm === 'none' && !residual;
}

/** Whether the module drops out between its layers. */
export function dropsBetween(config: ModelConfig): boolean {
  return isOneModule(config) && config.layers > 1 && config.dropout > 0;
}

/** Whether the model's layers have two biases, as those of PyTorch's modules do. */
function hasTwoBiases({ cell = 'gru', gruVariant }: ModelConfig): boolean {
  return cell !== 'gru' || gruVariant === 'reset-after';
}

/** @param step the lines that make `h` of `step` [batch, gates·H] and the `h` before */
function extended(
  config: ModelConfig,
  name: string,
  base: string,
  says: string,
  step: readonly string[],
): PythonClass {
  const isOneBias = !hasTwoBiases(config);
  const init = [
    '    def __init__(self, *sizes, **options):',
    '        super().__init__(*sizes, bias=False, **options)',
    '        for k in range(self.num_layers):  # one bias a gate, where nn.GRU has two',
    '            setattr(self, f"bias_ih_l{k}", nn.Parameter(torch.zeros(3 * self.hidden_size)))',
    '',
  ];
  const lines = [
    `class ${name}(${base}):`,
    `    """${base} ${says}"""`,
    '',
    ...(isOneBias ? init : []),
    '    def forward(self, x, state=None):',
    '        after = []',
    `        for k, (w_ih, w_hh${isOneBias ? '' : ', b_ih, b_hh'}) in enumerate(self.all_weights):`,
    ...(dropsBetween(config)
      ? ['            x = F.dropout(x, self.dropout, self.training) if k > 0 else x']
      : []),
    '            outputs, h = [], x.new_zeros(len(x), self.hidden_size) if state is None else state[k]',
    ...(isOneBias ? ['            w_r, w_z, w_n = w_hh.chunk(3)'] : []),
    `            for step in F.linear(x, w_ih, ${isOneBias ? 'getattr(self, f"bias_ih_l{k}")' : 'b_ih'}).unbind(1):`,
    ...step.map((line) => `                ${line}`),
    '                outputs.append(h)',
    '            x = torch.stack(outputs, 1)',
    '            after.append(h)',
    '        return x, torch.stack(after)',
  ];
  return { name, source: lines.join('\n') };
}

const MIN_GRU = `class MinGRU(nn.Module):
    """A layer by arXiv 2410.01201, whose gates do not depend on the state."""

    def __init__(self, inputs, hidden, batch_first=True):
        super().__init__()
        self.weight_ih_l0 = nn.Parameter(torch.empty(2 * hidden, inputs))
        self.bias_ih_l0 = nn.Parameter(torch.empty(2 * hidden))

    def forward(self, x, h=None):
        h = x.new_zeros(1, len(x), len(self.bias_ih_l0) // 2) if h is None else h
        outputs = []
        for step in F.linear(x, self.weight_ih_l0, self.bias_ih_l0).unbind(1):
            z, n = step.chunk(2, dim=-1)
            z = torch.sigmoid(z)
            h = (1 - z) * h + z * n
            outputs.append(h)
        return torch.cat(outputs).transpose(0, 1), h`;
