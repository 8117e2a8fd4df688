/** What a program may add to the options of any call. */
export interface CallOptions {
  /** Stops the call, as Ctrl-C stops a command. */
  signal?: AbortSignal | undefined;
  /** Told what a command would say on standard error, such as why a slower backend is used. */
  onNotice?: ((message: string) => void) | undefined;
}
