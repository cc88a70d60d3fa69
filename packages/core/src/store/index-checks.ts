import assert from 'node:assert/strict'
import { check, lasting, type StoreCheck } from './check.ts'
import { appSessionTombstoneSeconds } from './store.ts'

/** What every store of used markers and app sessions must do. */
export const indexChecks: readonly StoreCheck[] = [
  check('used markers: the first value stands until it runs out', async ({ store, advance }) => {
    assert.equal(await store.usedMarkers.take('state', 'first', 3), 'first')
    assert.equal(await store.usedMarkers.take('state', 'second', 3), 'first')
    assert.equal(await store.usedMarkers.take('state', 'first', 3), 'first')
    await advance(4)
    assert.equal(await store.usedMarkers.take('state', 'second', 3), 'second')
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
  check('app sessions: a deleted one is not revived by a write up to ten minutes late', async (underTest) => {
    const { appSessions } = underTest.store
    await appSessions.write('id', '1', lasting)
    await appSessions.delete('id')
    for (const seconds of [0, appSessionTombstoneSeconds - 30]) {
      await underTest.advance(seconds)
      await appSessions.write('id', '2', lasting)
      assert.equal(await appSessions.read('id', lasting), undefined)
    }
  }),
]
