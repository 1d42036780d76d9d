/** As much of WebAssembly as wasm.ts uses: TypeScript has its types only together with those of browsers. */
declare namespace WebAssembly {
  type Imports = Record<string, Record<string, CallableFunction>>;

  class Module {
    constructor(bytes: Uint8Array);
    static imports(module: Module): { module: string; name: string }[];
  }

  class Instance {
    constructor(module: Module, imports: Imports);
    readonly exports: Readonly<Record<string, unknown>>;
  }

  class Memory {
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }

  class Table {
    get(index: number): CallableFunction;
    set(index: number, code: CallableFunction): void;
    grow(by: number): number;
  }
}
