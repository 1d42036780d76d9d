#!/usr/bin/env -S node --initial-old-space-size=128 --max-inlined-bytecode-size-cumulative=8000 --max-inlined-bytecode-size-absolute=16000
// Runs the build where there is one, else the sources. The flags: see docs/performance.md, "Garbage" and "What V8 inlines".
import { existsSync } from 'node:fs';

const built = new URL('../dist/cli.js', import.meta.url);
if (existsSync(built)) await import(built.href);
else {
  const { register } = await import('tsx/esm/api');
  register();
  await import(new URL('../src/cli.ts', import.meta.url).href);
}
