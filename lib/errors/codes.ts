/**
 * The permanent error codes, by class. `cpp/include/flowstate/error_codes.def` is the source of the table and a
 * test holds this list, `docs/errors.md` and the C++ side to it.
 */
export const ERROR_CODES = {
  FS_ERR_ARG_TYPE: 'ArgumentError',
  FS_ERR_ARG_RANGE: 'ArgumentError',
  FS_ERR_OPTION_UNKNOWN: 'ArgumentError',
  FS_ERR_NAME_COLLISION: 'ArgumentError',
  FS_ERR_WOULD_COPY: 'ArgumentError',
  FS_ERR_SCHEMA: 'DataError',
  FS_ERR_COLUMN_MISSING: 'DataError',
  FS_ERR_LENGTH: 'DataError',
  FS_ERR_UNSORTED: 'DataError',
  FS_ERR_OVERFLOW: 'DataError',
  FS_ERR_LATE_ROW: 'DataError',
  FS_ERR_CORRUPT: 'DataError',
  FS_ERR_SEQUENCE_GAP: 'DataError',
  FS_ERR_BOOK_EVENT: 'DataError',
  FS_ERR_ONNX: 'DataError',
  FS_ERR_CLOSED: 'StateError',
  FS_ERR_BUSY: 'StateError',
  FS_ERR_DETACHED: 'StateError',
  FS_ERR_WATERMARK_REGRESSED: 'StateError',
  FS_ERR_ABORTED: 'StateError',
  FS_ERR_OUT_OF_MEMORY: 'ResourceError',
  FS_ERR_POOL_EXHAUSTED: 'ResourceError',
  FS_ERR_BACKPRESSURE: 'ResourceError',
  FS_ERR_ADDON_UNAVAILABLE: 'ResourceError',
  FS_ERR_DEPENDENCY_MISSING: 'ResourceError',
  FS_ERR_IO: 'IoError',
  FS_ERR_CUDA_UNAVAILABLE: 'DeviceError',
  FS_ERR_CUDA: 'DeviceError',
  FS_ERR_GDS_UNAVAILABLE: 'DeviceError',
  FS_ERR_DEVICE_LOST: 'DeviceError',
  FS_ERR_INTERNAL: 'InternalError',
} as const;

/** A permanent code, as in `error.code`. Match on it, never on the message. */
export type ErrorCode = keyof typeof ERROR_CODES;
/** Name of the class that carries a code. */
export type ErrorClassName = (typeof ERROR_CODES)[ErrorCode];
