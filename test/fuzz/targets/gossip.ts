/** Messages on the gossip topic: taken, or refused with an error that says why. */
import { type Message, TopicValidatorResult } from '@chainsafe/libp2p-gossipsub';
import { Encoder } from 'cbor-x';
import { FrameError, vectorToWire } from '../../../src/mesh/frames.ts';
import { Members } from '../../../src/mesh/members.ts';
import { topicValidator, type Validator } from '../../mesh/topic-validator.ts';
import { mutateCbor } from '../cbor-tree.ts';
import { assertSound, makeHistory, Receiver } from '../engines.ts';
import { FuzzedLog } from '../mesh-parts.ts';
import type { MutationContext, Target } from '../target.ts';

const ENVELOPE = 1;
const VECTOR = 2;
const SIGN = 3;
const encoder = new Encoder({ useRecords: false, tagUint8Array: false });
const history = makeHistory();
const receiver = new Receiver(history);
let log = new FuzzedLog();
let validate: Validator = () => TopicValidatorResult.Ignore;
let result: TopicValidatorResult = TopicValidatorResult.Ignore;
let applied = 0;

export const target: Target = {
  name: 'gossip',
  guidedBy: ['/src/mesh/', '/src/core/envelope.ts', '/src/core/delivery.ts', '/src/core/plain-cbor.ts', '/cbor-x/'],
  bytesMax: 300 * 1024,
  works: true,
  seeds: () => [
    ...history.after.map((bytes) => Buffer.concat([Buffer.from([ENVELOPE]), bytes])),
    Buffer.concat([Buffer.from([VECTOR]), encoder.encode(vectorMessage())]),
    Buffer.concat([Buffer.from([SIGN]), encoder.encode({ id: 'a-peer', clock: 1 })]),
  ],
  mutate,
  prepare() {
    if (applied > 0) receiver.renew();
    applied = 0;
    log = new FuzzedLog();
    validate = validatorOf();
  },
  run(bytes) {
    result = validate(PEER, { data: bytes } as unknown as Message);
  },
  check() {
    if (result === TopicValidatorResult.Reject) {
      receiver.assertUnchanged();
      for (const { details } of log.warnings) assertDeclared(details);
    }
    if (applied > 0) assertSound(receiver.engine);
  },
};

const PEER = { toString: () => 'a-peer' };

function validatorOf(): Validator {
  const { engine } = receiver;
  const statistics = engine.statistics.remoteTxns;
  const members = new Members(engine, 'self', null, log);
  const validator = topicValidator({ engine, members, log, isLinked: () => false });
  return (peer, message) => {
    const outcome = validator(peer, message);
    applied = engine.statistics.remoteTxns - statistics;
    return outcome;
  };
}

/** The validator takes every error for the sender's fault, so a fault of ours would look the same. */
function assertDeclared(details: object): void {
  const error = 'err' in details ? details.err : undefined;
  if (error === undefined || error instanceof FrameError) return;
  if (error instanceof Error && error.constructor === Error) return;
  throw error;
}

function vectorMessage(): Record<string, unknown> {
  return {
    id: 'a-peer',
    replica: 'eeeeeeeeeeeeeeee',
    region: 'r',
    zone: 'z',
    addresses: ['/ip4/192.0.2.7/tcp/1'],
    vector: vectorToWire(receiver.engine.vector()),
    clock: Date.now(),
  };
}

function mutate(bytes: Buffer, context: MutationContext): Buffer {
  if (bytes.length < 2 || context.random.chance(0.1)) return context.scramble(bytes);
  return Buffer.concat([bytes.subarray(0, 1), mutateCbor(bytes.subarray(1), context)]);
}
