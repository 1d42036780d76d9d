/**
 * Writes docs/compatibility.md: which commands there are, how they differ, which are missing, and what Redis's own
 * test suite says. Everything in it comes from the registry, from redis-server's own list of commands, from
 * scripts/compatibility/notes.ts and from scripts/redis-suite/{results,skipped}.json.
 *
 *   npm run redis-suite -- --record && node --import tsx scripts/compatibility.ts
 */
import { writeFileSync } from 'node:fs';
import { compatibilityPage } from './compatibility/page.ts';

const PAGE = 'docs/compatibility.md';

writeFileSync(PAGE, compatibilityPage());
console.log(`${PAGE} is up to date`);
