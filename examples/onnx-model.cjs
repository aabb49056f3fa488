'use strict';
// Writes small ONNX models, byte by byte: no dependency, and a reader of an example sees all that a model is. For the
// examples and the tests; CommonJS, so that both can load it. The fields' numbers are those of onnx.proto.

const TYPES = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
};

const ACTIVATIONS = { elu: 'Elu', relu: 'Relu', sigmoid: 'Sigmoid', softmax: 'Softmax', tanh: 'Tanh' };

function varint(value) {
  const bytes = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}
const number = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field, value) => Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);
const text = (field, value) => bytes(field, Buffer.from(value, 'utf8'));
const message = (field, ...parts) => bytes(field, Buffer.concat(parts));

function float(field, value) {
  const word = Buffer.alloc(4);
  word.writeFloatLE(value);
  return Buffer.concat([varint((field << 3) | 5), word]);
}

function typeOf(dtype) {
  const type = TYPES[dtype];
  if (type === undefined) throw new TypeError(`no ONNX type for ${dtype}`);
  return type;
}

/** A dimension: a size, a name that is the same size wherever it stands, or null for any. */
function dimension(size) {
  if (size === null) return message(1);
  return message(1, typeof size === 'string' ? text(2, size) : number(1, size));
}

const valueInfo = (field, { name, dtype, shape }) =>
  message(field, text(1, name), message(2, message(1, number(1, typeOf(dtype)), message(2, ...shape.map(dimension)))));

const tensor = (field, name, { dtype, shape, data }) =>
  message(
    field,
    ...shape.map((size) => number(1, size)),
    number(2, typeOf(dtype)),
    text(8, name),
    bytes(9, Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  );

/** An attribute: a whole number, { float }, a string, or a list of whole numbers. */
function attribute(name, value) {
  if (Array.isArray(value)) return message(5, text(1, name), ...value.map((each) => number(8, each)), number(20, 7));
  if (typeof value === 'string') return message(5, text(1, name), text(4, value), number(20, 3));
  if (typeof value === 'object') return message(5, text(1, name), float(2, value.float), number(20, 1));
  return message(5, text(1, name), number(3, value), number(20, 2));
}

const node = ({ op, inputs, outputs, attributes = {} }) =>
  message(
    1,
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) => attribute(name, value)),
  );

/** A model's bytes, as a `.onnx` file has them. */
function encodeModel({ inputs, outputs, nodes, constants = {}, opset = 17 }) {
  return new Uint8Array(
    Buffer.concat([
      number(1, 8),
      text(2, 'flowstate'),
      message(
        7,
        ...nodes.map(node),
        text(2, 'graph'),
        ...Object.entries(constants).map(([name, value]) => tensor(5, name, value)),
        ...inputs.map((value) => valueInfo(11, value)),
        ...outputs.map((value) => valueInfo(12, value)),
      ),
      message(8, text(1, ''), number(2, opset)),
    ]),
  );
}

/**
 * Dense layers in float32, one after the other: y = activation(x · weights + bias). Weights are row-major
 * (inputs × units), which is how tfjs and Keras keep a kernel. Input and output are (batch, features).
 */
function encodeDense(layers, { input = 'x', output = 'y', batch = 'batch' } = {}) {
  const constants = {};
  const nodes = [];
  let from = input;
  layers.forEach(({ weights, bias, units, activation = 'linear' }, i) => {
    const op = ACTIVATIONS[activation];
    if (op === undefined && activation !== 'linear') throw new TypeError(`no ONNX operator for ${activation}`);
    const features = weights.length / units;
    if (!Number.isInteger(features)) throw new RangeError(`${weights.length} weights are no rows of ${units}`);
    const to = i === layers.length - 1 ? output : `layer${i}`;
    constants[`weights${i}`] = { dtype: 'float32', shape: [features, units], data: Float32Array.from(weights) };
    constants[`bias${i}`] = {
      dtype: 'float32',
      shape: [units],
      data: bias ? Float32Array.from(bias) : new Float32Array(units),
    };
    nodes.push({ op: 'MatMul', inputs: [from, `weights${i}`], outputs: [`product${i}`] });
    nodes.push({ op: 'Add', inputs: [`product${i}`, `bias${i}`], outputs: [op === undefined ? to : `sum${i}`] });
    if (op !== undefined) nodes.push({ op, inputs: [`sum${i}`], outputs: [to] });
    from = to;
  });
  const first = layers[0];
  const last = layers[layers.length - 1];
  if (first === undefined) throw new RangeError('expected at least one layer');
  return encodeModel({
    inputs: [{ name: input, dtype: 'float32', shape: [batch, first.weights.length / first.units] }],
    outputs: [{ name: output, dtype: 'float32', shape: [batch, last.units] }],
    nodes,
    constants,
  });
}

module.exports = { encodeModel, encodeDense };
