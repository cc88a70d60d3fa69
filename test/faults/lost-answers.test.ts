import type { Store } from '@latchkey/core'
import { redisStore } from '@latchkey/redis'
import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { KeptLog, patient } from '../../packages/redis/src/store-options.fixture.ts'
import { proxyOfTest, redisOfTest } from '../integration/apps.fixture.ts'
import { redisIsMissing } from '../redis-server.ts'

const record = { version: 'v1', sealed: Buffer.from('sealed') }
const lasting = { record, ttlSeconds: 60 }

/** What ends something, and answers what was deleted with it. */
const endings: Readonly<Record<string, (store: Store, slot: string) => Promise<unknown>>> = {
  'sessions.delete': ({ sessions }, slot) => sessions.delete(slot, 'v1', ['grant']),
  'sessions.write': ({ sessions }, slot) =>
    sessions.write(slot, {
      ...{ expectedVersion: 'v1', record: { ...record, version: 'v2' }, ttlSeconds: 60 },
      ...{ putGrants: [], deleteGrants: ['grant'] },
    }),
  'subjects.leave': ({ subjects }, slot) => subjects.leave(slot, 'member', 'grant'),
}

/** A store on Redis through a proxy, with a session, a grant and the grant's one member. */
async function fixture() {
  const redis = await redisOfTest()
  const proxy = await proxyOfTest(redis.port, 'redis')
  const log = new KeptLog()
  const client = new Redis(proxy.port, '127.0.0.1', { lazyConnect: true })
  const store = redisStore(client, { ...patient, logger: log })
  onTestFinished(() => store.close())
  await store.sessions.write('slot', {
    ...{ ...lasting, expectedVersion: undefined, putGrants: [{ id: 'grant', ...lasting }], deleteGrants: [] },
  })
  await store.subjects.join('slot', { id: 'member', expiresAt: Date.now() / 1000 + 60 })
  const lost = () => log.lines.filter((line) => line.includes('answer_lost'))
  return { proxy, store, lost }
}

describe.skipIf(redisIsMissing).each(Object.entries(endings))('case 70: %s', (operation, end) => {
  it('case 70: its answer is lost with the connection: it is done once, and the log says what is not revoked', async () => {
    const { proxy, store, lost } = await fixture()
    // So that Redis knows the script.
    await end(store, 'another')
    const dropped = proxy.dropReply({ of: '{slot}' })
    await end(store, 'slot')
    await dropped
    expect(await store.grants.read({ slot: 'slot', id: 'grant' })).toBeUndefined()
    expect(lost()).toEqual([expect.stringMatching(/^warn .*not revoked at their authorization server/)])
    expect(lost().join()).toContain(`"operation":"${operation}"`)
  })

  it('case 70: its answer arrives, or there is nothing more to end: the log says nothing', async () => {
    const { store, lost } = await fixture()
    await end(store, 'slot')
    await end(store, 'slot')
    expect(lost()).toEqual([])
  })
})
