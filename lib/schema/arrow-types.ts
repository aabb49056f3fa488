/**
 * Arrow types without `instanceof`: a program may hold two copies of apache-arrow (an ES module and a CommonJS one,
 * or two versions), and a table from the other copy is as good. Everything is recognised by `typeId`, and what goes
 * into a result is rebuilt with the classes of our own copy, over the same buffers.
 */
import {
  Binary,
  BinaryView,
  Bool,
  Data,
  DataType,
  Date_,
  Decimal,
  Dictionary,
  Duration,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float,
  Int,
  Int16,
  Int32,
  Int8,
  Interval,
  LargeBinary,
  LargeList,
  LargeUtf8,
  List,
  Map_,
  Null,
  Struct,
  type Table,
  Time,
  Timestamp,
  Type,
  Uint16,
  Uint32,
  Uint8,
  Union,
  Utf8,
  Utf8View,
  Vector,
} from 'apache-arrow';

import { fail, isRecord, typeError } from '../internal/validate.js';

/** Throws FS_ERR_ARG_TYPE unless `value` looks like an Arrow table, whichever copy of apache-arrow made it. */
export function requireTable(value: unknown, where: string): asserts value is Table {
  if (!isRecord(value) || !isRecord(value.schema) || !Array.isArray(value.batches)) {
    throw typeError(where, 'an apache-arrow Table', value);
  }
  if (!Array.isArray(value.schema.fields)) throw typeError(where, 'an apache-arrow Table', value);
}

/** The type as messages name it. */
export function typeName(type: DataType): string {
  if (DataType.isTimestamp(type) && type.timezone) return `${type} (zone ${type.timezone})`;
  return String(type);
}

function isLocal(type: DataType): boolean {
  return type instanceof DataType;
}

/** Foreign types by the local ones made of them: columns that shared a dictionary type go on sharing it. */
const localTypes = new WeakMap<DataType, DataType>();

/** The same type made of our copy's classes; itself where it already is. */
export function localType(type: DataType): DataType {
  if (isLocal(type) && (type.children === null || type.children.every((field: Field) => isLocal(field.type)))) {
    return type;
  }
  const known = localTypes.get(type);
  if (known !== undefined) return known;
  const made = makeLocalType(type);
  localTypes.set(type, made);
  return made;
}

function makeLocalType(type: DataType): DataType {
  if (DataType.isNull(type)) return new Null();
  if (DataType.isInt(type)) return new Int(type.isSigned, type.bitWidth);
  if (DataType.isFloat(type)) return new Float(type.precision);
  if (DataType.isBinary(type)) return new Binary();
  if (DataType.isUtf8(type)) return new Utf8();
  if (DataType.isLargeBinary(type)) return new LargeBinary();
  if (DataType.isLargeUtf8(type)) return new LargeUtf8();
  if (DataType.isBinaryView(type)) return new BinaryView();
  if (DataType.isUtf8View(type)) return new Utf8View();
  if (DataType.isBool(type)) return new Bool();
  if (DataType.isDecimal(type)) return new Decimal(type.scale, type.precision, type.bitWidth);
  if (DataType.isDate(type)) return new Date_(type.unit);
  if (DataType.isTime(type)) return new Time(type.unit, type.bitWidth);
  if (DataType.isTimestamp(type)) return new Timestamp(type.unit, type.timezone);
  if (DataType.isInterval(type)) return new Interval(type.unit);
  if (DataType.isDuration(type)) return new Duration(type.unit);
  if (DataType.isFixedSizeBinary(type)) return new FixedSizeBinary(type.byteWidth);
  if (DataType.isList(type)) return new List(localField(type.children[0]));
  if (DataType.isLargeList(type)) return new LargeList(localField(type.children[0]));
  if (DataType.isFixedSizeList(type)) return new FixedSizeList(type.listSize, localField(type.children[0]));
  if (DataType.isStruct(type)) return new Struct(type.children.map(localField));
  if (DataType.isMap(type)) return new Map_(localField(type.children[0]), type.keysSorted);
  if (DataType.isUnion(type)) return new Union(type.mode, type.typeIds, type.children.map(localField));
  if (DataType.isDictionary(type)) {
    return new Dictionary(localType(type.dictionary), localIndexType(type.indices), type.id, type.isOrdered);
  }
  return fail('FS_ERR_SCHEMA', `Arrow type ${typeName(type)} (typeId ${type.typeId}) is not supported`, {
    typeId: type.typeId,
  });
}

/** Dictionary ids anywhere in the types of `fields`. */
export function dictionaryIds(fields: readonly Field[]): readonly number[] {
  return fields.flatMap(({ type }) => [
    ...(DataType.isDictionary(type) ? [type.id] : []),
    ...dictionaryIds(type.children ?? []),
  ]);
}

/** The (local) type with other dictionary ids; itself where it has none. */
export function relabelDictionaries(type: DataType, idOf: (id: number) => number): DataType {
  const child = (field: Field): Field => {
    const relabelled = relabelDictionaries(field.type, idOf);
    return relabelled === field.type ? field : field.clone({ type: relabelled });
  };
  if (DataType.isDictionary(type)) {
    const id = idOf(type.id);
    const values = relabelDictionaries(type.dictionary, idOf);
    return id === type.id && values === type.dictionary
      ? type
      : new Dictionary(values, type.indices, id, type.isOrdered);
  }
  if (!type.children?.length) return type;
  const children: readonly Field[] = type.children.map(child);
  if (children.every((field, i) => field === type.children[i])) return type;
  const first = localField(children[0]);
  if (DataType.isList(type)) return new List(first);
  if (DataType.isLargeList(type)) return new LargeList(first);
  if (DataType.isFixedSizeList(type)) return new FixedSizeList(type.listSize, first);
  if (DataType.isStruct(type)) return new Struct([...children]);
  if (DataType.isMap(type)) return new Map_(localField(children[0]), type.keysSorted);
  if (DataType.isUnion(type)) return new Union(type.mode, type.typeIds, [...children]);
  return fail('FS_ERR_INTERNAL', `type ${typeName(type)} has children that cannot be relabelled`);
}

function localIndexType({ isSigned, bitWidth }: Int): Int8 | Int16 | Int32 | Uint8 | Uint16 | Uint32 {
  switch (bitWidth) {
    case 8:
      return isSigned ? new Int8() : new Uint8();
    case 16:
      return isSigned ? new Int16() : new Uint16();
    case 32:
      return isSigned ? new Int32() : new Uint32();
    default:
      return fail('FS_ERR_SCHEMA', `dictionary indices of ${bitWidth} bits are not supported`, { bitWidth });
  }
}

/** The field with a local type; its name, nullability and metadata kept. */
export function localField(field: Field | undefined): Field {
  if (field === undefined) return fail('FS_ERR_SCHEMA', 'an Arrow list, map or union type has no child field');
  return new Field(field.name, localType(field.type), field.nullable, field.metadata);
}

/** The same rows as an object of our copy, over the same buffers; itself where it already is. */
export function localData(data: Data): Data {
  if (data.constructor === Data && isLocal(data.type) && localType(data.type) === data.type) return data;
  const copy = new Data(
    localType(data.type),
    data.offset,
    data.length,
    data.nullCount,
    data.buffers,
    data.children.map(localData),
    data.dictionary === undefined ? undefined : localVector(data.dictionary),
    data.variadicBuffers ?? [],
  );
  return copy;
}

/** Foreign dictionaries by the local ones made of them: writers tell dictionaries apart by object. */
const localVectors = new WeakMap<Vector, Vector>();

/** The same vector as an object of our copy; itself where it already is. */
export function localVector(vector: Vector): Vector {
  if (vector.constructor === Vector) return vector;
  let made = localVectors.get(vector);
  if (made === undefined) {
    made = new Vector(vector.data.map(localData));
    localVectors.set(vector, made);
  }
  return made;
}

/** True when two types are the same type: nullability, metadata and dictionary ids aside. */
export function sameType(a: DataType, b: DataType): boolean {
  if (a.typeId !== b.typeId) return false;
  if (DataType.isDictionary(a) && DataType.isDictionary(b)) {
    return sameType(a.indices, b.indices) && sameType(a.dictionary, b.dictionary);
  }
  const childrenA: readonly Field[] = a.children ?? [];
  const childrenB: readonly Field[] = b.children ?? [];
  if (childrenA.length !== childrenB.length) return false;
  if (!childrenA.every((field, i) => field.name === childrenB[i]?.name && sameType(field.type, childrenB[i].type))) {
    return false;
  }
  return typeParameters(a) === typeParameters(b);
}

/** What besides children tells types of one `typeId` apart. */
function typeParameters(type: DataType): string {
  if (DataType.isInt(type)) return `${type.isSigned}:${type.bitWidth}`;
  if (DataType.isFloat(type)) return `${type.precision}`;
  if (DataType.isDecimal(type)) return `${type.scale}:${type.precision}:${type.bitWidth}`;
  if (DataType.isTimestamp(type)) return `${type.unit}:${type.timezone ?? ''}`;
  if (DataType.isTime(type)) return `${type.unit}:${type.bitWidth}`;
  if (DataType.isDate(type) || DataType.isDuration(type) || DataType.isInterval(type)) return `${type.unit}`;
  if (DataType.isFixedSizeBinary(type)) return `${type.byteWidth}`;
  if (DataType.isFixedSizeList(type)) return `${type.listSize}`;
  if (DataType.isMap(type)) return `${type.keysSorted}`;
  if (DataType.isUnion(type)) return `${type.mode}:${type.typeIds.join(',')}`;
  return '';
}

/** True for types that hold other values: lists, structs, maps, unions; and for views, whose bytes lie elsewhere. */
export function isNestedType(type: DataType): boolean {
  switch (type.typeId) {
    case Type.List:
    case Type.LargeList:
    case Type.FixedSizeList:
    case Type.Struct:
    case Type.Map:
    case Type.Union:
    case Type.BinaryView:
    case Type.Utf8View:
    case Type.Null:
      return true;
    default:
      return false;
  }
}
