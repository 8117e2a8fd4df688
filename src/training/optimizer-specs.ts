import {
  gateMatrices,
  type ModelConfig,
  type ParameterSpec,
  parameterSpecs,
} from '../model/parameters.ts';
import { type OptimizerKind, optimizerTensors } from './optimizer-tensors.ts';

/** All that an optimizer keeps beside a model's parameters. */
export function optimizerSpecs(model: ModelConfig, kind: OptimizerKind): ParameterSpec[] {
  return parameterSpecs(model).flatMap((parameter) =>
    optimizerTensors(kind, parameter, gateMatrices(parameter.name, model.cell)),
  );
}
