/** The hand-written types of the addon against the addon and the C++ headers: names, numbers, and hostile requests. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  loadAddon,
  NativeDirection,
  NativeNearestTie,
  NativePlan,
  NativeTies,
  NativeType,
  NativeUnsorted,
} from '../../../lib/internal/native.js';

const ROOT = join(__dirname, '..', '..', '..');
const { addon } = loadAddon();

/** `kInt8 = 0` of an enum in a header, as { int8: 0 }. */
function enumOf(header: string, name: string): Record<string, number> {
  const text = readFileSync(join(ROOT, 'cpp/include/flowstate', header), 'utf8');
  const body = new RegExp(`enum class ${name} [^{]*\\{([^}]*)\\}`).exec(text)?.[1] ?? '';
  return Object.fromEntries(
    [...body.matchAll(/k(\w+) = (\d+)/g)].map(([, key, value]) => [key!.toLowerCase(), Number(value)]),
  );
}

function lowered(values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key.toLowerCase(), value]));
}

it.each([
  ['column.h', 'ColumnType', NativeType],
  ['asof/join.h', 'Direction', NativeDirection],
  ['asof/join.h', 'Ties', NativeTies],
  ['asof/join.h', 'NearestTie', NativeNearestTie],
  ['asof/join.h', 'Unsorted', NativeUnsorted],
  ['asof/join.h', 'PlanKind', NativePlan],
])('%s: %s has the numbers that TypeScript has', (header, name, values) => {
  expect(enumOf(header, name)).toEqual(lowered(values));
  expect(Object.keys(values).length).toBeGreaterThan(1);
});

/** Names declared in `interface NativeAddon` and the interfaces it extends. */
function declared(): string[] {
  const interfaces = [
    ['native.ts', /export interface NativeAddon [^{]*\{([\s\S]*?)\n\}/],
    ['native-device.ts', /export interface NativeDeviceAddon \{([\s\S]*?)\n\}/],
    ['native-tables.ts', /export interface NativeTableAddon \{([\s\S]*?)\n\}/],
    ['native-tfjs.ts', /export interface NativeTfjsAddon \{([\s\S]*?)\n\}/],
    ['native-onnx.ts', /export interface NativeOnnxAddon \{([\s\S]*?)\n\}/],
  ] as const;
  return interfaces
    .flatMap(([file, pattern]) => {
      const body = pattern.exec(readFileSync(join(ROOT, 'lib/internal', file), 'utf8'))?.[1] ?? '';
      return [...body.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm)].map(([, name]) => name!);
    })
    .sort();
}

(addon === null ? describe.skip : describe)('the addon', () => {
  it('exports exactly what TypeScript declares', () => {
    expect(Object.keys(addon!).sort()).toEqual(declared());
  });

  it.each([
    ['nothing', undefined],
    ['a number', 7],
    ['an empty object', {}],
    ['a request without streams', { leftRows: 1, threads: 0, explain: false, leftSides: [], leftPayload: [] }],
    [
      'rows that are no integer',
      { leftRows: 1.5, threads: 0, explain: false, leftSides: [], leftPayload: [], streams: [] },
    ],
    [
      'a side that is no object',
      { leftRows: 1, threads: 0, explain: false, leftSides: [7], leftPayload: [], streams: [] },
    ],
  ])('refuses %s', (_, request) => {
    for (const call of [() => addon!.joinSync(request as never), () => addon!.join(request as never)]) {
      let thrown: unknown;
      try {
        call();
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeDefined();
    }
  });

  it('refuses buffers shorter than the rows they claim', () => {
    const chunk = {
      length: 1000,
      bitOffset: 0,
      values: new BigInt64Array(3),
      offsets: null,
      validity: null,
      dictionary: -1,
    };
    const column = {
      name: 'left.t',
      type: NativeType.Int64,
      indexType: 2,
      width: 8,
      chunks: [chunk],
      dictionaries: [],
    };
    const side = { time: { column, scale: 1n, unit: '' }, keys: [] };
    const request = { leftRows: 1000, threads: 0, explain: false, leftSides: [side], leftPayload: [], streams: [] };
    const stream = {
      ...{
        leftSide: 0,
        right: side,
        knownAt: null,
        payload: [],
        direction: 0,
        allowExact: true,
        ties: 0,
        nearestTie: 0,
      },
      ...{ tolerance: null, lag: 0n, inner: false, nullKeysEqual: false, unsorted: 0, plan: 0, wantIndices: true },
      ...{ wantMatched: false, wantAge: false, ageScale: 1n },
    };
    expect(() => addon!.joinSync({ ...request, streams: [stream] } as never)).toThrow(
      expect.objectContaining({ flowstateError: true, code: 'FS_ERR_LENGTH' }),
    );
    expect(() => addon!.timeExtent(side.time as never)).toThrow(expect.objectContaining({ code: 'FS_ERR_LENGTH' }));
  });
});
