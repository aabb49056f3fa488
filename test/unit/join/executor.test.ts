/** The choice of executor, and the JavaScript one's manners. */
import { asofJoin, asofJoinSync } from '../../../lib/index';
import { selectExecutor } from '../../../lib/join/executor';
import { table } from '../../helpers/columns';
import { addon } from '../../helpers/executors';

const previous = process.env.FLOWSTATE_BACKEND;
afterEach(() => {
  if (previous === undefined) delete process.env.FLOWSTATE_BACKEND;
  else process.env.FLOWSTATE_BACKEND = previous;
});

const numbers = (rows: number) => table({ t: ['int64', Array.from({ length: rows }, (_, i) => BigInt(i))] });

test('FLOWSTATE_BACKEND decides for auto, the option for itself', () => {
  process.env.FLOWSTATE_BACKEND = 'javascript';
  expect(selectExecutor('auto').name).toBe('javascript');
  process.env.FLOWSTATE_BACKEND = 'device';
  expect(selectExecutor('javascript').name).toBe('javascript');
  expect(selectExecutor('auto').name).toBe(addon === null ? 'javascript' : 'device');
  process.env.FLOWSTATE_BACKEND = 'nativ';
  expect(() => selectExecutor('auto')).toThrow(expect.objectContaining({ code: 'FS_ERR_OPTION_UNKNOWN' }));
});

(addon === null ? test : test.skip)('without an addon: native is refused, auto falls back and says so once', () => {
  delete process.env.FLOWSTATE_BACKEND;
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  expect(() => selectExecutor('native')).toThrow(expect.objectContaining({ code: 'FS_ERR_ADDON_UNAVAILABLE' }));
  expect(selectExecutor('auto').name).toBe('javascript');
  expect(selectExecutor('auto').name).toBe('javascript');
  expect(warn).toHaveBeenCalledTimes(1);
  warn.mockRestore();
});

(addon === null ? test.skip : test)('with an addon auto is native', () => {
  delete process.env.FLOWSTATE_BACKEND;
  expect(selectExecutor('auto').name).toBe('native');
});

test('the JavaScript executor hands the event loop back while it runs', async () => {
  const big = numbers(600_000);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const out = await asofJoin(big, big, { on: 't', rightTime: 'r', backend: 'javascript' });
  clearInterval(timer);
  expect(out.numRows).toBe(600_000);
  expect(turns).toBeGreaterThan(0);
});

test('async and sync give one result', async () => {
  const rows = numbers(200_000);
  const options = { on: 't', rightTime: 'r', age: 'a', allowExactMatches: false, backend: 'javascript' } as const;
  const [one, two] = [await asofJoin(rows, rows, options), asofJoinSync(rows, rows, options)];
  for (const name of ['r', 'a']) {
    expect(one.getChild(name)?.toArray()).toEqual(two.getChild(name)?.toArray());
  }
});
