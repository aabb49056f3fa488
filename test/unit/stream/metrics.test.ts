import { BucketHistogram } from '../../../lib/stream/metrics/histogram.js';
import { StreamMetrics } from '../../../lib/stream/metrics/stream-metrics.js';

describe('BucketHistogram', () => {
  test('percentiles are at most 9 % above the exact ones, ends are exact', () => {
    const histogram = new BucketHistogram();
    expect([histogram.percentile(50), histogram.mean, histogram.count]).toEqual([0, 0, 0]);
    const values = Array.from({ length: 1000 }, (_, i) => (i * 7919) % 100_003).sort((a, b) => a - b);
    for (const value of values) histogram.record(value);
    for (const p of [1, 10, 50, 90, 99, 99.9]) {
      const exact = values[Math.ceil((p / 100) * 1000) - 1]!;
      expect(histogram.percentile(p)).toBeGreaterThanOrEqual(exact);
      expect(histogram.percentile(p)).toBeLessThanOrEqual(Math.max(1, exact * 1.0906));
    }
    expect(histogram.percentile(0)).toBeLessThanOrEqual(1);
    expect(histogram.percentile(100)).toBe(values.at(-1));
    expect(histogram.mean).toBeCloseTo(values.reduce((a, b) => a + b) / 1000, 6);
  });

  test('takes what clocks that step back give', () => {
    const histogram = new BucketHistogram();
    for (const value of [-5, NaN, 0, 2 ** 70]) histogram.record(value);
    expect([histogram.count, histogram.min, histogram.max]).toEqual([4, 0, 2 ** 70]);
  });
});

describe('StreamMetrics', () => {
  let now = 1000;
  const clock = () => now;

  function filled(): StreamMetrics {
    now = 1000;
    const metrics = new StreamMetrics(['left', 'quote'], { clock });
    const none = { late: 0, tooFarAhead: 0, dropped: 0 };
    metrics.pushed('left', 0, { rows: 10, ...none }, 990_000_000n);
    now = 1002;
    metrics.pushed('left', 0, { rows: 5, late: 2, tooFarAhead: 1, dropped: 2 }, 980_000_000n);
    metrics.pushed('quote', 1, { rows: 7, ...none });
    metrics.watermark('left', null, 985_000_000n);
    metrics.watermark('quote', 1, 900_000_000n, true);
    metrics.state({ left: 4, quote: 6 }, 1234, 4);
    now = 1010;
    metrics.emitted(9, 1, 984_000_000n, 990_000_000n, 985_000_000n);
    return metrics;
  }

  test('counts per input and source, and times batches from push to emit', () => {
    const report = JSON.parse(JSON.stringify(filled(), (_, value) => (typeof value === 'bigint' ? `${value}` : value)));
    expect(report.inputs.left).toMatchObject({ rows: 15, late: 2, tooFarAhead: 1, dropped: 2, stateRows: 4 });
    expect(report.inputs.left.watermarkLagNs).toBe(25_000_000);
    expect(report.inputs.quote.sources['1']).toMatchObject({ rows: 7, idle: true, watermarkLagNs: 110_000_000 });
    expect(report).toMatchObject({ emittedRows: 9, revisions: 1, pendingRows: 4, stateBytes: 1234 });
    // Only the batch that ends at 980 ms is complete at 985: pushed at 1002, emitted at 1010.
    expect(report.endToEndNs).toMatchObject({ count: 1, max: 8_000_000 });
    expect(report.sealDelayNs).toMatchObject({ count: 1, max: 6_000_000 });
  });

  test('Prometheus text has HELP and TYPE once per name, and escaped labels', () => {
    const text = filled().toPrometheus({ labels: { job: 'a"b\\c\nd' } });
    const lines = text.trimEnd().split('\n');
    const types = lines.filter((line) => line.startsWith('# TYPE ')).map((line) => line.split(' ')[2]);
    expect(new Set(types).size).toBe(types.length);
    for (const line of lines.filter((line) => !line.startsWith('#'))) {
      expect(line).toMatch(/^flowstate_stream_[a-z_]+\{job="a\\"b\\\\c\\nd"(,[a-z]+="[^"]*")*\} -?[0-9.e+-]+$/);
    }
    expect(text).toContain('flowstate_stream_late_rows_total{job="a\\"b\\\\c\\nd",input="left",source="0"} 2\n');
    expect(text).toContain(',input="left"} 0.025\n');
    expect(text).toContain('end_to_end_seconds_count{job="a\\"b\\\\c\\nd"} 1\n');
    expect(() => filled().toPrometheus({ prefix: 'no good' })).toThrow(
      expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }),
    );
    expect(() => filled().toPrometheus({ labels: { 'a-b': 'c' } })).toThrow(
      expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }),
    );
  });

  test('an unknown input is refused', () => {
    expect(() => filled().watermark('bar', null, 1n)).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }));
  });
});
