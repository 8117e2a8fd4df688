/** A typed array that is twice as long, with what `array` has at its beginning. */
export function doubled<A extends Int32Array | Uint32Array | Float64Array>(array: A): A {
  const longer = new (array.constructor as new (length: number) => A)(2 * array.length);
  longer.set(array);
  return longer;
}
