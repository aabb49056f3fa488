/** What must compile, and what must not: `@ts-expect-error` fails the run where the error does not come. */
import type { Table } from 'apache-arrow';
import {
  alignStreams,
  alignStreamsSync,
  type AlignResult,
  asofJoin,
  type AsofJoinOptions,
  asofJoinSync,
  type ErrorCode,
  FlowStateError,
  type JoinReport,
  type JoinStats,
  parseDuration,
} from 'flowstate';

declare const left: Table;
declare const right: Table;

/** Compiles only when `actual` has exactly the type `T`. */
function expectType<T>(_actual: T): void {
  return;
}
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_equal: Equal<A, B>): void {
  return;
}

// Results.
same<ReturnType<typeof asofJoinSync>, Table>(true);
const _plain = asofJoin(left, right, { on: 'ts' });
same<typeof _plain, Promise<Table>>(true);
const _reported = asofJoin(left, right, { on: 'ts', stats: true });
same<typeof _reported, Promise<JoinReport>>(true);
expectType<JoinReport>(asofJoinSync(left, right, { on: 'ts', explain: true }));
expectType<bigint>(parseDuration('5s', 'tolerance'));

// Every way of naming columns, and every option of the table in the README.
const options: AsofJoinOptions = {
  on: { left: 'a', right: 'b' },
  by: { left: ['a'], right: 'b' },
  direction: 'nearest',
  tolerance: 5_000_000_000n,
  allowExactMatches: false,
  how: 'inner',
  columns: ['bid', 'ask'],
  suffix: '_right',
  rightTime: 'quote_time',
  age: 'quote_age',
  matched: 'has_quote',
  knownAt: 'known',
  ties: 'last',
  nearestTie: 'later',
  nullKeys: 'equal',
  unsorted: 'error',
  lag: '10us',
  timeZones: 'utc',
  backend: 'native',
  threads: 2,
  signal: new AbortController().signal,
};
expectType<AsofJoinOptions>(options);
expectType<AsofJoinOptions>({ on: 'ts', by: ['symbol', 'venue'] as const, tolerance: '1h30m' });

// Streams keep their names.
const aligned = alignStreamsSync(left, { quote: { table: right }, bar: { table: right, prefix: 'b_' } }, { on: 'ts' });
same<typeof aligned, AlignResult<'quote' | 'bar'>>(true);
expectType<JoinStats>(aligned.stats.quote);
// @ts-expect-error no such stream
void aligned.stats.trade;

// Errors.
const error: unknown = new Error();
if (error instanceof FlowStateError) expectType<ErrorCode>(error.code);
// @ts-expect-error not a code
expectType<ErrorCode>('FS_ERR_NONSENSE');

// @ts-expect-error `on` is required
void asofJoin(left, right, {});
// @ts-expect-error options are required
void asofJoin(left, right);
// @ts-expect-error a misspelt option
void asofJoin(left, right, { on: 'ts', tolerence: '5s' });
// @ts-expect-error an unknown direction
void asofJoin(left, right, { on: 'ts', direction: 'backwards' });
// @ts-expect-error a Date is no distance
void asofJoin(left, right, { on: 'ts', tolerance: new Date() });
// @ts-expect-error the right side is missing
void asofJoin(left, right, { on: { left: 'ts' } });
// @ts-expect-error rows are not a table
void asofJoin([{ ts: 1 }], right, { on: 'ts' });
// @ts-expect-error columns are names
void asofJoin(left, right, { on: 'ts', columns: 'bid' });
// @ts-expect-error a stream needs a table
void alignStreams(left, { quote: { columns: ['bid'] } }, { on: 'ts' });
// @ts-expect-error a result is not a table before it is awaited
expectType<Table>(asofJoin(left, right, { on: 'ts' }));
// @ts-expect-error statistics are read-only
asofJoinSync(left, right, { on: 'ts', stats: true }).stats.rows = 3;
