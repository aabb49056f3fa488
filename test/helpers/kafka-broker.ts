/**
 * A Kafka cluster on this machine: librdkafka's mock cluster (real protocol, real consumer groups and offsets, messages
 * in memory), carried by the kcat command. Null where kcat is not installed.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';

export const hasKcat = spawnSync('kcat', ['-V']).status === 0;

export class KafkaBroker {
  private constructor(
    readonly address: string,
    private readonly process: ChildProcess,
  ) {}

  static async start(): Promise<KafkaBroker> {
    // A producer that waits for its standard input keeps the cluster up.
    const child = spawn('kcat', ['-X', 'test.mock.num.brokers=1', '-b', 'mock:1', '-P', '-t', 'warm', '-d', 'mock']);
    const address = await new Promise<string>((resolve, reject) => {
      let text = '';
      child.stderr.on('data', (data: Buffer) => {
        if (text.length > 100_000) return;
        text += String(data);
        const found = /bootstrap\.servers=(127\.0\.0\.1:\d+)/.exec(text)?.[1];
        if (found !== undefined) resolve(found);
      });
      child.once('exit', () => reject(new Error(`kcat ended: ${text}`)));
    });
    return new KafkaBroker(address, child);
  }

  stop(): void {
    this.process.kill('SIGKILL');
  }
}
