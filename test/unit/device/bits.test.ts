/** Bitmaps end to end against bit by bit. */
import fc from 'fast-check';

import { appendBits } from '../../../lib/device/bits.js';
import { runs } from '../../helpers/property.js';

it('writes the bits asked for and no others', () => {
  const pieces = fc.array(
    fc.record({
      bits: fc.option(fc.uint8Array({ minLength: 12, maxLength: 12 }), { nil: null }),
      from: fc.integer({ min: 0, max: 30 }),
      count: fc.integer({ min: 0, max: 66 }),
    }),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(pieces, (list) => {
      const total = list.reduce((sum, { count }) => sum + count, 0);
      const out = new Uint8Array(((total + 7) >> 3) + 2);
      const expected = new Uint8Array(out.length);
      let at = 0;
      for (const { bits, from, count } of list) {
        appendBits(out, at, bits, from, count);
        for (let i = 0; i < count; i++, at++) {
          const bit = from + i;
          if (bits === null || ((bits[bit >> 3]! >> (bit & 7)) & 1) === 1) expected[at >> 3]! |= 1 << (at & 7);
        }
      }
      expect(out).toEqual(expected);
    }),
    runs(2000),
  );
});
