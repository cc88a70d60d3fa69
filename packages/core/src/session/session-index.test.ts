import { TestClock } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import { RecordingLog, startAt, WatchedStore } from './session.fixture.ts'
import { locatorOf, newMember, SessionIndex, userKey } from './session-index.ts'

const gone = new Error('The connection to the store was lost.')
const key = 'subject'

class IndexFixture {
  readonly clock: TestClock = new TestClock({ frozen: true, startAt })
  readonly log: RecordingLog = new RecordingLog()
  readonly watched: WatchedStore = new WatchedStore(this.clock, this.log)
  readonly index: SessionIndex = new SessionIndex(this.watched.store.subjects, this.log)

  /** From now on each command fails so often, before it is carried out or after. */
  fail(when: 'before' | 'after', times: number): void {
    let left = times
    this.watched[when] = () => {
      left -= 1
      if (left >= 0) throw gone
    }
  }
}

describe('a member of an index', () => {
  it('leads to its session, and is another one at each sign-in', () => {
    const [first, second] = [newMember('locator', startAt), newMember('locator', startAt)]
    expect([locatorOf(first.id), locatorOf(second.id), first.id === second.id]).toEqual([
      'locator',
      'locator',
      false,
    ])
    expect(first).toEqual({ id: expect.stringMatching(/^locator\.[\w-]{22}$/), expiresAt: startAt })
  })

  it('is found under a name that tells nobody’s id', () => {
    expect(userKey('ada lovelace')).toMatch(/^[\w-]{43}$/)
    expect(userKey('ada lovelace')).not.toBe(userKey('ada'))
  })
})

describe('SessionIndex', () => {
  it('counts who joined until they leave or expire, each once', async () => {
    const { index, clock } = new IndexFixture()
    const [first, second] = [newMember('first', startAt + 10), newMember('second', startAt + 20)]
    for (const member of [first, second, first])
      expect(await index.join(key, member)).toEqual({ now: startAt })
    expect([await index.count(key), await index.members(key)]).toEqual([2, [first.id, second.id]])
    await clock.advance(10)
    expect(await index.count(key)).toBe(1)
    expect(await index.leave(key, second)).toEqual({ count: 0 })
    expect(await index.leave(key, second)).toEqual({ count: 0 })
  })

  it.each(['before', 'after'] as const)('asks once more when the store fails once (%s)', async (when) => {
    const fixture = new IndexFixture()
    const member = newMember('first', startAt + 10)
    fixture.fail(when, 1)
    expect(await fixture.index.join(key, member)).toEqual({ now: startAt })
    fixture.fail(when, 1)
    expect(await fixture.index.end(key, 60)).toEqual({ notBefore: startAt, memberIds: [member.id] })
    fixture.fail(when, 1)
    expect(await fixture.index.leave(key, member)).toEqual({ count: 0 })
    expect(fixture.log.about('revocation.failed')).toEqual([])
  })

  it('stops nothing when it cannot be told of an end: the session is over, and the last one is unknown', async () => {
    const fixture = new IndexFixture()
    fixture.fail('before', 2)
    expect(await fixture.index.leaveIfPossible(key, { id: 'member' })).toEqual({
      count: Number.POSITIVE_INFINITY,
    })
    expect(fixture.log.about('revocation.failed')).toEqual([{ event: 'revocation.failed', reason: 'index' }])
  })

  it('says of a session whether all were ended since it joined, the same instant included', async () => {
    const { index, clock } = new IndexFixture()
    const member = newMember('first', startAt + 100)
    const { now } = await index.join(key, member)
    const ended = (joinedAt: number): Promise<boolean> => index.hasEnded(key, { id: member.id, joinedAt })
    expect(await ended(now)).toBe(false)
    await clock.advance(1)
    await index.end(key, 60)
    expect([await ended(now), await ended(now + 1), await ended(now + 1.001)]).toEqual([true, true, false])
    await clock.advance(60)
    expect(await ended(now)).toBe(false)
    expect(await index.members(key)).toEqual([member.id])
  })

  it('hands the grant over with the last member, if it is asked to', async () => {
    const { index, watched } = new IndexFixture()
    const record = { version: 'version', sealed: Buffer.from('sealed') }
    const members = [newMember('first', startAt + 10), newMember('second', startAt + 10)]
    for (const member of members) await index.join(key, member)
    await watched.store.grants.create({ slot: key, id: 'grant' }, record, 60)
    expect(await index.leave(key, members[0] ?? { id: '' }, 'grant')).toEqual({ count: 1 })
    expect(await index.leave(key, members[1] ?? { id: '' }, 'grant')).toEqual({
      count: 0,
      deletedGrant: record,
    })
  })
})
