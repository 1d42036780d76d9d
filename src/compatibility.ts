/**
 * What newer Node.js has and libp2p uses, for Node.js 20: imported before anything of libp2p. The type of
 * Promise.withResolvers comes with later TypeScript libraries than our target's.
 */
interface Resolvers {
  promise: Promise<unknown>;
  resolve: (value: unknown) => void;
  reject: (reason: unknown) => void;
}

const promiseConstructor = Promise as PromiseConstructor & { withResolvers?: () => Resolvers };

if (promiseConstructor.withResolvers === undefined) {
  promiseConstructor.withResolvers = () => {
    let resolve: (value: unknown) => void = () => {};
    let reject: (reason: unknown) => void = () => {};
    const promise = new Promise<unknown>((onResolve, onReject) => {
      resolve = onResolve;
      reject = onReject;
    });
    return { promise, resolve, reject };
  };
}
