import { describe, expect, it } from 'vitest'
import type { Member } from '../store/store.ts'
import { accountsWith, arrivalOf, type BroughtAccount } from './arrival.ts'
import type { SessionAccount } from './record.ts'
import { accountOf, SessionsFixture, sealGrant, startAt } from './session.fixture.ts'
import { newMember, SessionIndex } from './session-index.ts'

function indexed() {
  const { store, log, watched } = new SessionsFixture()
  return {
    store,
    watched,
    index: new SessionIndex(store.subjects, log),
    member: newMember('locator', startAt + 60),
  }
}

function shared(
  owner: 'subject' | 'user',
  admit: (member: Member) => Promise<{ now: number }>,
): BroughtAccount {
  return { provider: 'example', id: 'ada', subject: 'subject of ada', grant: { owner, admit } }
}

describe('arrivalOf', () => {
  it('joins the subject, and brings the grant for the session’s own slot', async () => {
    const { store, index, member } = indexed()
    const { locator, account, sealed } = await arrivalOf(accountOf('ada'), member, index)
    expect(account).toEqual({
      provider: 'example',
      id: 'ada',
      subject: 'subject of ada',
      owner: 'session',
      grantId: expect.stringMatching(/^[\w-]{22}$/),
      membership: { id: member.id, joinedAt: startAt },
    })
    expect(sealed).toEqual({ id: account.grantId, record: sealGrant({ slot: locator, id: account.grantId }) })
    expect([locator, await store.subjects.members('subject of ada')]).toEqual(['locator', [member.id]])
  })

  it.each(['subject', 'user'] as const)('leaves the grant of a %s to whoever admits it', async (owner) => {
    const { watched, index, member } = indexed()
    const admitted: Member[] = []
    const brought = shared(owner, async (one) => {
      admitted.push(one)
      return { now: startAt + 5 }
    })
    const { account, sealed } = await arrivalOf(brought, member, index)
    expect([admitted, sealed, watched.names]).toEqual([[member], undefined, []])
    expect(account).toMatchObject({
      owner,
      grantId: 'grant',
      membership: { id: member.id, joinedAt: startAt + 5 },
    })
  })
})

describe('accountsWith', () => {
  const account = (id: string, more: Partial<SessionAccount> = {}): SessionAccount => ({
    provider: 'example',
    id,
    owner: 'session',
    grantId: `grant of ${id}`,
    subject: `subject of ${id}`,
    membership: { id: 'old', joinedAt: 1 },
    ...more,
  })
  const present = [account('first'), account('second')]

  it('puts a new one last', () => {
    expect(accountsWith(present, account('third')).map(({ id }) => id)).toEqual(['first', 'second', 'third'])
    expect(accountsWith(present, account('first', { provider: 'other' }))).toHaveLength(3)
  })

  it('puts one that was there in its place, with its new grant and since when it has been there', () => {
    const renewed = account('first', {
      grantId: 'new',
      subject: 'new',
      membership: { id: 'new', joinedAt: 2 },
    })
    const [first, ...others] = accountsWith(present, renewed)
    expect([first, others]).toEqual([{ ...renewed, membership: { id: 'new', joinedAt: 1 } }, [present[1]]])
  })

  it('dates one that was kept from before the session by its arrival', () => {
    const { membership: _, ...kept } = account('first', { owner: 'user' })
    const renewed = account('first', { owner: 'user', membership: { id: 'new', joinedAt: 2 } })
    expect(accountsWith([kept], renewed)).toEqual([renewed])
  })
})
