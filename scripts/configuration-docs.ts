/**
 * Writes docs/configuration.md: every directive with its values, its default and what it does, from the table of
 * directives in src/config/.
 *
 *   node --import tsx scripts/configuration-docs.ts
 */
import { writeFileSync } from 'node:fs';
import { configurationPage } from './configuration-docs/page.ts';

const PAGE = 'docs/configuration.md';

writeFileSync(PAGE, configurationPage());
console.log(`${PAGE} is up to date`);
