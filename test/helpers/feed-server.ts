/** A market feed's server on this machine, which can misbehave: drop, repeat, reorder, send garbage, go silent. */
import { type AddressInfo, type Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export interface Connection {
  readonly socket: WebSocket;
  readonly received: string[];
  send(...messages: unknown[]): void;
  /** Bytes as they are, below the WebSocket framing. */
  readonly raw: Socket;
}

export class FeedServer {
  readonly #server: WebSocketServer;
  readonly connections: Connection[] = [];
  #waiting: { readonly count: number; readonly resolve: (connection: Connection) => void }[] = [];

  /** `script` runs for each connection once the client has subscribed; `number` counts from 0. */
  private constructor(
    server: WebSocketServer,
    dialect: 'alpaca' | 'polygon',
    script: (connection: Connection, number: number) => void,
    accept: (number: number) => unknown,
  ) {
    this.#server = server;
    server.on('connection', (socket, request) => {
      const number = this.connections.length;
      const connection: Connection = {
        socket,
        received: [],
        raw: request.socket,
        send: (...messages) => {
          for (const message of messages) socket.send(typeof message === 'string' ? message : JSON.stringify(message));
        },
      };
      this.connections.push(connection);
      socket.on('error', () => undefined);
      socket.on('message', (data) => {
        const text = String(data);
        connection.received.push(text);
        const { action } = JSON.parse(text) as { action: string };
        if (action === 'auth') {
          connection.send(accept(number));
        } else if (action === 'subscribe') {
          connection.send(dialect === 'alpaca' ? [{ T: 'subscription' }] : [{ ev: 'status', status: 'success' }]);
          script(connection, number);
        }
      });
      connection.send(
        dialect === 'alpaca' ? [{ T: 'success', msg: 'connected' }] : [{ ev: 'status', status: 'connected' }],
      );
      this.#waiting = this.#waiting.filter(({ count, resolve }) => {
        if (count > this.connections.length) return true;
        resolve(connection);
        return false;
      });
    });
  }

  static async start(
    dialect: 'alpaca' | 'polygon',
    script: (connection: Connection, number: number) => void,
    accept: (number: number) => unknown = () =>
      dialect === 'alpaca' ? [{ T: 'success', msg: 'authenticated' }] : [{ ev: 'status', status: 'auth_success' }],
  ): Promise<FeedServer> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await new Promise((resolve) => server.once('listening', resolve));
    return new FeedServer(server, dialect, script, accept);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when so many connections have been made. */
  connected(count: number): Promise<Connection> {
    const made = this.connections[count - 1];
    if (made !== undefined) return Promise.resolve(made);
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  async stop(): Promise<void> {
    for (const { socket } of this.connections) socket.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
