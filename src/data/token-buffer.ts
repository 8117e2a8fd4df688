/** Where encoders put token ids: an array that grows, and is emptied by whoever keeps the ids. */
export class TokenBuffer {
  /** The ids are the first `length` elements. */
  ids: Int32Array = new Int32Array(1024);
  length = 0;

  /** Makes room for `count` more ids. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed > this.ids.length) {
      const longer = new Int32Array(Math.max(needed, 2 * this.ids.length));
      longer.set(this.ids.subarray(0, this.length));
      this.ids = longer;
    }
  }

  push(id: number): void {
    this.reserve(1);
    this.ids[this.length] = id;
    this.length += 1;
  }

  /** The ids so far, as a view that the next writing to the buffer changes. */
  view(): Int32Array {
    return this.ids.subarray(0, this.length);
  }

  clear(): void {
    this.length = 0;
  }
}
