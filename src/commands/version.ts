/** The Redis whose behaviour Starling answers with; clients choose their features by it. */
export const REDIS_VERSION = '7.4.2';
