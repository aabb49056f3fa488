/**
 * One source of batches for several readers at once, each at its own pace but never more than one batch ahead of the
 * slowest: the files of a simulation are written side by side, in bounded memory.
 */
export class FanOut<T> {
  readonly #source: AsyncIterator<T>;
  readonly #places: number[];
  /** The batches that some reader has not taken yet, the first of them at `#first`. */
  #window: Promise<IteratorResult<T>>[] = [];
  #first = 0;
  #waiting: (() => void)[] = [];

  constructor(source: AsyncIterable<T>, readers: number) {
    this.#source = source[Symbol.asyncIterator]();
    this.#places = new Array<number>(readers).fill(0);
  }

  /** The items, for the reader of that number. A reader that stops early lets the others go on. */
  async *reader(number: number): AsyncGenerator<T, void, undefined> {
    try {
      for (;;) {
        const item = await this.#take(number);
        if (item.done === true) return;
        yield item.value;
      }
    } finally {
      this.#places[number] = Infinity;
      this.#forget();
    }
  }

  async #take(number: number): Promise<IteratorResult<T>> {
    const place = this.#places[number]!;
    while (place > Math.min(...this.#places) + 1) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const index = place - this.#first;
    const item = (this.#window[index] ??= this.#source.next());
    this.#places[number] = place + 1;
    this.#forget();
    return item;
  }

  #forget(): void {
    const slowest = Math.min(...this.#places);
    const gone = Math.min(slowest - this.#first, this.#window.length);
    this.#window = this.#window.slice(gone);
    this.#first += gone;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
