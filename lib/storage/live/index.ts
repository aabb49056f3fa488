/** Live inputs: bytes and files as they grow. */
export { type ArrowStreamOptions, type ByteSource, fromArrowStream } from './arrow-stream.js';
export { type CsvStreamOptions, fromCsvStream } from './csv-stream.js';
export { followFile, type FollowOptions } from './follow-file.js';
export { type LiveInputOptions, openLive } from './live-source.js';
