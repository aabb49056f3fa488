/** Runs a suite on the addon, where it loads, and on its TypeScript twin. */
import { loadAddon } from '../../lib/internal/native.js';

const { addon, reason } = loadAddon();
if (!addon) console.warn(`the addon's half of the tests is skipped: ${reason}`);

export function onBothBackends(name: string, suite: (backend: 'native' | 'javascript') => void): void {
  for (const backend of ['native', 'javascript'] as const) {
    (backend === 'native' && !addon ? describe.skip : describe)(`${name}, ${backend}`, () => {
      const before = process.env.FLOWSTATE_BACKEND;
      beforeAll(() => {
        process.env.FLOWSTATE_BACKEND = backend === 'javascript' ? 'javascript' : '';
      });
      afterAll(() => {
        if (before === undefined) delete process.env.FLOWSTATE_BACKEND;
        else process.env.FLOWSTATE_BACKEND = before;
      });
      suite(backend);
    });
  }
}

/** As `suite` would see it with that backend, for comparing the two. */
export function withBackend<T>(backend: 'native' | 'javascript', run: () => T): T {
  const before = process.env.FLOWSTATE_BACKEND;
  process.env.FLOWSTATE_BACKEND = backend === 'javascript' ? 'javascript' : '';
  try {
    return run();
  } finally {
    if (before === undefined) delete process.env.FLOWSTATE_BACKEND;
    else process.env.FLOWSTATE_BACKEND = before;
  }
}
