import assert from 'node:assert/strict'
import {
  assertRecord,
  attempt,
  check,
  everyByte,
  lasting,
  record,
  ref,
  type StoreCheck,
  signIn,
} from './check.ts'

/** What every session store must do. */
export const sessionChecks: readonly StoreCheck[] = [
  check(
    'sessions: a grant that a session brought is changed and deleted like any other',
    async ({ store }) => {
      await signIn(store)
      assertRecord(await store.grants.read(ref), record('g1'))
      assert.equal(await store.grants.commit(ref, 'g1', record('g2')), 'committed')
      assert.equal(await store.grants.delete(ref, 'g2'), 'deleted')
      assert.equal(await store.grants.read(ref), undefined)
    },
  ),
  check('sessions: an unknown locator reads as absent', async ({ store }) => {
    assert.equal(await store.sessions.read('nobody', 10), undefined)
  }),
  check('sessions: a written record comes back byte for byte, with its grants', async ({ store }) => {
    const written = { version: 's1', sealed: everyByte }
    const putGrants = [{ id: ref.id, record: record('g1'), ttlSeconds: lasting }]
    const write = {
      expectedVersion: undefined,
      record: written,
      ttlSeconds: lasting,
      putGrants,
      deleteGrants: [],
    }
    assert.equal((await store.sessions.write(ref.slot, write)).outcome, 'written')
    assertRecord(await store.sessions.read(ref.slot, lasting), written)
    assertRecord(await store.grants.read(ref), record('g1'))
  }),
  check('sessions: a write over another version than expected changes nothing', async ({ store }) => {
    await signIn(store)
    for (const expectedVersion of [undefined, 'other']) {
      const putGrants = [{ id: 'second', record: record('g2'), ttlSeconds: lasting }]
      const write = {
        expectedVersion,
        record: record('s2'),
        ttlSeconds: lasting,
        putGrants,
        deleteGrants: [ref.id],
      }
      assert.equal((await store.sessions.write(ref.slot, write)).outcome, 'moved')
    }
    assertRecord(await store.sessions.read(ref.slot, lasting), record('s1'))
    assertRecord(await store.grants.read(ref), record('g1'))
    assert.equal(await store.grants.read({ slot: ref.slot, id: 'second' }), undefined)
  }),
  check(
    'sessions: a write over the expected version replaces record and grants at once',
    async ({ store }) => {
      await signIn(store)
      const putGrants = [{ id: 'second', record: record('g2'), ttlSeconds: lasting }]
      const write = {
        expectedVersion: 's1',
        record: record('s2'),
        ttlSeconds: lasting,
        putGrants,
        deleteGrants: [ref.id],
      }
      assert.equal((await store.sessions.write(ref.slot, write)).outcome, 'written')
      assertRecord(await store.sessions.read(ref.slot, lasting), record('s2'))
      assert.equal(await store.grants.read(ref), undefined)
      assertRecord(await store.grants.read({ slot: ref.slot, id: 'second' }), record('g2'))
    },
  ),
  check('sessions: a repeated write answers written again', async ({ store }) => {
    await signIn(store)
    await signIn(store)
    assertRecord(await store.sessions.read(ref.slot, lasting), record('s1'))
  }),
  check('sessions: a deleted session is never revived by a late write', async ({ store }) => {
    await signIn(store)
    await store.sessions.delete(ref.slot, 's1', [ref.id])
    const late = {
      expectedVersion: 's1',
      record: record('s2'),
      ttlSeconds: lasting,
      putGrants: [],
      deleteGrants: [],
    }
    assert.equal((await store.sessions.write(ref.slot, late)).outcome, 'moved')
    assert.equal(await store.sessions.read(ref.slot, lasting), undefined)
  }),
  check(
    'sessions: delete takes grants, attempts and leases along and returns the grants',
    async ({ store }) => {
      await signIn(store)
      await store.leases.take(ref, 'me', lasting)
      await store.leases.writeAttempt(ref, attempt('me', 'g1'), lasting)
      const deleted = await store.sessions.delete(ref.slot, 's1', ['never-there', ref.id])
      if (deleted.outcome !== 'deleted') assert.fail('the expected version stood there')
      assert.equal(deleted.deletedGrants.length, 2)
      assert.equal(deleted.deletedGrants[0], undefined)
      assertRecord(deleted.deletedGrants[1], record('g1'))
      assert.deepEqual(await store.grants.observe(ref), {
        record: undefined,
        attempt: undefined,
        leaseOwner: undefined,
      })
      const again = await store.sessions.delete(ref.slot, 's1', [ref.id])
      assert.deepEqual(again, { outcome: 'deleted', deletedGrants: [undefined] })
    },
  ),
  check(
    'sessions: reading renews the time to live, not reading lets it run out',
    async ({ store, advance }) => {
      await store.sessions.write('idle', {
        expectedVersion: undefined,
        record: record('s1'),
        ttlSeconds: 3,
        putGrants: [],
        deleteGrants: [],
      })
      for (let turn = 0; turn < 3; turn += 1) {
        await advance(2)
        assertRecord(await store.sessions.read('idle', 3), record('s1'))
      }
      await advance(4)
      assert.equal(await store.sessions.read('idle', 3), undefined)
    },
  ),
  check('sessions: a peek renews nothing', async ({ store, advance }) => {
    assert.equal(await store.sessions.peek('idle'), undefined)
    await store.sessions.write('idle', {
      expectedVersion: undefined,
      record: record('s1'),
      ttlSeconds: 3,
      putGrants: [],
      deleteGrants: [],
    })
    await advance(2)
    assertRecord(await store.sessions.peek('idle'), record('s1'))
    await advance(2)
    assert.equal(await store.sessions.peek('idle'), undefined)
  }),
]
