/** The rules of joins of device tables, on a GPU: rows, edges of tiles, what is shared and refused. */
import './cuda.js';
import '../unit/device/join/table-join.test.js';
import '../property/device-join.property.test.js';
import '../property/device-join-large.test.js';
