import assert from 'node:assert/strict'
import { assertRecord, attempt, check, everyByte, lasting, record, ref, type StoreCheck } from './check.ts'
import type { Admission, Member, Store } from './store.ts'

/** The subject in whose slot the grant of `ref` lies. */
const { slot: subject, id: grantId } = ref
/** The user has no session left, and nothing of the grant is left either. */
const nothing = { record: undefined, attempt: undefined, leaseOwner: undefined }

/** What every index of sessions must do. */
export const subjectChecks: readonly StoreCheck[] = [
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
  check('subjects: members lists who is there now, each once', async ({ store, advance }) => {
    assert.deepEqual(await store.subjects.members('nobody'), [])
    const now = await storeTime(store)
    for (const id of ['one', 'two', 'two']) await store.subjects.join(subject, member(id, now))
    await store.subjects.join(subject, { id: 'short', expiresAt: now + 2 })
    assert.deepEqual([...(await store.subjects.members(subject))].sort(), ['one', 'short', 'two'])
    await advance(3)
    await store.subjects.leave(subject, 'one')
    assert.deepEqual(await store.subjects.members(subject), ['two'])
  }),
  check('subjects: end says who is there, keeps them, and can be asked about', async ({ store, advance }) => {
    const { now } = await store.subjects.join(subject, {
      id: 'short',
      expiresAt: (await storeTime(store)) + 2,
    })
    for (const id of ['one', 'two']) await store.subjects.join(subject, member(id, now))
    const before = await store.subjects.join(subject, member('three', now))
    assert.equal(await store.subjects.notBefore(subject), undefined)
    await advance(3)
    const { notBefore, memberIds } = await store.subjects.end(subject, lasting)
    assert.deepEqual([...memberIds].sort(), ['one', 'three', 'two'])
    const after = await store.subjects.join(subject, member('four', now))
    assert.equal(await store.subjects.notBefore(subject), notBefore)
    // The store's own clock: between what it said before and what it says after.
    assert.ok(
      before.now < notBefore && notBefore <= after.now,
      `${before.now} < ${notBefore} <= ${after.now}`,
    )
    assert.equal(await store.subjects.count(subject), 4)
    assert.equal(await store.subjects.notBefore('other'), undefined)
  }),
  check(
    'subjects: an end lasts as long as it was told, and a later one counts',
    async ({ store, advance }) => {
      const first = await store.subjects.end(subject, 3)
      assert.deepEqual(first.memberIds, [])
      await advance(2)
      const second = await store.subjects.end(subject, 3)
      await advance(2)
      const { now } = await store.subjects.join(subject, member('one', second.notBefore))
      assert.equal(await store.subjects.notBefore(subject), second.notBefore)
      assert.ok(first.notBefore < second.notBefore && second.notBefore < now)
      await advance(2)
      assert.equal(await store.subjects.notBefore(subject), undefined)
      assert.deepEqual(await store.subjects.members(subject), ['one'])
    },
  ),
]

/** What every store must do with grants that lie in their subject's slot. */
export const admissionChecks: readonly StoreCheck[] = [
  check('subjects: admit stores the grant byte for byte and adds the session', async ({ store }) => {
    const now = await storeTime(store)
    const written = { version: 'g1', sealed: everyByte }
    const outcome = await store.subjects.admit(subject, {
      ...admission(undefined, 'g1'),
      record: written,
      member: member('one', now),
    })
    if (outcome.outcome !== 'written') assert.fail('nothing stood there')
    assert.ok(outcome.now >= now)
    assertRecord(await store.grants.read(ref), written)
    assert.deepEqual(await store.subjects.members(subject), ['one'])
  }),
  check('subjects: admit without a session stores the grant alone', async ({ store }) => {
    assert.equal((await store.subjects.admit(subject, admission(undefined, 'g1'))).outcome, 'written')
    assertRecord(await store.grants.read(ref), record('g1'))
    assert.deepEqual(await store.subjects.members(subject), [])
  }),
  check('subjects: admit over another version than expected changes nothing', async ({ store, advance }) => {
    const now = await storeTime(store)
    const late = { member: member('late', now) }
    const moved = { outcome: 'moved' }
    assert.deepEqual(await store.subjects.admit(subject, { ...admission('g0', 'g2'), ...late }), moved)
    assert.equal(await store.grants.read(ref), undefined)
    await store.subjects.admit(subject, { ...admission(undefined, 'g1', 3), member: member('one', now) })
    for (const expectedVersion of [undefined, 'g0']) {
      const refused = { ...admission(expectedVersion, 'g2'), ...late }
      assert.deepEqual(await store.subjects.admit(subject, refused), moved)
    }
    assertRecord(await store.grants.read(ref), record('g1'))
    assert.deepEqual(await store.subjects.members(subject), ['one'])
    await advance(4)
    assert.equal(await store.grants.read(ref), undefined)
  }),
  check('subjects: admit replaces the expected version, an ended grant too', async ({ store }) => {
    await store.subjects.admit(subject, admission(undefined, 'g1'))
    assert.equal(await store.grants.commit(ref, 'g1', record('ended')), 'committed')
    assert.equal((await store.subjects.admit(subject, admission('ended', 'g2'))).outcome, 'written')
    assertRecord(await store.grants.read(ref), record('g2'))
    // A refresh that began before the sign-in has lost.
    assert.equal(await store.grants.commit(ref, 'g1', record('g3')), 'moved')
  }),
  check('subjects: admit with the standing record adds the session and no version', async ({ store }) => {
    const now = await storeTime(store)
    await store.subjects.admit(subject, { ...admission(undefined, 'g1'), member: member('one', now) })
    const adopting = { ...admission('g1', 'g1'), member: member('two', now) }
    assert.equal((await store.subjects.admit(subject, adopting)).outcome, 'written')
    assert.deepEqual([...(await store.subjects.members(subject))].sort(), ['one', 'two'])
    assert.equal(await store.grants.commit(ref, 'g1', record('g2')), 'committed')
  }),
  check(
    'subjects: a repeated admit answers written until another version stands there',
    async ({ store }) => {
      const now = await storeTime(store)
      await store.subjects.admit(subject, admission(undefined, 'g1'))
      const repeated = { ...admission('g1', 'g2'), member: member('one', now) }
      for (let turn = 0; turn < 2; turn += 1) {
        assert.equal((await store.subjects.admit(subject, repeated)).outcome, 'written')
      }
      assert.equal(await store.subjects.count(subject), 1)
      await store.grants.commit(ref, 'g2', record('g3'))
      assert.equal((await store.subjects.admit(subject, repeated)).outcome, 'moved')
      assertRecord(await store.grants.read(ref), record('g3'))
      await store.grants.delete(ref, 'g3')
      assert.equal((await store.subjects.admit(subject, repeated)).outcome, 'moved')
      assert.equal(await store.grants.read(ref), undefined)
    },
  ),
  check('subjects: of many that admit at once exactly one is written', async ({ store }) => {
    const now = await storeTime(store)
    const ids = Array.from({ length: 20 }, (_, index) => `one-${index}`)
    const outcomes = await Promise.all(
      ids.map((id) =>
        store.subjects.admit(subject, { ...admission(undefined, id), member: member(id, now) }),
      ),
    )
    const written = ids.filter((_, index) => outcomes[index]?.outcome === 'written')
    assert.equal(written.length, 1)
    assert.equal((await store.grants.read(ref))?.version, written[0])
    assert.deepEqual(await store.subjects.members(subject), written)
  }),
  check('subjects: a grant lives as long as the longest admission of it', async ({ store, advance }) => {
    await store.subjects.admit(subject, admission(undefined, 'g1', 6))
    await store.subjects.admit(subject, admission('g1', 'g2', 2))
    await advance(3)
    assertRecord(await store.grants.read(ref), record('g2'))
    await store.subjects.admit(subject, admission('g2', 'g3', 6))
    await advance(4)
    assertRecord(await store.grants.read(ref), record('g3'))
    await advance(3)
    assert.equal(await store.grants.read(ref), undefined)
  }),
  check('subjects: the last one to leave takes the grant along, attempt and lease too', async ({ store }) => {
    const now = await storeTime(store)
    await admitTwo(store, now)
    await store.leases.take(ref, 'me', lasting)
    await store.leases.writeAttempt(ref, attempt('me', 'g1'), lasting)
    await store.grants.create({ slot: subject, id: 'another' }, record('a1'), lasting)
    assert.deepEqual(await store.subjects.leave(subject, 'one', grantId), { left: 1 })
    assert.equal((await store.grants.observe(ref)).leaseOwner, 'me')
    const { left, deletedGrant } = await store.subjects.leave(subject, 'two', grantId)
    assert.equal(left, 0)
    assertRecord(deletedGrant, record('g1'))
    assert.deepEqual(await store.grants.observe(ref), nothing)
    assertRecord(await store.grants.read({ slot: subject, id: 'another' }), record('a1'))
    // Nothing revives it, and asking again brings nothing.
    assert.equal(await store.grants.commit(ref, 'g1', record('g2')), 'gone')
    assert.deepEqual(await store.subjects.leave(subject, 'two', grantId), { left: 0 })
  }),
  check('subjects: whoever leaves without naming the grant leaves it there', async ({ store }) => {
    await admitTwo(store, await storeTime(store))
    for (const id of ['one', 'two']) await store.subjects.leave(subject, id)
    assertRecord(await store.grants.read(ref), record('g1'))
  }),
  check('subjects: leaving where one never was deletes no grant that others use', async ({ store }) => {
    await admitTwo(store, await storeTime(store))
    assert.deepEqual(await store.subjects.leave(subject, 'three', grantId), { left: 2 })
    assertRecord(await store.grants.read(ref), record('g1'))
  }),
  check('subjects: expired sessions keep no grant', async ({ store, advance }) => {
    const now = await storeTime(store)
    await store.subjects.admit(subject, { ...admission(undefined, 'g1'), member: member('one', now) })
    await store.subjects.join(subject, { id: 'short', expiresAt: now + 2 })
    await advance(3)
    const { left, deletedGrant } = await store.subjects.leave(subject, 'one', grantId)
    assert.equal(left, 0)
    assertRecord(deletedGrant, record('g1'))
  }),
  check(
    'subjects: one who has expired before leaving takes the grant along too',
    async ({ store, advance }) => {
      const now = await storeTime(store)
      const short = { id: 'short', expiresAt: now + 2 }
      await store.subjects.admit(subject, { ...admission(undefined, 'g1'), member: short })
      await advance(3)
      const { left, deletedGrant } = await store.subjects.leave(subject, 'short', grantId)
      assert.equal(left, 0)
      assertRecord(deletedGrant, record('g1'))
    },
  ),
]

function admission(expectedVersion: string | undefined, version: string, ttlSeconds = lasting): Admission {
  return { grantId, expectedVersion, record: record(version), ttlSeconds }
}

function member(id: string, now: number): Member {
  return { id, expiresAt: now + lasting }
}

/** The grant `g1`, and two sessions that use it. */
async function admitTwo(store: Store, now: number): Promise<void> {
  await store.subjects.admit(subject, { ...admission(undefined, 'g1'), member: member('one', now) })
  await store.subjects.join(subject, member('two', now))
}

/** The store's own time. Members expire on it, and it need not be ours. */
async function storeTime(store: Store): Promise<number> {
  return (await store.subjects.join('time', { id: 'one', expiresAt: 4_000_000_000 })).now
}
