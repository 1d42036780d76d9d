/** Conversations that the node begins itself with other Redis servers: MIGRATE's. One socket each, gone when it is over. */
import net from 'node:net';
import { OutboundError, type OutboundFailure, type OutboundService } from './commands/migration/outbound.ts';
import { decodeReply, ReplyError } from './resp/decode.ts';
import { encodeRequest } from './resp/local-client.ts';

/** setTimeout takes no longer one. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export const outbound: OutboundService = {
  ask(host, port, requests, timeoutMs) {
    return new Promise((resolve, reject) => {
      let failure: OutboundFailure = 'connecting';
      let received = Buffer.alloc(0);
      const answers: (string | null)[] = [];
      const socket = net.connect({ host, port: isPort(port) ? port : 0 });
      const timer = setTimeout(() => fail(new Error('timeout')), Math.min(timeoutMs, TIMER_MS_MAX));
      const fail = (error: unknown) => {
        clearTimeout(timer);
        socket.destroy();
        reject(new OutboundError(failure, error));
      };
      socket.on('error', (error: NodeJS.ErrnoException) => {
        // Redis finds that nobody listens when it writes
        if (error.code === 'ECONNREFUSED') failure = 'writing';
        fail(error);
      });
      socket.on('close', () => fail(new Error('the connection was closed')));
      socket.on('connect', () => {
        failure = 'writing';
        socket.write(Buffer.concat(requests.map(encodeRequest)), () => {
          failure = 'reading';
        });
      });
      socket.on('data', (chunk) => {
        try {
          received = Buffer.concat([received, chunk]);
          for (let reply = decodeReply(received); reply !== null; reply = decodeReply(received)) {
            received = received.subarray(reply.next);
            answers.push(reply.value instanceof ReplyError ? reply.value.message : null);
          }
        } catch (error) {
          fail(error);
          return;
        }
        if (answers.length < requests.length) return;
        clearTimeout(timer);
        resolve(answers);
        socket.destroy();
      });
    });
  },
};

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 0 && port <= 65535;
}
