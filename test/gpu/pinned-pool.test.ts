/** The rules of `test/unit/device/pinned-pool.test.ts`, on a GPU. */
import './cuda.js';
import '../unit/device/pinned-pool.test.js';
