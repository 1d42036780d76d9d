/** What is kept of a run of the suite: one row a unit. */
import type { Miss } from './unit.ts';

export interface SuiteRow {
  unit: string;
  /** Tests that redis-server 7.0.15 passes. */
  redis: number;
  passed: number;
  misses: Miss[];
  leftOut: string[];
  brokenOff: string | null;
}
