/**
 * An async generator answers `return` only once the `next` before it has settled, and a live source that is silent may
 * settle never. Here `return` first does what makes it settle.
 */
export function stoppable<T>(
  generator: AsyncGenerator<T, void, undefined>,
  stop: () => void,
): AsyncGenerator<T, void, undefined> {
  const stopped: AsyncGenerator<T, void, undefined> = {
    next: () => generator.next(),
    return: () => {
      stop();
      return generator.return();
    },
    throw: (error: unknown) => {
      stop();
      return generator.throw(error);
    },
    [Symbol.asyncIterator]: () => stopped,
    [Symbol.asyncDispose]: async () => {
      stop();
      await generator.return();
    },
  };
  return stopped;
}
