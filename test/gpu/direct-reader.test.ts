/** The rules of `test/unit/device/direct-reader.test.ts`, on a GPU. */
import './cuda.js';
import '../unit/device/direct-reader.test.js';
