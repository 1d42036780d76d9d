/**
 * The program of the thread that reads a long range: it opens the database that the command thread has open as well, and
 * hands over pages, never more of them ahead than it was asked for.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { LevelDisk } from './disk.ts';
import { rootOf } from './errors.ts';
import { packEntries } from './packed-entries.ts';
import type { ReadingData, ReadingOrder, ReadingReport } from './thread-reader.ts';

if (parentPort === null) throw new Error('this program is one of a thread');
const port = parentPort;
const { path, lt } = workerData as ReadingData;
const disk = new LevelDisk(path);

let pages: AsyncGenerator<[Buffer, Buffer][]> | null = null;
let wanted = 0;
let isBusy = false;

function report(message: ReadingReport, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

async function handOver(from: AsyncGenerator<[Buffer, Buffer][]>): Promise<void> {
  isBusy = true;
  while (wanted > 0) {
    wanted--;
    const { value: page, done } = await from.next();
    if (done === true) {
      report({ kind: 'end' });
      break;
    }
    const packed = packEntries(page);
    report({ kind: 'page', packed }, [packed.lengths.buffer, packed.bytes.buffer]);
  }
  isBusy = false;
}

/** In parts: errors lose their code on the way between threads. */
function fail(error: unknown): void {
  report({ kind: 'failed', ...rootOf(error) });
}

async function obey(order: ReadingOrder): Promise<void> {
  switch (order.kind) {
    case 'read':
      pages = disk.pagesHere({ gt: Buffer.from(order.after), lt: Buffer.from(lt) });
      break;
    case 'more':
      wanted++;
      break;
    case 'stop':
      await pages?.return(undefined);
      await disk.close();
      report({ kind: 'stopped' });
      return;
  }
  if (pages !== null && !isBusy) await handOver(pages);
}

port.on('message', (order: ReadingOrder) => {
  obey(order).catch(fail);
});
disk.open().then(() => report({ kind: 'ready' }), fail);
