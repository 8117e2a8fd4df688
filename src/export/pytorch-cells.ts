/**
 * Layers that PyTorch has no module for, as Python classes that are used like `nn.GRU(inputs, hidden,
 * batch_first=True)`: from inputs [batch, time, I] and a state [1, batch, H] to outputs [batch, time, H] and the
 * state after.
 */
import type { ModelConfig } from '../model/parameters.ts';

/** The class of the model's layers. */
export function pytorchCell(config: ModelConfig): string {
  const { cell = 'gru', gruVariant, activation = 'tanh' } = config;
  const [before, after] = FUNCTIONS[activation];
  if (cell === 'mingru') return MIN_GRU;
  if (cell === 'rnn') {
    return recurrent('RNN', 'An Elman layer by leaky ReLU.', 1, true, [
      `h = ${before}step + F.linear(h, self.weight_hh_l0, self.bias_hh_l0)${after}`,
    ]);
  }
  if (gruVariant === 'reset-after') {
    return recurrent(
      'GRU',
      `A GRU layer as nn.GRU, but for ${activation} in place of tanh.`,
      3,
      true,
      [
        'r, z, n = step.chunk(3, dim=-1)',
        'h_r, h_z, h_n = F.linear(h, self.weight_hh_l0, self.bias_hh_l0).chunk(3, dim=-1)',
        'r, z = torch.sigmoid(r + h_r), torch.sigmoid(z + h_z)',
        `n = ${before}n + r * h_n${after}`,
        'h = (1 - z) * n + z * h',
      ],
    );
  }
  return recurrent(
    'ResetBeforeGRU',
    'A GRU layer by arXiv 1406.1078v3: r applies before the product, and z weighs the candidate n.',
    3,
    false,
    [
      'r, z, n = step.chunk(3, dim=-1)',
      'r = torch.sigmoid(r + F.linear(h, weight_r))',
      'z = torch.sigmoid(z + F.linear(h, weight_z))',
      `n = ${before}n + F.linear(r * h, weight_n)${after}`,
      'h = (1 - z) * h + z * n',
    ],
    ['weight_r, weight_z, weight_n = self.weight_hh_l0.chunk(3)'],
  );
}

const FUNCTIONS = {
  tanh: ['torch.tanh(', ')'],
  relu: ['F.relu(', ')'],
  'leaky-relu': ['F.leaky_relu(', ', 0.01)'],
} as const;

/**
 * @param step the lines that make `h` of `step` [batch, gates·H] and the `h` before
 * @param prepared lines before all steps
 */
function recurrent(
  name: string,
  says: string,
  gates: number,
  hasBiasHh: boolean,
  step: readonly string[],
  prepared: readonly string[] = [],
): string {
  const rows = gates === 1 ? 'hidden' : `${gates} * hidden`;
  const lines = (indent: string, all: readonly string[]) =>
    all.map((line) => `${indent}${line}\n`).join('');
  return `class ${name}(nn.Module):
    """${says}"""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.weight_ih_l0 = nn.Parameter(torch.empty(${rows}, inputs))
        self.weight_hh_l0 = nn.Parameter(torch.empty(${rows}, hidden))
        self.bias_ih_l0 = nn.Parameter(torch.empty(${rows}))
${lines('        ', hasBiasHh ? [`self.bias_hh_l0 = nn.Parameter(torch.empty(${rows}))`] : [])}
    def forward(self, x, h=None):
        h = x.new_zeros(1, len(x), self.weight_hh_l0.shape[1]) if h is None else h
${lines('        ', prepared)}        outputs = []
        for step in F.linear(x, self.weight_ih_l0, self.bias_ih_l0).unbind(1):
${lines('            ', step)}            outputs.append(h)
        return torch.cat(outputs).transpose(0, 1), h`;
}

const MIN_GRU = `class MinGRU(nn.Module):
    """A layer by arXiv 2410.01201, whose gates do not depend on the state."""

    def __init__(self, inputs, hidden):
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
