/** The rules of `test/unit/device/feature-matrix.test.ts`, on a GPU. */
import './cuda.js';
import '../unit/device/feature-matrix.test.js';
