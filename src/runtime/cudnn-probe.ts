/**
 * A function of the binding, as source for a child process: one step of a GRU by cuDNN, which has to be there for
 * TensorFlow to use a GPU at all and in which layers run. Gives back undefined, or what is wrong.
 *
 * With weights and biases of 0, z = σ(0) = ½ and n = tanh(0) = 0, so that h' = (1 − z)n + z·h is half of h = 1.
 */
export const cudnnProbe = `(binding) => {
  const [units, streams] = [32, 2];
  const float = (shape, value) => binding.createTensor(
    shape, binding.TF_FLOAT, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value));
  const attribute = (type) => (name, value) => ({ name, type: binding[type], value });
  const [text, int, bool] = ['TF_ATTR_STRING', 'TF_ATTR_INT', 'TF_ATTR_BOOL'].map(attribute);
  const state = float([1, streams, units], 1);
  try {
    const [output] = binding.executeOp('CudnnRNNV3', [
      attribute('TF_ATTR_TYPE')('T', binding.TF_FLOAT),
      text('rnn_mode', 'gru'), text('input_mode', 'linear_input'), text('direction', 'unidirectional'),
      attribute('TF_ATTR_FLOAT')('dropout', 0), int('seed', 0), int('seed2', 0), int('num_proj', 0),
      bool('is_training', false), bool('time_major', true),
    ], [
      float([1, streams, units], 1), state, state,
      float([3 * units * 2 * units + 6 * units], 0),
      binding.createTensor([streams], binding.TF_INT32, new Int32Array(streams).fill(1)),
    ], 5);
    const found = [...binding.tensorDataSync(output.id)];
    const wrong = found.find((value) => !(Math.abs(value - 0.5) < 1e-6));
    return wrong === undefined ? undefined : 'a step of a GRU should give 0.5; it gave ' + wrong;
  } catch (error) {
    return String((error && error.message) || error);
  }
}`;
