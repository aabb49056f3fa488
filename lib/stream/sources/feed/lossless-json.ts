/**
 * JSON whose integers of 16 digits and more become bigint: a timestamp in nanoseconds has 19, a JavaScript number holds
 * 15 to 16. Messages without such an integer are parsed as they are. O(length).
 */
import { randomUUID } from 'node:crypto';

const LONG = /\d{16}/;
const TOKEN = /"(?:[^"\\]|\\.)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;
/** Nobody can send what starts so: it is drawn anew in every process. */
const MARK = `int:${randomUUID()}:`;

/** Throws SyntaxError, as `JSON.parse`. */
export function parseLossless(text: string): unknown {
  if (!LONG.test(text)) return JSON.parse(text);
  const marked = text.replace(TOKEN, (token) => (token.startsWith('"') ? token : `"${MARK}${token}"`));
  return JSON.parse(marked, (_, value: unknown) =>
    typeof value === 'string' && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value,
  );
}
