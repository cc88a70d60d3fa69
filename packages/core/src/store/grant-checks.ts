import assert from 'node:assert/strict'
import { assertRecord, attempt, check, lasting, record, ref, type StoreCheck, stored } from './check.ts'
import type { Attempt } from './store.ts'

/** What every grant store must do. */
export const grantChecks: readonly StoreCheck[] = [
  check('grants: commit replaces exactly the expected version', async ({ store }) => {
    await stored(store)
    assert.equal(await store.grants.commit(ref, 'other', record('g2')), 'moved')
    assertRecord(await store.grants.read(ref), record('g1'))
    assert.equal(await store.grants.commit(ref, 'g1', record('g2')), 'committed')
    assertRecord(await store.grants.read(ref), record('g2'))
  }),
  check('grants: a commit sent again answers the same', async ({ store }) => {
    await stored(store)
    assert.equal(await store.grants.commit(ref, 'g1', record('g2')), 'committed')
    assert.equal(await store.grants.commit(ref, 'g1', record('g2')), 'committed')
  }),
  check('grants: a commit over a deleted grant answers gone and revives nothing', async ({ store }) => {
    await stored(store)
    assert.equal(await store.grants.delete(ref, 'g1'), 'deleted')
    assert.equal(await store.grants.commit(ref, 'g1', record('g2')), 'gone')
    assert.equal(await store.grants.read(ref), undefined)
  }),
  check('grants: delete takes attempt and lease along, and answers the same again', async ({ store }) => {
    await stored(store)
    await store.leases.take(ref, 'me', lasting)
    await store.leases.writeAttempt(ref, attempt('me', 'g1'), lasting)
    for (let turn = 0; turn < 2; turn += 1) {
      assert.equal(await store.grants.delete(ref, 'g1'), 'deleted')
      const nothing = { record: undefined, attempt: undefined, leaseOwner: undefined }
      assert.deepEqual(await store.grants.observe(ref), nothing)
    }
  }),
  check('grants: delete leaves another version than the expected one alone', async ({ store }) => {
    await stored(store)
    await store.leases.take(ref, 'me', lasting)
    await store.grants.commit(ref, 'g1', record('g2'))
    assert.equal(await store.grants.delete(ref, 'g1'), 'moved')
    const observed = await store.grants.observe(ref)
    assertRecord(observed.record, record('g2'))
    assert.equal(observed.leaseOwner, 'me')
  }),
  check('grants: a deleted and re-made grant is not what the old writer expects', async ({ store }) => {
    await stored(store)
    await store.grants.delete(ref, 'g1')
    await stored(store, 'g9')
    assert.equal(await store.grants.commit(ref, 'g1', record('g2')), 'moved')
    assertRecord(await store.grants.read(ref), record('g9'))
  }),
  check('grants: commit keeps the time to live', async ({ store, advance }) => {
    await store.grants.create(ref, record('g1'), 3)
    await advance(2)
    assert.equal(await store.grants.commit(ref, 'g1', record('g2')), 'committed')
    await advance(2)
    assert.equal(await store.grants.read(ref), undefined)
  }),
  check('grants: reading renews the time to live only where it is asked to', async ({ store, advance }) => {
    assert.equal(await store.grants.read(ref, lasting), undefined)
    await store.grants.create(ref, record('g1'), 3)
    for (let turn = 0; turn < 2; turn += 1) {
      await advance(2)
      assertRecord(await store.grants.read(ref, 3), record('g1'))
    }
    await advance(2)
    assertRecord(await store.grants.read(ref), record('g1'))
    await advance(2)
    assert.equal(await store.grants.read(ref), undefined)
  }),
  check('grants: create stores nothing over a record, and lets it run out', async ({ store, advance }) => {
    assertRecord(await store.grants.create(ref, record('g1'), 3), record('g1'))
    await advance(2)
    assertRecord(await store.grants.create(ref, record('g2'), lasting), record('g1'))
    await advance(2)
    assertRecord(await store.grants.create(ref, record('g3'), lasting), record('g3'))
    assertRecord(await store.grants.read(ref), record('g3'))
  }),
  check('grants: of many that create at once all get the same record', async ({ store }) => {
    const records = Array.from({ length: 20 }, (_, index) => record(`g${index}`))
    const created = await Promise.all(records.map((one) => store.grants.create(ref, one, lasting)))
    assert.equal(new Set(created.map(({ version }) => version)).size, 1)
    assert.equal((await store.grants.read(ref))?.version, created[0]?.version)
  }),
]

/** What every lease store must do. */
export const leaseChecks: readonly StoreCheck[] = [
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
