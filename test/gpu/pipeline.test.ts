/** The rules of pipelines, on a GPU: rows, endings, shares of the time, the property against the join. */
import './cuda.js';
import '../unit/pipeline/gpu-pipeline.test.js';
import '../unit/pipeline/endings.test.js';
import '../unit/pipeline/stalls.test.js';
import '../property/pipeline.property.test.js';
