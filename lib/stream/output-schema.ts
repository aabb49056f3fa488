/**
 * The schema of every output of a join. A record batch assigns its schema the fields it has already, which copies each
 * with its metadata: as much work as all else about a small batch. Here that gives the schema itself; it is shared by the
 * join's outputs, as their dictionaries are.
 */
import { type Field, Schema } from 'apache-arrow';

export class OutputSchema extends Schema {
  override assign(...args: readonly unknown[]): Schema {
    const [first] = args;
    if (args.length === 1 && Array.isArray(first) && this.#hasExactly(first)) return this;
    const plain = new Schema(this.fields, this.metadata, this.dictionaries, this.metadataVersion);
    return first instanceof Schema ? plain.assign(first) : plain.assign(...(args as readonly Field[]));
  }

  #hasExactly(fields: readonly unknown[]): boolean {
    return fields.length === this.fields.length && fields.every((field, i) => field === this.fields[i]);
  }
}
