/**
 * Room on a stream. yamux as we have it tells the sender of each frame at once that there is room for as much again; of
 * small frames that costs both sides about a third of the whole. To say so when half of the window is used up is
 * enough, and what other implementations do. The package has no setting for it, so its stream is told here.
 */

/** What of the package's stream this stands on; fixed by the version in package.json, and checked. */
interface WindowedStream {
  state: number;
  readonly recvWindow: number;
  readonly recvWindowCapacity: number;
  sendWindowUpdate(): void;
}

/** A stream that is being opened, closed or paused has more to say than room. */
const ESTABLISHED = 3;

/** From now on it tells of room when half of the window is used up. False: the stream is of another kind, and stays as it is. */
export function tellRoomSeldom(stream: object): boolean {
  const windowed: object = stream;
  if (!isWindowed(windowed)) return false;
  const tell = windowed.sendWindowUpdate.bind(windowed);
  windowed.sendWindowUpdate = () => {
    const { recvWindow, recvWindowCapacity, state } = windowed;
    if (state !== ESTABLISHED || recvWindowCapacity * 2 <= recvWindow) tell();
  };
  return true;
}

function isWindowed(stream: unknown): stream is WindowedStream {
  if (typeof stream !== 'object' || stream === null) return false;
  const { state, recvWindow, recvWindowCapacity, sendWindowUpdate } = stream as Partial<WindowedStream>;
  return [state, recvWindow, recvWindowCapacity].every(Number.isFinite) && typeof sendWindowUpdate === 'function';
}
