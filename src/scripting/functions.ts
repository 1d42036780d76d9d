/**
 * Libraries of functions. Their sources are fields of one hash in the engine's hidden database, so they replicate, survive
 * restarts and merge as all data does: of a library that two nodes load at the same time the later one wins as a whole. What
 * is compiled here follows that hash: a change of it is noted, and taken in before the next use.
 *
 * Two libraries may come to have a function of the same name, loaded on two nodes at once. It is then the function of the
 * library whose name comes first, on every node; the other library keeps its others.
 */
import type { FunctionsService, LibraryDescription, ScriptCall, Services } from '../commands/services.ts';
import type { Call } from '../commands/table.ts';
import { type Engine, NO_DEADLINE } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import { Interpreter } from './interpreter.ts';
import { libraries } from './libraries.ts';
import { type FunctionLibrary, LibraryReader, libraryName, type ScriptFunction } from './library.ts';

const KEY = Slice.of('functions');

/** Runs one function; given by who runs scripts. */
export type RunFunction = (interpreter: Interpreter, found: ScriptFunction, script: ScriptCall) => void;

export class Functions implements FunctionsService {
  interpreter: Interpreter | null = null;
  running: FunctionsService['running'] = null;
  private reader: LibraryReader | null = null;
  private readonly libraries = new Map<string, FunctionLibrary>();
  /** Those that show, by lower-case name. */
  private readonly functions = new Map<string, ScriptFunction>();
  private engine: Engine | null = null;
  private services: Services | null = null;
  private isStale = true;
  private readonly runFunction: RunFunction;

  constructor(runFunction: RunFunction) {
    this.runFunction = runFunction;
  }

  get functionCount(): number {
    return this.functions.size;
  }

  get libraryCount(): number {
    return this.libraries.size;
  }

  get sourceBytes(): number {
    let bytes = 0;
    for (const { source } of this.libraries.values()) bytes += source.length;
    return bytes;
  }

  load(call: Call, source: Buffer, replace: boolean): { readonly name: string } | { readonly error: string } {
    this.refresh(call);
    const named = libraryName(source);
    if ('error' in named) return named;
    const { name } = named;
    if (!replace && this.libraries.has(name)) return { error: `ERR Library '${name}' already exists` };
    // the bytes belong to the client's input
    const read = this.read(name, Buffer.from(source));
    if ('error' in read) return read;
    const taken = this.takenFunction(
      read,
      [...this.libraries.values()].filter((other) => other.name !== name),
    );
    if (taken !== null) {
      this.reader?.forget(read);
      return { error: `ERR Function ${taken} already exists` };
    }
    this.write(call, read);
    this.adopt(read);
    this.index(call);
    return { name };
  }

  remove(call: Call, name: string): boolean {
    this.refresh(call);
    if (!this.libraries.has(name)) return false;
    call.engine.libraries.hashes.remove(KEY, Slice.of(name));
    this.refresh(call);
    return true;
  }

  clear(call: Call): void {
    call.engine.libraries.remove(KEY);
    this.forgetInterpreter();
  }

  restore(call: Call, sources: readonly Buffer[], policy: 'flush' | 'append' | 'replace'): string | null {
    this.refresh(call);
    const read = this.readAll(sources);
    if ('error' in read) return read.error;
    const kept = policy === 'flush' ? [] : [...this.libraries.values()];
    const error = this.collision(read, kept, policy === 'replace');
    if (error !== null) {
      for (const library of read) this.reader?.forget(library);
      return error;
    }
    if (policy === 'flush') call.engine.libraries.remove(KEY);
    for (const library of read) this.write(call, library);
    for (const library of read) this.reader?.forget(library);
    this.refresh(call);
    return null;
  }

  list(call: Call): readonly LibraryDescription[] {
    this.refresh(call);
    return this.sorted().map(({ name, source, functions }) => ({
      name,
      source,
      functions: [...functions.values()].map((each) => ({ ...each, flags: [...each.flags] })),
    }));
  }

  flagsOf(call: Call, functionName: string): ReadonlySet<string> | undefined {
    this.refresh(call);
    return this.functions.get(functionName.toLowerCase())?.flags;
  }

  has(call: Call, functionName: string): boolean {
    this.refresh(call);
    return this.functions.has(functionName.toLowerCase());
  }

  run(name: string, script: ScriptCall): void {
    const { call } = script;
    this.refresh(call);
    const found = this.functions.get(name.toLowerCase());
    if (found === undefined || this.interpreter === null) call.reply.error('ERR Function not found');
    else this.runFunction(this.interpreter, found, script);
  }

  /** The interpreter is broken, or too big: all is read again at the next use. */
  forgetInterpreter(): void {
    this.interpreter = null;
    this.reader = null;
    this.libraries.clear();
    this.functions.clear();
    this.isStale = true;
  }

  // --- following the data

  private refresh(call: Call): void {
    this.follow(call.engine);
    this.services = call.services;
    // while a function is suspended, its interpreter must not be touched
    if (!this.isStale || this.running !== null) return;
    this.isStale = false;
    const sources = new Map<string, Buffer>();
    call.engine.libraries.hashes.forEach(KEY, (field, value) => sources.set(field.latin1(), value.copy()));
    for (const [name, library] of this.libraries) {
      if (sources.get(name)?.equals(library.source) === true) continue;
      this.reader?.forget(library);
      this.libraries.delete(name);
    }
    for (const [name, source] of sources) {
      if (this.libraries.has(name)) continue;
      const read = this.read(name, source);
      if ('error' in read) call.services.node.log(`library ${name}, loaded on another node: ${read.error}`);
      else this.libraries.set(name, read);
    }
    this.index(call);
  }

  private follow(engine: Engine): void {
    if (this.engine === engine) return;
    this.engine = engine;
    this.isStale = true;
    engine.watch(engine.libraries.index, KEY, () => {
      this.isStale = true;
    });
  }

  private write({ engine }: Call, { name, source }: FunctionLibrary): void {
    engine.libraries.hashes.set(KEY, Slice.of(name), new Slice(source), NO_DEADLINE);
  }

  private adopt(library: FunctionLibrary): void {
    const before = this.libraries.get(library.name);
    if (before !== undefined) this.reader?.forget(before);
    this.libraries.set(library.name, library);
  }

  private index({ services }: Call): void {
    this.functions.clear();
    for (const { name: libraryOf, functions } of this.sorted()) {
      for (const [name, found] of functions) {
        if (!this.functions.has(name)) this.functions.set(name, found);
        else services.node.log(`function ${name} of library ${libraryOf} is hidden by another library's`);
      }
    }
  }

  private sorted(): FunctionLibrary[] {
    return [...this.libraries.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  // --- reading

  private read(name: string, source: Buffer): FunctionLibrary | { readonly error: string } {
    this.interpreter ??= new Interpreter('function', libraries);
    this.reader ??= new LibraryReader(this.interpreter);
    this.interpreter.services = this.services;
    try {
      return this.reader.read(name, source);
    } catch (error) {
      this.forgetInterpreter();
      return {
        error: `ERR the library has broken its interpreter (${error instanceof Error ? error.message : error})`,
      };
    }
  }

  private readAll(sources: readonly Buffer[]): FunctionLibrary[] | { readonly error: string } {
    const read: FunctionLibrary[] = [];
    for (const source of sources) {
      const named = libraryName(source);
      const library = 'error' in named ? named : this.read(named.name, Buffer.from(source));
      if (!('error' in library)) {
        read.push(library);
        continue;
      }
      for (const each of read) this.reader?.forget(each);
      return library;
    }
    return read;
  }

  private collision(
    read: readonly FunctionLibrary[],
    kept: readonly FunctionLibrary[],
    replace: boolean,
  ): string | null {
    let others = [...kept];
    for (const library of read) {
      const known = others.find(({ name }) => name === library.name);
      if (known !== undefined && !replace) return `ERR Library ${library.name} already exists`;
      others = others.filter((other) => other !== known);
    }
    for (const library of read) {
      const taken = this.takenFunction(library, others);
      if (taken !== null) return `ERR Function ${taken} already exists`;
      others.push(library);
    }
    return null;
  }

  private takenFunction({ functions }: FunctionLibrary, others: readonly FunctionLibrary[]): string | null {
    for (const name of functions.keys()) if (others.some((other) => other.functions.has(name))) return name;
    return null;
  }
}
