/** What MIGRATE asks of the node: a conversation with another server. The composition root has the sockets. */

/** Where the conversation broke off. */
export type OutboundFailure = 'connecting' | 'writing' | 'reading';

export class OutboundError extends Error {
  readonly while: OutboundFailure;

  constructor(failure: OutboundFailure, cause: unknown) {
    super(`no answer while ${failure}`, { cause });
    this.while = failure;
  }
}

export interface OutboundService {
  /**
   * Says all requests at once, and gives what was answered to each: null, or the text of an error. Rejects with an
   * OutboundError when there is no way to that server, or no answer within the time.
   */
  ask(
    host: string,
    port: number,
    requests: readonly (readonly (string | Buffer)[])[],
    timeoutMs: number,
  ): Promise<(string | null)[]>;
}
