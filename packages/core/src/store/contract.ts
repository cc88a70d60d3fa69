import assert from 'node:assert/strict'
import type { Attempt, GrantRef, Store, VersionedRecord } from './store.ts'

/** What a store's test gives the contract. */
export interface StoreUnderTest {
  /** A store with nothing in it. */
  readonly store: Store
  /** Lets this much time pass for the store's times to live. */
  advance(seconds: number): Promise<void>
}

/** One thing every store must do. `run` throws when it does not. */
export interface StoreCheck {
  readonly name: string
  run(underTest: StoreUnderTest): Promise<void>
}

const ref: GrantRef = { slot: 'slot-one', id: 'grant-one' }
const lasting = 1_000

function record(version: string, text: string = version): VersionedRecord {
  return { version, sealed: new TextEncoder().encode(text) }
}

function attempt(owner: string, version: string): Attempt {
  return { version, owner, startedAt: 1, sends: 1 }
}

function assertRecord(actual: VersionedRecord | undefined, expected: VersionedRecord): void {
  assert.equal(actual?.version, expected.version)
  assert.deepEqual([...(actual?.sealed ?? [])], [...expected.sealed])
}

/** Puts a session with one grant into the slot of `ref`. */
async function signIn(store: Store, sessionVersion = 's1', grantVersion = 'g1'): Promise<void> {
  const putGrants = [{ id: ref.id, record: record(grantVersion), ttlSeconds: lasting }]
  const outcome = await store.sessions.write(ref.slot, {
    expectedVersion: undefined,
    record: record(sessionVersion),
    ttlSeconds: lasting,
    putGrants,
    deleteGrants: [],
  })
  assert.equal(outcome.outcome, 'written')
}

function check(name: string, run: (underTest: StoreUnderTest) => Promise<void>): StoreCheck {
  return { name, run }
}

/** Binary values must come back byte for byte, not as text. */
const everyByte = Uint8Array.from({ length: 256 }, (_, index) => index)

const sessionChecks: readonly StoreCheck[] = [
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
    await store.sessions.delete(ref.slot, [ref.id])
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
      const removed = await store.sessions.delete(ref.slot, ['never-there', ref.id])
      assert.equal(removed.length, 2)
      assert.equal(removed[0], undefined)
      assertRecord(removed[1], record('g1'))
      assert.deepEqual(await store.grants.observe(ref), {
        record: undefined,
        attempt: undefined,
        leaseOwner: undefined,
      })
      assert.deepEqual(await store.sessions.delete(ref.slot, [ref.id]), [undefined])
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
]

const grantChecks: readonly StoreCheck[] = [
  check('grants: commit replaces exactly the expected version', async ({ store }) => {
    await signIn(store)
    assert.equal(await store.grants.commit(ref, 'other', record('g2')), 'moved')
    assertRecord(await store.grants.read(ref), record('g1'))
    assert.equal(await store.grants.commit(ref, 'g1', record('g2')), 'committed')
    assertRecord(await store.grants.read(ref), record('g2'))
  }),
  check('grants: a commit sent again answers the same', async ({ store }) => {
    await signIn(store)
    assert.equal(await store.grants.commit(ref, 'g1', record('g2')), 'committed')
    assert.equal(await store.grants.commit(ref, 'g1', record('g2')), 'committed')
  }),
  check('grants: a commit over a deleted grant answers gone and revives nothing', async ({ store }) => {
    await signIn(store)
    assertRecord(await store.grants.delete(ref), record('g1'))
    assert.equal(await store.grants.commit(ref, 'g1', record('g2')), 'gone')
    assert.equal(await store.grants.read(ref), undefined)
  }),
  check('grants: a deleted and re-made grant is not what the old writer expects', async ({ store }) => {
    await signIn(store)
    await store.sessions.delete(ref.slot, [ref.id])
    await signIn(store, 's9', 'g9')
    assert.equal(await store.grants.commit(ref, 'g1', record('g2')), 'moved')
    assertRecord(await store.grants.read(ref), record('g9'))
  }),
  check('grants: commit keeps the time to live', async ({ store, advance }) => {
    const putGrants = [{ id: ref.id, record: record('g1'), ttlSeconds: 3 }]
    await store.sessions.write(ref.slot, {
      expectedVersion: undefined,
      record: record('s1'),
      ttlSeconds: lasting,
      putGrants,
      deleteGrants: [],
    })
    await advance(2)
    assert.equal(await store.grants.commit(ref, 'g1', record('g2')), 'committed')
    await advance(2)
    assert.equal(await store.grants.read(ref), undefined)
  }),
]

const leaseChecks: readonly StoreCheck[] = [
  check('leases: one owner at a time, and taking again is harmless', async ({ store }) => {
    assert.equal(await store.leases.take(ref, 'me', lasting), true)
    assert.equal(await store.leases.take(ref, 'you', lasting), false)
    assert.equal(await store.leases.take(ref, 'me', lasting), true)
    assert.equal(await store.leases.owner(ref), 'me')
  }),
  check('leases: of many takers at once exactly one wins', async ({ store }) => {
    const owners = Array.from({ length: 20 }, (_, index) => `owner-${index}`)
    const won = await Promise.all(owners.map((owner) => store.leases.take(ref, owner, lasting)))
    assert.equal(won.filter(Boolean).length, 1)
    assert.equal(await store.leases.owner(ref), owners[won.indexOf(true)])
  }),
  check('leases: only the owner extends and releases', async ({ store }) => {
    await store.leases.take(ref, 'me', lasting)
    assert.equal(await store.leases.extend(ref, 'you', lasting), false)
    await store.leases.release(ref, 'you')
    assert.equal(await store.leases.owner(ref), 'me')
    await store.leases.release(ref, 'me')
    assert.equal(await store.leases.owner(ref), undefined)
    assert.equal(await store.leases.extend(ref, 'me', lasting), false)
  }),
  check('leases: a lease runs out unless it is extended', async ({ store, advance }) => {
    await store.leases.take(ref, 'me', 3)
    await advance(2)
    assert.equal(await store.leases.extend(ref, 'me', 3), true)
    await advance(2)
    assert.equal(await store.leases.take(ref, 'you', 3), false)
    await advance(2)
    assert.equal(await store.leases.take(ref, 'you', 3), true)
  }),
  check('attempts: written only by the owner of the lease, and they run out', async ({ store, advance }) => {
    await store.leases.take(ref, 'me', lasting)
    assert.equal(await store.leases.writeAttempt(ref, attempt('you', 'g1'), 3), false)
    assert.equal((await store.grants.observe(ref)).attempt, undefined)
    const failed: Attempt = {
      ...attempt('me', 'g1'),
      failure: { code: 'as_unavailable', reason: 'timeout', oauth: { error: 'server_error' } },
      coolDownUntil: 12.5,
    }
    assert.equal(await store.leases.writeAttempt(ref, failed, 3), true)
    assert.deepEqual((await store.grants.observe(ref)).attempt, failed)
    await advance(4)
    assert.equal((await store.grants.observe(ref)).attempt, undefined)
  }),
]

const otherChecks: readonly StoreCheck[] = [
  check('used markers: the first value stands until it runs out', async ({ store, advance }) => {
    assert.equal(await store.usedMarkers.take('state', 'first', 3), 'first')
    assert.equal(await store.usedMarkers.take('state', 'second', 3), 'first')
    assert.equal(await store.usedMarkers.take('state', 'first', 3), 'first')
    await advance(4)
    assert.equal(await store.usedMarkers.take('state', 'second', 3), 'second')
  }),
  check('subjects: leave answers how many living sessions are left', async ({ store, advance }) => {
    const { now } = await store.subjects.join('subject', 'one', 4_000_000_000)
    await store.subjects.join('subject', 'two', now + lasting)
    await store.subjects.join('subject', 'short', now + 2)
    await store.subjects.join('other', 'three', now + lasting)
    await advance(3)
    assert.equal(await store.subjects.leave('subject', 'one'), 1)
    assert.equal(await store.subjects.leave('subject', 'one'), 1)
    assert.equal(await store.subjects.leave('subject', 'two'), 0)
    assert.equal(await store.subjects.leave('never', 'seen'), 0)
  }),
  check('app sessions: written, renewed, deleted; touching creates nothing', async ({ store, advance }) => {
    const { appSessions } = store
    await appSessions.touch('id', 3)
    assert.equal(await appSessions.read('id'), undefined)
    await appSessions.write('id', '{"cart":["é"]}', 3)
    await advance(2)
    await appSessions.touch('id', 3)
    await advance(2)
    assert.equal(await appSessions.read('id'), '{"cart":["é"]}')
    await appSessions.delete('id')
    assert.equal(await appSessions.read('id'), undefined)
    await appSessions.write('id', '1', 3)
    await advance(4)
    assert.equal(await appSessions.read('id'), undefined)
  }),
]

/** Everything a store must do, by name. Run each check on a fresh store. */
export const storeContract: readonly StoreCheck[] = [
  ...sessionChecks,
  ...grantChecks,
  ...leaseChecks,
  ...otherChecks,
]
