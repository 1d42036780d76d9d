/**
 * What can go wrong with the store in a way that an operator has to hear about. Each message is one line that says
 * what happened, where, and what to do.
 */
export type StoreErrorCode =
  /** Another process holds the directory. */
  | 'IN_USE'
  /** The directory cannot be made, read or written. */
  | 'NO_ACCESS'
  /** No room to open the store at all. */
  | 'NO_SPACE'
  /** What is on disk is not what was written. */
  | 'CORRUPT'
  /** Written by a version of Starling that this one does not know. */
  | 'FORMAT'
  /** Anything else that the disk or LevelDB answered. */
  | 'IO';

export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message.replace(/\s*[\r\n]+\s*/g, ' '), cause === undefined ? undefined : { cause });
    this.name = 'StoreError';
    this.code = code;
  }
}

/** The broken store's one line; `what` says what was found. */
export function corrupt(directory: string, what: string, cause?: unknown): StoreError {
  return new StoreError(
    'CORRUPT',
    `The store in ${directory} is damaged (${what}). Start with --repair to move it aside and refill from the peers, or restore a backup.`,
    cause,
  );
}

/** Turns what LevelDB or the file system threw while opening or loading into a StoreError. */
export function explainOpening(error: unknown, directory: string): StoreError {
  if (error instanceof StoreError) return error;
  const reason = rootOf(error);
  if (reason.code === 'LEVEL_LOCKED') {
    return new StoreError('IN_USE', `The data directory ${directory} is in use by another Starling process.`, error);
  }
  if (/no space left/i.test(reason.message) || reason.code === 'ENOSPC') {
    return new StoreError('NO_SPACE', `No space left on the device of the data directory ${directory}.`, error);
  }
  const access = /permission denied|read-only file system|not a directory|EACCES|EPERM|EROFS|ENOTDIR|EEXIST/i.exec(
    `${reason.code} ${reason.message}`,
  );
  if (access !== null) {
    return new StoreError(
      'NO_ACCESS',
      `Cannot read and write the data directory ${directory}: ${reason.message}. Check its owner and mode, or set dir to another.`,
      error,
    );
  }
  if (reason.code === 'LEVEL_CORRUPTION' || /corruption|missing files/i.test(reason.message)) {
    return corrupt(directory, reason.message, error);
  }
  return new StoreError('IO', `Cannot open the store in ${directory}: ${reason.message}`, error);
}

/** Redis's words for why writing stopped, for -MISCONF and the log. */
export function explainWriting(error: unknown): string {
  const reason = rootOf(error);
  if (/no space left/i.test(reason.message) || reason.code === 'ENOSPC') return 'No space left on device';
  if (/input\/output error/i.test(reason.message) || reason.code === 'EIO') return 'Input/output error';
  return reason.message;
}

/** LevelDB's own error is the cause of the one that abstract-level throws. */
export function rootOf(error: unknown): { code: string; message: string } {
  let current = error;
  while (current instanceof Error && current.cause instanceof Error) current = current.cause;
  if (!(current instanceof Error)) return { code: '', message: String(error) };
  const code = 'code' in current && typeof current.code === 'string' ? current.code : '';
  return { code, message: current.message };
}
