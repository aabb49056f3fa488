/** The rules of `test/unit/device/device.test.ts`, on a GPU. */
import './cuda.js';
import '../unit/device/device.test.js';
