/** The rules of `test/unit/device/device-table.test.ts`, on a GPU. */
import './cuda.js';
import '../unit/device/device-table.test.js';
