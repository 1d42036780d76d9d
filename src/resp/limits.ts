/** What one client may cost. */
/** Replies are sent on when so much has gathered within one chunk. */
export const FLUSH_BYTES = 1 << 20;
/** Replies up to here do not count for client-output-buffer-limit, as in Redis, where they have a place of their own. */
export const FREE_REPLY_BYTES = 16 * 1024;
/** A client with so many unread reply bytes is not read from, and nothing of it is run, until it has read them. */
export const UNREAD_BYTES_MAX = 16 * 1024 * 1024;
/** The same for clients that must still give their password: they may cost next to nothing (CVE-2025-21605). */
export const UNREAD_UNTRUSTED_BYTES_MAX = 64 * 1024;
/** While no command of a client may run, this much of its input is read ahead. */
export const READ_AHEAD_BYTES_MAX = 1 << 20;
