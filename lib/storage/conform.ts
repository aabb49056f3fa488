/** Batches of one output must have one schema; the writers underneath drop or garble those that differ. */
import { DataType, RecordBatch, util, type Schema } from 'apache-arrow';
import { createError } from '../errors/from-native.js';

/** The batch under `schema` (same objects, so that dictionary ids agree). FS_ERR_SCHEMA names the column that differs. */
export function conform(batch: RecordBatch, schema: Schema, index: number): RecordBatch {
  if (batch.schema === schema) return batch;
  const { fields } = batch.schema;
  if (fields.length !== schema.fields.length) {
    throw createError(
      'FS_ERR_SCHEMA',
      `batch ${index} has ${fields.length} columns, the first ${schema.fields.length}`,
      {
        details: { batch: index },
      },
    );
  }
  for (const [column, field] of schema.fields.entries()) {
    const found = fields[column];
    if (found?.name === field.name && sameType(found.type, field.type)) continue;
    throw createError(
      'FS_ERR_SCHEMA',
      `batch ${index}, column ${column}: expected ${field.name}: ${field.type}, found ${found?.name}: ${found?.type}`,
      { details: { batch: index, column: field.name } },
    );
  }
  return new RecordBatch(schema, batch.data);
}

/** Equal types; dictionaries by their values' and indices' types, whatever their ids. */
function sameType(a: DataType, b: DataType): boolean {
  if (DataType.isDictionary(a) && DataType.isDictionary(b)) {
    return sameType(a.dictionary, b.dictionary) && sameType(a.indices, b.indices);
  }
  return util.compareTypes(a, b);
}
