/** The epoch time of a venue's midnight: date and offset from UTC, exactly, without the machine's time zone. */
import { fail, rangeError, requireString } from '../../internal/validate.js';

const NS_PER_MS = 1_000_000n;

/** Nanoseconds since the epoch at 00:00 of `date` on a clock that is `offset` ahead of UTC; 0n without a date. */
export function parseMidnight(date: unknown, offset: unknown): bigint {
  if (date === undefined) {
    if (offset !== undefined) fail('FS_ERR_ARG_RANGE', 'options.utcOffset needs options.date');
    return 0n;
  }
  const day = requireString(date, 'options.date');
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : NaN;
  // Date.parse takes the 31st of June for the 1st of July.
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== day) {
    throw rangeError('options.date', 'a date such as 2012-06-21', date);
  }
  return (BigInt(ms) - offsetMs(offset)) * NS_PER_MS;
}

function offsetMs(offset: unknown): bigint {
  if (offset === undefined || offset === 'Z') return 0n;
  const match = /^([+-])(\d{2}):(\d{2})$/.exec(requireString(offset, 'options.utcOffset'));
  const [hours, minutes] = [Number(match?.[2]), Number(match?.[3])];
  if (match === null || hours > 14 || minutes > 59) {
    throw rangeError('options.utcOffset', 'an offset such as -04:00', offset);
  }
  const ms = BigInt((hours * 60 + minutes) * 60_000);
  return match[1] === '-' ? -ms : ms;
}
