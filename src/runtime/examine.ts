export async function examineBackends(): Promise<void> {}
