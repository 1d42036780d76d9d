/** The tls-* directives as Node.js wants them: certificates read from their files, Redis's words translated. */
import { constants } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SecureVersion, TlsOptions } from 'node:tls';
import type { Configuration } from './config/configuration.ts';

/** Redis's names of protocol versions, oldest first. */
const VERSIONS: Readonly<Record<string, SecureVersion>> = {
  'tlsv1.1': 'TLSv1.1',
  'tlsv1.2': 'TLSv1.2',
  'tlsv1.3': 'TLSv1.3',
};
const ORDER = Object.values(VERSIONS);

/** Throws an error in one line that names the directive and what is wrong with it. */
export function tlsOptions(configuration: Configuration): TlsOptions {
  const text = (name: string) => configuration.text(name);
  const clients = text('tls-auth-clients');
  const authorities = authoritiesOf(configuration);
  if (clients !== 'no' && authorities.length === 0)
    throw new Error(
      'tls-auth-clients asks for certificates: tls-ca-cert-file or tls-ca-cert-dir must say whose; or say no',
    );
  const ciphers = [text('tls-ciphersuites'), text('tls-ciphers')].filter((each) => each !== '').join(':');
  return {
    cert: required(configuration, 'tls-cert-file'),
    key: required(configuration, 'tls-key-file'),
    ...(text('tls-key-file-pass') === '' ? {} : { passphrase: text('tls-key-file-pass') }),
    ...(authorities.length === 0 ? {} : { ca: authorities }),
    ...(ciphers === '' ? {} : { ciphers }),
    ...versionsOf(text('tls-protocols')),
    ...(text('tls-dh-params-file') === '' ? {} : { dhparam: read('tls-dh-params-file', text('tls-dh-params-file')) }),
    sessionTimeout: configuration.number('tls-session-cache-timeout'),
    // sessions are kept by the clients, in tickets
    ...(configuration.flag('tls-session-caching') ? {} : { secureOptions: constants.SSL_OP_NO_TICKET }),
    honorCipherOrder: configuration.flag('tls-prefer-server-ciphers'),
    requestCert: clients !== 'no',
    rejectUnauthorized: clients === 'yes',
  };
}

function required(configuration: Configuration, name: string): Buffer {
  const path = configuration.text(name);
  if (path === '') throw new Error(`tls-port needs ${name}`);
  return read(name, path);
}

function read(name: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function authoritiesOf(configuration: Configuration): Buffer[] {
  const file = configuration.text('tls-ca-cert-file');
  const directory = configuration.text('tls-ca-cert-dir');
  const paths = file === '' ? [] : [file];
  if (directory !== '') for (const name of readdirSync(directory)) paths.push(join(directory, name));
  return paths.map((path) => read('tls-ca-cert-file', path));
}

function versionsOf(words: string): { minVersion?: SecureVersion; maxVersion?: SecureVersion } {
  if (words === '') return {};
  const versions = words
    .toLowerCase()
    .split(/\s+/)
    .map((word) => VERSIONS[word] ?? unknownVersion(word))
    .sort((one, other) => ORDER.indexOf(one) - ORDER.indexOf(other));
  return { minVersion: versions[0], maxVersion: versions[versions.length - 1] };
}

function unknownVersion(word: string): never {
  throw new Error(`tls-protocols: '${word}' is none of TLSv1.1, TLSv1.2, TLSv1.3`);
}
