/** Geo commands: positions as scores, what one node answers, by example and compared with a real redis-server. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cellAt, positionOf, scoreOf, scoresOf } from '../../src/commands/geo/cells.ts';
import { BothServers, differentialTest, type Request } from './differential.ts';
import { SingleNode } from './single-node.ts';

const COMMANDS = [
  ...['GEOADD', 'GEODIST', 'GEOHASH', 'GEOPOS', 'GEOSEARCH', 'GEOSEARCHSTORE', 'GEORADIUS', 'GEORADIUS_RO'],
  ...['GEORADIUSBYMEMBER', 'GEORADIUSBYMEMBER_RO'],
];
const SICILY = 'GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania';

let both: BothServers;

test.after(() => both?.close());

differentialTest('every number of arguments to every geo command is answered as by Redis', async () => {
  both ??= await BothServers.open();
  const requests: Request[] = ['GEOADD 1 1 1 1', 'SET string v'];
  for (const name of COMMANDS) {
    for (const key of ['1', 'string', 'none']) {
      const args = [name, key, '1', '1', '1', 'km', '1', '1'];
      for (let count = 1; count <= args.length; count++) requests.push(args.slice(0, count));
      const search = [name, key, 'FROMMEMBER', '1', 'BYRADIUS', '1', 'km', 'ASC'];
      for (let count = 3; count <= search.length; count++) requests.push(search.slice(0, count));
    }
  }
  for (const protocol of [2, 3] as const) {
    await both.speak(protocol);
    await both.compareAfresh(requests);
  }
});

differentialTest('a result is stored with positions or distances, and in place of what was there', async () => {
  both ??= await BothServers.open();
  await both.speak(2);
  const look: Request[] = ['TYPE to', 'ZRANGE to 0 -1', 'GEOPOS to Palermo Catania', 'PEXPIRETIME to'];
  await both.compareAfresh([
    SICILY,
    'SET to value PX 100000000',
    'GEOSEARCHSTORE to Sicily FROMLONLAT 15 37 BYRADIUS 200 km',
    ...look,
    'GEORADIUS Sicily 15 37 200 km STORE to COUNT 1',
    ...look,
    'GEOSEARCHSTORE to Sicily FROMLONLAT 15 37 BYBOX 400 400 km STOREDIST',
    'ZRANGE to 0 -1',
    'GEORADIUSBYMEMBER Sicily Palermo 0 km STORE Sicily',
    'ZRANGE Sicily 0 -1',
    'GEORADIUS none 15 37 200 km STORE to',
    'EXISTS to',
    'COMMAND GETKEYS GEORADIUS a 1 1 1 km STORE b',
  ]);
});

test('Palermo and Catania', async () => {
  const node = new SingleNode();
  assert.is(await node.run(SICILY), 2);
  assert.is(await node.run('GEODIST Sicily Palermo Catania'), '166274.1516');
  assert.is(await node.run('GEODIST Sicily Palermo Catania km'), '166.2742');
  assert.is(await node.run('GEODIST Sicily Palermo nowhere'), null);
  assert.equal(await node.run('GEOHASH Sicily Palermo Catania'), ['sqc8b49rny0', 'sqdtr74hyu0']);
  assert.equal(await node.run('GEOPOS Sicily Palermo nowhere'), [
    ['13.36138933897018433', '38.11555639549629859'],
    null,
  ]);
  assert.is(await node.run('ZSCORE Sicily Palermo'), '3479099956230698');
  assert.equal(await node.run('GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHDIST'), [
    ['Catania', '56.4413'],
    ['Palermo', '190.4424'],
  ]);
  assert.equal(await node.run('GEOSEARCH Sicily FROMMEMBER Palermo BYBOX 100 100 km'), ['Palermo']);
});

test('what lies on the other side of the edge of the map is found, from the edge itself as well', async () => {
  const node = new SingleNode();
  await node.run('GEOADD islands 179.9 -16.5 Taveuni -179.9 -16.5 Qamea 0 0 none');
  for (const from of ['179.95', '180', '-180', '-179.95']) {
    const found = await node.sorted(`GEOSEARCH islands FROMLONLAT ${from} -16.5 BYRADIUS 100 km`);
    assert.equal(found, ['Qamea', 'Taveuni'], from);
  }
});

test('a score leads back to a position in the same cell, at the edges of the map too', () => {
  const near = (one: number, other: number) => assert.ok(Math.abs(one - other) < 1e-5, `${one} and ${other}`);
  for (const longitude of [-180, -179.99999, -90.3, -1e-7, 0, 13.361389, 179.99999, 180]) {
    for (const latitude of [-85.05112878, -66.1, -1e-7, 0, 38.115556, 85.05112878]) {
      const score = scoreOf({ longitude, latitude });
      const position = positionOf(score);
      near(position.longitude, longitude);
      near(position.latitude, latitude);
      if (longitude === 180 || latitude > 85) continue;
      for (let steps = 1; steps <= 26; steps++) {
        const { from, to } = scoresOf(cellAt({ longitude, latitude }, steps));
        assert.ok(from <= score && score < to, `${score} in [${from}, ${to})`);
      }
    }
  }
});

test.run();
