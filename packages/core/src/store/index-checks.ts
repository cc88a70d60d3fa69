import assert from 'node:assert/strict'
import { check, lasting, type StoreCheck } from './check.ts'

/** What every store of used markers, subjects and app sessions must do. */
export const indexChecks: readonly StoreCheck[] = [
  check('used markers: the first value stands until it runs out', async ({ store, advance }) => {
    assert.equal(await store.usedMarkers.take('state', 'first', 3), 'first')
    assert.equal(await store.usedMarkers.take('state', 'second', 3), 'first')
    assert.equal(await store.usedMarkers.take('state', 'first', 3), 'first')
    await advance(4)
    assert.equal(await store.usedMarkers.take('state', 'second', 3), 'second')
  }),
  check('subjects: leave answers how many living sessions are left', async ({ store, advance }) => {
    const { now } = await store.subjects.join('subject', { id: 'one', expiresAt: 4_000_000_000 })
    await store.subjects.join('subject', { id: 'two', expiresAt: now + lasting })
    await store.subjects.join('subject', { id: 'short', expiresAt: now + 2 })
    await store.subjects.join('other', { id: 'three', expiresAt: now + lasting })
    assert.equal(await store.subjects.count('subject'), 3)
    await advance(3)
    assert.equal(await store.subjects.count('subject'), 2)
    assert.equal(await store.subjects.count('nobody'), 0)
    assert.deepEqual(await store.subjects.leave('subject', 'one'), { left: 1 })
    assert.deepEqual(await store.subjects.leave('subject', 'one'), { left: 1 })
    assert.deepEqual(await store.subjects.leave('subject', 'two'), { left: 0 })
    assert.deepEqual(await store.subjects.leave('never', 'seen'), { left: 0 })
  }),
  check(
    'app sessions: reading renews the time to live, not reading lets it run out',
    async ({ store, advance }) => {
      const { appSessions } = store
      assert.equal(await appSessions.read('id', 3), undefined)
      await appSessions.write('id', '{"cart":["é"]}', 3)
      for (let turn = 0; turn < 3; turn += 1) {
        await advance(2)
        assert.equal(await appSessions.read('id', 3), '{"cart":["é"]}')
      }
      await advance(4)
      assert.equal(await appSessions.read('id', 3), undefined)
    },
  ),
  check('app sessions: a deleted one is not revived by a late write', async ({ store }) => {
    const { appSessions } = store
    await appSessions.write('id', '1', lasting)
    await appSessions.delete('id')
    await appSessions.write('id', '2', lasting)
    assert.equal(await appSessions.read('id', lasting), undefined)
  }),
]
