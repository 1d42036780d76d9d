/**
 * Several clients who talk by turns to a real redis-server, and the same to a Starling node: whatever each of them hears,
 * replies and what is pushed, must be the same bytes in the same order. For what one client hears of another's commands.
 */
import { connect, type Socket } from 'node:net';
import { decodeReply } from '../../src/resp/decode.ts';
import { encodeRequest } from '../../src/resp/local-client.ts';
import type { RespServer } from '../../src/resp/server.ts';
import type { Session } from '../../src/resp/session.ts';
import { argumentsOf, type BothServers } from './differential.ts';

/**
 * `name: COMMAND …`, or several with ` ; ` between them as one pipeline; a transaction is one. `<name>` stands for the id of
 * a client; `name: (close)` hangs up.
 */
export type Script = readonly string[];

interface Speaker {
  readonly id: number;
  /** It waits in a command, and answers nothing else until that is over. */
  isWaiting(): Promise<boolean>;
  say(bytes: Buffer): void;
  close(): void;
  /** All that was heard so far. */
  heard: Buffer;
}

/** What each client heard after each line. */
type Hearing = { readonly line: string; readonly by: string; readonly heard: string }[];

/** Plays a script on both, and throws at the first thing that is heard otherwise, by one of those whom `minds` is true of. */
export async function compareConversation(
  both: BothServers,
  script: Script,
  minds: (by: string) => boolean = () => true,
): Promise<void> {
  const names = [...new Set(script.map((line) => line.slice(0, line.indexOf(':'))))];
  const redis = new Map<string, Speaker>();
  const starling = new Map<string, Speaker>();
  for (const name of names) {
    const speaker = await SocketSpeaker.open(both);
    redis.set(name, speaker);
    starling.set(name, new SessionSpeaker(both.server, speaker.id));
  }
  try {
    const ofRedis = await play(redis, script);
    const ofStarling = await play(starling, script);
    for (const [at, expected] of ofRedis.entries()) {
      const { line, by, heard } = ofStarling[at];
      // the greeting tells the version
      if (heard === expected.heard || !minds(by) || line.includes(': HELLO')) continue;
      throw new Error(
        [
          `after '${line}' client ${by} hears something else`,
          ...script.slice(0, script.indexOf(line) + 1).map((each) => `    ${each}`),
          `  Redis     ${JSON.stringify(expected.heard)}`,
          `  Starling  ${JSON.stringify(heard)}`,
        ].join('\n'),
      );
    }
  } finally {
    for (const speaker of [...redis.values(), ...starling.values()]) speaker.close();
  }
}

async function play(speakers: ReadonlyMap<string, Speaker>, script: Script): Promise<Hearing> {
  const hearing: Hearing = [];
  const gone = new Set<string>();
  for (const [at, line] of script.entries()) {
    const colon = line.indexOf(':');
    const by = line.slice(0, colon);
    const speaker = speakers.get(by);
    if (speaker === undefined) throw new Error(`no client ${by}`);
    const words = line.slice(colon + 1).trim();
    if (words === '(close)') {
      speaker.close();
      gone.add(by);
      await pause();
    } else {
      const request = words.replace(/<(\w+)>/g, (_, name: string) => String(speakers.get(name)?.id ?? 0));
      speaker.say(Buffer.concat(request.split(' ; ').map((each) => encodeRequest(argumentsOf(each)))));
      await settled(speaker, `settled-${at}`);
    }
    for (const [name, each] of speakers) {
      if (gone.has(name)) continue;
      const heard = await settled(each, `after-${at}`);
      hearing.push({ line, by: name, heard });
    }
  }
  return hearing;
}

/** What a client has heard up to the answer to a PING that it says now; nothing while it waits. */
async function settled(speaker: Speaker, marker: string): Promise<string> {
  if (marker.startsWith('settled')) await pause();
  if (await speaker.isWaiting()) return '';
  speaker.say(encodeRequest(['PING', marker]));
  const end = `${marker}\r\n`;
  while (!speaker.heard.toString('latin1').endsWith(end)) await pause();
  if (marker.startsWith('settled')) return '';
  const heard = speaker.heard.toString('latin1');
  speaker.heard = Buffer.alloc(0);
  return heard;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

class SocketSpeaker implements Speaker {
  id = 0;
  heard: Buffer = Buffer.alloc(0);
  private readonly socket: Socket;
  private readonly both: BothServers;

  private constructor(socket: Socket, both: BothServers) {
    this.socket = socket;
    this.both = both;
    socket.on('data', (chunk) => {
      this.heard = Buffer.concat([this.heard, chunk]);
    });
  }

  static async open(both: BothServers): Promise<SocketSpeaker> {
    const socket = connect(both.redisPath);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve());
      socket.once('error', reject);
    });
    const speaker = new SocketSpeaker(socket, both);
    speaker.say(encodeRequest(['CLIENT', 'ID']));
    while (decodeReply(speaker.heard) === null) await pause();
    speaker.id = Number(decodeReply(speaker.heard)?.value);
    speaker.heard = Buffer.alloc(0);
    return speaker;
  }

  async isWaiting(): Promise<boolean> {
    const [line] = await this.both.answersOfRedis([`CLIENT LIST ID ${this.id}`]);
    return / flags=\w*b/.test(line.toString('latin1'));
  }

  say(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  close(): void {
    this.socket.destroy();
  }
}

class SessionSpeaker implements Speaker {
  readonly id: number;
  heard: Buffer = Buffer.alloc(0);
  private readonly session: Session;

  /** Opens sessions until one has the id that Redis gave its client. */
  constructor(server: RespServer, id: number) {
    this.id = id;
    for (;;) {
      const session = server.open({
        address: '127.0.0.1:0',
        localAddress: '127.0.0.1:0',
        pendingBytes: 0,
        write: (bytes) => {
          this.heard = Buffer.concat([this.heard, bytes]);
          return true;
        },
        pauseReading() {},
        resumeReading() {},
        end() {},
        destroy() {},
      });
      if (session.id === id) {
        this.session = session;
        return;
      }
      session.over();
      if (session.id > id) throw new Error(`Starling has given client id ${session.id} already`);
    }
  }

  async isWaiting(): Promise<boolean> {
    return this.session.blocked;
  }

  say(bytes: Buffer): void {
    this.session.receive(bytes);
  }

  close(): void {
    this.session.over();
  }
}
