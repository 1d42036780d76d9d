/**
 * What is fuzzed: a target takes bytes from outside into one part of the product, as the product itself would. What a
 * part may answer to bytes that are none of its kind is its own declared refusal; the target takes that, and whatever
 * else comes out of it is a finding.
 */
import type { Random } from '../simulation/random.ts';

export interface Target {
  /** Of its folder in the corpus as well. */
  readonly name: string;
  /** Parts of the paths of sources: blocks that run there for the first time count as progress. */
  readonly guidedBy: readonly string[];
  /** No input is longer. */
  readonly bytesMax: number;
  /** Valid inputs, made by the product's own encoders where there are some. */
  seeds(): Buffer[];
  /** Words that mean something here, to be put in anywhere. */
  readonly words?: readonly string[];
  /** A change that keeps the form: lengths, checksums. Others change bytes as if they were nothing but bytes. */
  mutate?(bytes: Buffer, context: MutationContext): Buffer;
  /** Before each run: everything that is not the product's work on the input. Not measured. */
  prepare?(bytes: Buffer): void;
  /** Measured: time, and memory. */
  run(bytes: Buffer): void | Promise<void>;
  /** What must hold after it. Not measured. Throws where it does not hold. */
  check?(bytes: Buffer): void | Promise<void>;
  /** What is read takes effect, and work makes garbage: what it leaves behind counts then, where all together is too much. */
  readonly works?: true;
  /** Where the input asks for memory by right (SETRANGE): bytes that are allowed beyond the rule. */
  readonly extraBytes?: number;
}

export interface MutationContext {
  readonly random: Random;
  /** Another input of the corpus. */
  readonly other: Buffer;
  /** Changes bytes that have no form. */
  scramble(bytes: Buffer): Buffer;
}

/** Runs `work`; false if it was refused with an error of one of these kinds. */
export function accepted(
  work: () => void,
  ...refusals: readonly (abstract new (
    ...args: never[]
  ) => Error)[]
): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (refusals.some((refusal) => error instanceof refusal)) return false;
    throw error;
  }
}
