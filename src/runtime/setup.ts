import { availableParallelism } from 'node:os';
export interface SetupPlan {
  x: number;
}
export async function setUpRuntime(): Promise<SetupPlan> {
  return { x: availableParallelism() };
}
