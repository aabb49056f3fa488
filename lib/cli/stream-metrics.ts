/** `--metrics-port`: the counters of a running join, for Prometheus. On this machine only. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { ioError } from '../storage/io-error.js';
import { StreamMetrics } from '../stream/metrics/stream-metrics.js';
import type { StreamingCounters } from '../stream/streaming-types.js';

const TEXT = 'text/plain; version=0.0.4; charset=utf-8';

export interface MetricsServer {
  readonly port: number;
  emitted(rows: number): void;
  close(): Promise<void>;
}

/** Serves `/metrics`. Port 0 takes a free one; which is told on stderr. */
export async function serveMetrics(
  port: number,
  names: readonly string[],
  counters: () => StreamingCounters,
): Promise<MetricsServer> {
  const metrics = new StreamMetrics(names);
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
    emitted: (rows) => metrics.emitted(rows, 0, null, null, null),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
