/** `--metrics-port`: the counters of a running join, for Prometheus. On this machine only. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RecordBatch } from 'apache-arrow';

import { ioError } from '../storage/io-error.js';
import type { StreamMetrics } from '../stream/metrics/index.js';
import type { StreamingCounters } from '../stream/streaming-types.js';
import { greatestTime } from '../stream/watermark/index.js';
import { laterOf, type Time } from '../stream/watermark/time-math.js';

const TEXT = 'text/plain; version=0.0.4; charset=utf-8';

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Notes when left batches come and when their rows go out. */
export class LatencyProbe {
  #newest: Time | null = null;

  /** `ordered`: rows go out in order of time, so that one tells of all before it. */
  constructor(
    readonly metrics: StreamMetrics,
    private readonly leftTime: string,
    private readonly ordered: boolean,
  ) {}

  async *left(source: AsyncIterable<RecordBatch>): AsyncGenerator<RecordBatch, void, undefined> {
    for await (const batch of source) {
      const last = greatestTime(batch, this.leftTime);
      this.#newest = laterOf(this.#newest, last);
      if (last !== null) this.metrics.arrived(last);
      yield batch;
    }
  }

  emitted(batch: RecordBatch): void {
    const last = greatestTime(batch, this.leftTime);
    this.metrics.emitted(batch.numRows, 0, last, this.#newest, this.ordered ? last : null);
  }
}

/** Serves `/metrics`. Port 0 takes a free one; which is told on stderr. */
export async function serveMetrics(
  port: number,
  metrics: StreamMetrics,
  counters: () => StreamingCounters,
): Promise<MetricsServer> {
  const server: Server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    metrics.update(counters());
    response.writeHead(200, { 'content-type': TEXT }).end(metrics.toPrometheus());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(ioError(error, `127.0.0.1:${port}`, 'listen')));
    server.listen(port, '127.0.0.1', resolve);
  });
  // A scraper does not keep the command alive.
  server.unref();
  const { port: taken } = server.address() as AddressInfo;
  process.stderr.write(`flowstate: metrics at http://127.0.0.1:${taken}/metrics\n`);
  return {
    port: taken,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
