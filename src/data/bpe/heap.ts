import { doubled } from './growing.ts';

/** Numbers by priority: a binary heap. */
export class Heap {
  size = 0;
  private heap = new Int32Array(1024);
  private readonly isBefore: (a: number, b: number) => boolean;

  /** @param isBefore whether `a` comes out before `b` */
  constructor(isBefore: (a: number, b: number) => boolean) {
    this.isBefore = isBefore;
  }

  push(item: number): void {
    if (this.size === this.heap.length) {
      this.heap = doubled(this.heap);
    }
    const { heap } = this;
    let at = this.size;
    this.size += 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.isBefore(item, heap[parent]!)) {
        break;
      }
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = item;
  }

  /** Takes out the first item; there has to be one. */
  pop(): number {
    const { heap } = this;
    const first = heap[0]!;
    this.size -= 1;
    const { size } = this;
    const item = heap[size]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) {
        break;
      }
      if (child + 1 < size && this.isBefore(heap[child + 1]!, heap[child]!)) {
        child += 1;
      }
      if (!this.isBefore(heap[child]!, item)) {
        break;
      }
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = item;
    return first;
  }
}
