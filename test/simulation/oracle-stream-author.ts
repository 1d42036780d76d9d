/** Commands on streams, as their author runs them: what it saw, and the effects that follow, for the oracle. */
import type { SpecifiedTxn } from './oracle.ts';
import { compareIds, StreamView } from './oracle-streams.ts';

/** What oracle-author.ts does for any type. */
export interface StreamWork {
  readonly txn: SpecifiedTxn;
  elements(): ReadonlyMap<string, string>;
  exists(): boolean;
  /** What changes the stream by more than removals: it keeps its time to live. */
  change(work: () => void): void;
  assign(element: string, value: string): void;
  /** To the number of entries. */
  count(): void;
  clear(element: string): void;
}

/** One command on one stream. */
export class StreamAuthor {
  private readonly work: StreamWork;

  constructor(work: StreamWork) {
    this.work = work;
  }

  run(command: string, words: readonly string[]): void {
    switch (command) {
      case 'XADD':
        this.add(words);
        return;
      case 'XDEL':
        if (this.work.exists()) for (const id of words) this.remove(id);
        return;
      case 'XTRIM':
        if (this.work.exists()) this.trim(words);
        return;
      case 'XSETID':
        if (this.work.exists()) this.setId(words);
        return;
      case 'XGROUP':
        this.group(words[0], words[1], words.slice(2));
        return;
      case 'XREADGROUP':
        this.read(words);
        return;
      case 'XACK':
        for (const id of words.slice(1)) this.acknowledge(words[0], id);
        return;
      case 'XCLAIM':
        this.claim(words[0], words[1], words.slice(3));
        return;
      case 'XLEN':
      case 'XRANGE':
        return;
      default:
        throw new Error(`the oracle does not know ${command}`);
    }
  }

  private get stream(): StreamView {
    return new StreamView(this.work.elements());
  }

  // --- entries

  /** [MAXLEN n] id field value … */
  private add(words: readonly string[]): void {
    const trimming = words[0] === 'MAXLEN' ? words.slice(0, 2) : [];
    const [wanted, ...fields] = words.slice(trimming.length);
    const { lastId } = this.stream;
    const id = idAfter(wanted, lastId);
    if (id === null || compareIds(id, lastId) <= 0) return;
    this.work.change(() => {
      this.work.assign(`entry ${id} ${this.work.txn.replica}`, fields.join(' '));
      this.work.count();
      this.work.assign('last', id);
    });
    if (trimming.length > 0) this.trim(trimming);
  }

  private remove(id: string): void {
    const { entries, elements } = this.stream;
    const removed = entries.filter((entry) => compareIds(entry.id, id) === 0);
    for (const { element } of removed) this.work.clear(element);
    if (removed.length === 0 || compareIds(id, elements.get('deleted') ?? '0-0') <= 0) return;
    this.work.change(() => this.work.assign('deleted', id));
  }

  private trim([kind, limit]: readonly string[]): void {
    const { entries } = this.stream;
    const trimmed =
      kind === 'MAXLEN'
        ? entries.slice(0, Math.max(0, entries.length - Number(limit)))
        : entries.filter(({ id }) => compareIds(id, limit) < 0);
    for (const { element } of trimmed) this.work.clear(element);
  }

  /** id [ENTRIESADDED n] */
  private setId([id, word, added]: readonly string[]): void {
    const { entries, elements } = this.stream;
    const top = entries[entries.length - 1]?.id ?? '0-0';
    if (compareIds(id, top) < 0 || compareIds(id, elements.get('deleted') ?? '0-0') < 0) return;
    if (word !== undefined && Number(added) < entries.length) return;
    this.work.change(() => {
      this.work.assign('last', id);
      if (word !== undefined) this.work.assign('added', added);
    });
  }

  // --- groups

  private group(word: string, group: string, words: readonly string[]): void {
    if (word === 'CREATE') {
      this.createGroup(group, words[0], words[1] === 'MKSTREAM');
      return;
    }
    if (!this.stream.hasGroup(group)) return;
    const [first] = words;
    switch (word) {
      case 'SETID':
        this.start(group, first);
        return;
      case 'DESTROY':
        this.destroy(group);
        return;
      case 'CREATECONSUMER':
        if (!this.hasConsumer(group, first)) this.work.change(() => this.touch(group, first, -1));
        return;
      case 'DELCONSUMER':
        this.deleteConsumer(group, first);
        return;
      default:
        throw new Error(`the oracle does not know XGROUP ${word}`);
    }
  }

  private createGroup(group: string, start: string, isMaking: boolean): void {
    if (!this.work.exists() && !isMaking) return;
    if (this.stream.hasGroup(group)) return;
    if (!this.work.exists()) this.work.change(() => this.work.assign('stream', ''));
    this.start(group, start);
  }

  /** Takes back what it saw delivered. */
  private start(group: string, start: string): void {
    const { lastId } = this.stream;
    this.work.change(() => {
      for (const { element } of this.stream.named('mark', group)) this.work.clear(element);
      this.work.assign(`group ${group}`, '');
      this.work.assign(`start ${group}`, start === '$' ? lastId : start);
    });
  }

  private destroy(group: string): void {
    const { elements } = this.stream;
    const isOf = (element: string) => element === `group ${group}` || element === `start ${group}`;
    const within = ['mark', 'consumer', 'pending'].map((kind) => `${kind} ${group} `);
    const owned = [...elements.keys()].filter(
      (element) => isOf(element) || within.some((prefix) => element.startsWith(prefix)),
    );
    // entries-added and the last id are of the stream; a group of one that was removed has nothing beside it
    const others = [...elements.keys()].filter((element) => !owned.includes(element) && element !== 'deleted');
    if (!others.some((element) => !element.startsWith('entry '))) {
      this.work.change(() => this.work.assign('stream', ''));
    }
    for (const element of owned) this.work.clear(element);
  }

  private hasConsumer(group: string, consumer: string): boolean {
    return this.work.elements().has(`consumer ${group} ${consumer}`);
  }

  private deleteConsumer(group: string, consumer: string): void {
    if (this.hasConsumer(group, consumer)) this.work.clear(`consumer ${group} ${consumer}`);
    for (const { element, value } of this.stream.pending(group)) {
      if (value.consumer === consumer) this.work.clear(element);
    }
  }

  /** Whatever is written into a group says that it exists, and its consumer. */
  private touch(group: string, consumer: string, activeMs: number): void {
    this.work.assign(`group ${group}`, '');
    this.work.assign(`consumer ${group} ${consumer}`, String(activeMs));
  }

  // --- what groups get

  /** GROUP g c COUNT n [NOACK] STREAMS key > */
  private read([, group, consumer, , count, word]: readonly string[]): void {
    if (!this.stream.hasGroup(group)) return;
    const { nowMs } = this.work.txn;
    const stream = this.stream;
    const entries = stream.newFor(group).slice(0, Number(count));
    if (entries.length === 0) {
      if (!this.hasConsumer(group, consumer)) this.work.change(() => this.touch(group, consumer, -1));
      return;
    }
    this.work.change(() => {
      if (!stream.elements.has(`start ${group}`)) this.work.assign(`start ${group}`, stream.lastDelivered(group));
      this.touch(group, consumer, nowMs);
      for (const { id, author } of entries) {
        this.work.assign(`mark ${group} ${author}`, id);
        if (word !== 'NOACK') this.work.assign(`pending ${group} ${id} ${author}`, `${consumer} ${nowMs} 1`);
      }
    });
  }

  private acknowledge(group: string, id: string): void {
    if (!this.stream.hasGroup(group)) return;
    for (const each of this.stream.pending(group)) if (compareIds(each.id, id) === 0) this.work.clear(each.element);
  }

  /** ids, at last FORCE; whatever their idle time. */
  private claim(group: string, consumer: string, words: readonly string[]): void {
    if (!this.stream.hasGroup(group)) return;
    const isForced = words[words.length - 1] === 'FORCE';
    for (const id of isForced ? words.slice(0, -1) : words) this.claimOne(group, consumer, id, isForced);
  }

  private claimOne(group: string, consumer: string, id: string, isForced: boolean): void {
    const { nowMs } = this.work.txn;
    const isIt = (each: { id: string }) => compareIds(each.id, id) === 0;
    const pending = this.stream.pending(group).filter(isIt);
    const entries = this.stream.entries.filter(isIt);
    if (entries.length === 0) {
      this.acknowledge(group, id);
      return;
    }
    if (pending.length === 0 && !isForced) return;
    const latest = pending.reduce((ms, { value }) => Math.max(ms, value.ms), -1);
    const before = pending.find(({ value }) => value.ms === latest)?.value.count ?? 1;
    const authors = new Set([...pending, ...entries].map(({ author }) => author));
    this.work.change(() => {
      this.touch(group, consumer, nowMs);
      for (const author of authors)
        this.work.assign(`pending ${group} ${id} ${author}`, `${consumer} ${nowMs} ${before + 1}`);
    });
  }
}

/** `ms-*` goes on behind the last id of that millisecond. */
function idAfter(wanted: string, last: string): string | null {
  if (!wanted.endsWith('-*')) return wanted;
  const [ms, seq] = last.split('-');
  return wanted === `${ms}-*` ? `${ms}-${Number(seq) + 1}` : wanted.replace('*', '0');
}
