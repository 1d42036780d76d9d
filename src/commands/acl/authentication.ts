/** Who a client is: by AUTH, by HELLO … AUTH, and without either. */
import type { Slice } from '../../core/slice.ts';
import type { Client } from '../client.ts';
import type { Call } from '../table.ts';
import { DEFAULT_USER, type Users } from './users.ts';

const WRONG_PASSWORD = 'WRONGPASS invalid username-password pair or user is disabled.';

/** Makes the client this user, the default user for null. False after an error, which the ACL log notes as well. */
export function authenticate(call: Call, name: Slice | null, password: Slice): boolean {
  const { acl, args, client, reply } = call;
  const wanted = name === null ? DEFAULT_USER : name.latin1();
  const user = acl.users.find(wanted);
  if (user === undefined || !user.accepts(password.view())) {
    acl.log.note(call, 'auth', args[0].latin1(), wanted);
    reply.error(WRONG_PASSWORD);
    return false;
  }
  client.user = user;
  client.authenticated = true;
  return true;
}

/** True if the client has to say who it is before anything else. */
export function isUnknown(client: Client, users: Users): boolean {
  return !client.authenticated && !users.open;
}

/** As a client is that has just connected. */
export function becomeDefault(client: Client, users: Users): void {
  client.user = users.default;
  client.authenticated = users.open;
}
