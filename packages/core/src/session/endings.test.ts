import { describe, expect, it } from 'vitest'
import type { SessionRecord } from './record.ts'
import {
  absoluteSeconds,
  accountOf,
  idleSeconds,
  pairOf,
  SessionsFixture,
  sealGrant,
  startAt,
} from './session.fixture.ts'
import { userKey } from './session-index.ts'
import type { Addition, Session, SignedIn } from './sessions.ts'

const gone = new Error('The connection to the store was lost.')
const ada = 'example:ada'

/** Every session of Ada's. */
const adas = {
  key: userKey(ada),
  membership: ({ userId, membership }: SessionRecord) => (userId === ada ? membership : undefined),
}

/** Every session that was signed in to with Ada's account. */
const byAccount = {
  key: 'subject of ada',
  membership: ({ user, accounts }: SessionRecord) =>
    user.id === 'ada' ? accounts.find(({ subject }) => subject === 'subject of ada')?.membership : undefined,
}

function addition(
  current: Session,
  id = 'second',
  more: Partial<Omit<Addition, 'ended' | 'later'>> = {},
): Omit<Addition, 'ended' | 'later'> {
  const { completed } = current.record
  return { current, account: accountOf(id, id === 'ada' ? 'example' : 'other'), completed, ...more }
}

const grace = {
  userId: 'example:grace',
  user: { provider: 'example', id: 'grace' },
  account: accountOf('grace'),
}

/** Which of these sign-ins still are. */
async function alive({ sessions }: SessionsFixture, ...signedIn: SignedIn[]): Promise<readonly boolean[]> {
  const found = await Promise.all(signedIn.map(({ setCookie }) => sessions.resume(pairOf(setCookie))))
  return found.map((session) => session !== undefined)
}

describe('SessionEndings.endAll', () => {
  it('ends every session of the index and returns each grant; other users and later sign-ins go on', async () => {
    const fixture = new SessionsFixture()
    const first = await fixture.signIn()
    const second = await fixture.signIn()
    const other = await fixture.signIn(undefined, grace)
    const linked = await fixture.add(addition(first.session))
    const { count, grants, failure } = await fixture.sessions.endings.endAll(adas)
    expect([count, failure]).toEqual([2, undefined])
    expect(
      grants.map(({ account, ref, record }) => [account.id, record.version === sealGrant(ref).version]),
    ).toEqual(
      expect.arrayContaining([
        ['ada', true],
        ['second', true],
        ['ada', true],
      ]),
    )
    await fixture.clock.advance(1)
    const later = await fixture.signIn()
    expect(await alive(fixture, first, linked, second, other, later)).toEqual([
      false,
      false,
      false,
      true,
      true,
    ])
    expect(await fixture.sessions.count(ada)).toBe(1)
    expect(await fixture.sessions.endings.endAll(adas)).toMatchObject({ count: 1 })
  })

  it('case 41: refuses a sign-in that joined before the end, and leaves nothing of it', async () => {
    const fixture = new SessionsFixture()
    fixture.watched.before = async ({ name }) => {
      if (name !== 'sessions.write') return
      fixture.watched.before = () => {}
      expect(await fixture.sessions.endings.endAll(adas)).toMatchObject({ count: 0 })
    }
    await expect(fixture.signIn()).rejects.toMatchObject({ code: 'login_required', reason: 'signed_out' })
    expect(await fixture.sessions.count(ada)).toBe(0)
    expect(await fixture.store.subjects.count('subject of ada')).toBe(0)
  })

  it('case 41: leaves a sign-in over an old session alone that joined after the end', async () => {
    const fixture = new SessionsFixture()
    const old = await fixture.signIn()
    let renewed: SignedIn | undefined
    fixture.watched.after = async ({ name }) => {
      if (name !== 'subjects.end') return
      fixture.watched.after = () => undefined
      await fixture.clock.advance(1)
      renewed = await fixture.signIn(old.session)
    }
    expect(await fixture.sessions.endings.endAll(adas)).toMatchObject({ count: 0, grants: [] })
    expect(renewed && (await alive(fixture, renewed))).toEqual([true])
    expect(renewed?.session.locator).toBe(old.session.locator)
  })

  it('case 41: ends a session whose account is authorized anew in that moment: its login is as old as before', async () => {
    for (const command of ['subjects.end', 'subjects.join', 'sessions.write', 'subjects.leave']) {
      const fixture = new SessionsFixture()
      const old = await fixture.signIn()
      let adding: Promise<SignedIn | undefined> | undefined
      const consent = (): Promise<SignedIn | undefined> =>
        fixture.add(addition(old.session, 'ada')).catch(() => undefined)
      await fixture.clock.advance(1)
      if (command === 'subjects.end') {
        // The whole consent happens between the look at the index and the end of its sessions.
        fixture.watched.after = async ({ name }) => {
          if (name !== 'subjects.end') return
          fixture.watched.after = () => undefined
          await fixture.clock.advance(1)
          adding = consent()
          await adding
        }
        await fixture.sessions.endings.endAll(byAccount)
      } else {
        fixture.watched.after = async ({ name }) => {
          if (name !== command) return
          fixture.watched.after = () => undefined
          await fixture.sessions.endings.endAll(byAccount)
        }
        adding = consent()
      }
      const added = await adding
      expect(await alive(fixture, old, ...(added ? [added] : [])), command).not.toContain(true)
      expect(await fixture.store.subjects.count('subject of ada'), command).toBe(0)
    }
  })

  it('goes on with the others when one cannot be ended, and says so', async () => {
    const fixture = new SessionsFixture()
    const signedIn = [await fixture.signIn(), await fixture.signIn(), await fixture.signIn()]
    const stuck = signedIn[1]?.session.locator
    fixture.watched.before = ({ name, args }) => {
      if (name === 'sessions.delete' && args[0] === stuck) throw gone
    }
    const { count, grants, failure } = await fixture.sessions.endings.endAll(adas)
    expect([count, grants.length]).toEqual([2, 2])
    expect(failure?.reason).toMatchObject({ code: 'store_unavailable' })
    expect(await alive(fixture, ...signedIn)).toEqual([false, true, false])
    fixture.watched.before = () => {}
    const again = await fixture.sessions.endings.endAll(adas)
    expect([again.count, again.failure]).toEqual([1, undefined])
    expect(await alive(fixture, ...signedIn)).toEqual([false, false, false])
  })

  it('ends none when the index cannot be reached, and asks once more for a lost answer', async () => {
    const fixture = new SessionsFixture()
    const signedIn = await fixture.signIn()
    fixture.watched.before = ({ name }) => {
      if (name === 'subjects.end') throw gone
    }
    await expect(fixture.sessions.endings.endAll(adas)).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(await alive(fixture, signedIn)).toEqual([true])
    fixture.watched.before = () => {}
    fixture.watched.after = ({ name }) => {
      if (name !== 'subjects.end') return
      fixture.watched.after = () => undefined
      throw gone
    }
    expect(await fixture.sessions.endings.endAll(adas)).toMatchObject({ count: 1 })
  })

  it('keeps a session refused for as long as one could still be on its way', async () => {
    const fixture = new SessionsFixture()
    await fixture.sessions.endings.endAll(adas)
    const [end] = fixture.watched.commands.filter(({ name }) => name === 'subjects.end')
    expect(end?.args).toEqual([userKey(ada), absoluteSeconds])
  })
})

describe('SessionEndings.removeAccount', () => {
  const isSecond = ({ id }: { readonly id: string }): boolean => id === 'second'

  it('takes the account and its grant out and leaves the rest as it is, cookie included', async () => {
    const fixture = new SessionsFixture()
    const first = await fixture.signIn()
    const { session, setCookie } = await fixture.add(addition(first.session))
    const ended = await fixture.sessions.endings.removeAccount(session.locator, isSecond)
    const account = session.record.accounts[1]
    const ref = { slot: session.locator, id: account?.grantId ?? '' }
    expect(ended).toEqual([{ account, ref, record: sealGrant(ref), lastOfSubject: true }])
    expect(await fixture.store.grants.read(ref)).toBeUndefined()
    const left = await fixture.sessions.resume(pairOf(setCookie))
    expect(left?.record).toEqual({ ...session.record, accounts: session.record.accounts.slice(0, 1) })
  })

  it('has nothing to do where there is no such account or session', async () => {
    const fixture = new SessionsFixture()
    const { session } = await fixture.signIn()
    const { endings } = fixture.sessions
    expect(await endings.removeAccount(session.locator, isSecond)).toBeUndefined()
    await endings.end(session)
    expect(await endings.removeAccount(session.locator, () => true)).toBeUndefined()
  })

  it('takes out what is there when its turn comes: a link that is faster stays', async () => {
    const fixture = new SessionsFixture()
    const first = await fixture.signIn()
    const { session } = await fixture.add(addition(first.session))
    let linked: SignedIn | undefined
    fixture.watched.before = async ({ name }) => {
      if (name !== 'sessions.write') return
      fixture.watched.before = () => {}
      linked = await fixture.add(addition(session, 'third'))
    }
    await fixture.sessions.endings.removeAccount(session.locator, isSecond)
    const left = await fixture.sessions.resume(pairOf(linked?.setCookie ?? ''))
    expect(left?.record.accounts.map(({ id }) => id)).toEqual(['ada', 'third'])
  })

  it('is no visit of its user: an idle session ends when it would have', async () => {
    const fixture = new SessionsFixture()
    const first = await fixture.signIn()
    const { session, setCookie } = await fixture.add(addition(first.session))
    await fixture.clock.advance(idleSeconds - 1)
    expect(
      await fixture.sessions.endings.removeAccount(session.locator, ({ id }) => id === 'nobody'),
    ).toBeUndefined()
    await fixture.clock.advance(1)
    expect(await fixture.sessions.resume(pairOf(setCookie))).toBeUndefined()
  })
})

describe('Sessions.add', () => {
  it('adds the account and changes nothing else but the secret: the old cookie is dead in that step', async () => {
    const fixture = new SessionsFixture()
    const first = await fixture.signIn()
    await fixture.clock.advance(60)
    const { session, setCookie, replaced } = await fixture.add(addition(first.session))
    expect(await alive(fixture, first)).toEqual([false])
    expect(await fixture.sessions.resume(pairOf(setCookie))).toEqual(session)
    const { accounts, secretDigest, ...same } = session.record
    const { accounts: before, secretDigest: old, ...expected } = first.session.record
    expect(same).toEqual(expected)
    expect([accounts.length, accounts[0], secretDigest === old, replaced]).toEqual([2, before[0], false, []])
    expect(setCookie).toContain(`Max-Age=${absoluteSeconds - 60}`)
  })

  it('replaces the account that is there already, at its place, and keeps when it was signed in to', async () => {
    const fixture = new SessionsFixture()
    const first = await fixture.signIn()
    await fixture.clock.advance(60)
    const second = await fixture.add(addition(first.session))
    const { session, replaced } = await fixture.add(addition(second.session, 'ada'))
    expect(session.record.accounts.map(({ id }) => id)).toEqual(['ada', 'second'])
    expect(replaced).toMatchObject([{ account: { id: 'ada' }, lastOfSubject: false }])
    expect(session.record.accounts[0]?.membership?.joinedAt).toBe(startAt)
    const ref = { slot: session.locator, id: session.record.accounts[0]?.grantId ?? '' }
    expect(await fixture.store.grants.read(ref)).toEqual(sealGrant(ref))
    expect(await fixture.store.subjects.count('subject of ada')).toBe(1)
  })

  it('keeps what others added meanwhile', async () => {
    const fixture = new SessionsFixture()
    const first = await fixture.signIn()
    const ids = ['second', 'third', 'fourth']
    const added = await Promise.all(ids.map((id) => fixture.add(addition(first.session, id))))
    const cookies = await alive(fixture, ...added)
    expect(cookies.filter((isAlive) => isAlive)).toEqual([true])
    const last = added[cookies.indexOf(true)]
    expect(last?.session.record.accounts.map(({ id }) => id).sort()).toEqual(['ada', ...ids].sort())
  })

  it.each([
    ['ended', ({ sessions }: SessionsFixture, session: Session) => sessions.endings.end(session)],
    ['became another user’s', (fixture: SessionsFixture, session: Session) => fixture.signIn(session, grace)],
  ])('is refused when the session %s meanwhile, and leaves the index', async (_, meanwhile) => {
    const fixture = new SessionsFixture()
    const { session } = await fixture.signIn()
    fixture.watched.before = async ({ name }) => {
      if (name !== 'sessions.write') return
      fixture.watched.before = () => {}
      await meanwhile(fixture, session)
    }
    await expect(fixture.add(addition(session))).rejects.toMatchObject({
      code: 'login_required',
      reason: 'signed_out',
    })
    expect(await fixture.store.subjects.count('subject of second')).toBe(0)
  })

  it('does not bring an account back that was to be authorized anew and was disconnected meanwhile', async () => {
    const fixture = new SessionsFixture()
    const first = await fixture.signIn()
    const { session, setCookie } = await fixture.add(addition(first.session))
    fixture.watched.before = async ({ name }) => {
      if (name !== 'sessions.write') return
      fixture.watched.before = () => {}
      await fixture.sessions.endings.removeAccount(session.locator, ({ id }) => id === 'second')
    }
    const renewing = fixture.add(addition(session, 'second', { renews: 'subject of second' }))
    await expect(renewing).rejects.toMatchObject({ code: 'login_required', reason: 'no_account' })
    const left = await fixture.sessions.resume(pairOf(setCookie))
    expect(left?.record.accounts.map(({ id }) => id)).toEqual(['ada'])
    expect(await fixture.store.subjects.count('subject of second')).toBe(0)
  })
})

describe('a sign-in that the store fails', () => {
  it.each([
    ['subjects.join', 2],
    ['sessions.write', 1],
  ])('leaves nobody in an index (%s)', async (command, points) => {
    for (let failing = 0; failing < points; failing += 1) {
      const fixture = new SessionsFixture()
      let calls = 0
      fixture.watched.after = ({ name }) => {
        if (name !== command) return
        calls += 1
        if (calls > failing) throw gone
      }
      await expect(fixture.signIn()).rejects.toMatchObject({ code: 'store_unavailable' })
      fixture.watched.after = () => undefined
      expect(await fixture.sessions.count(ada), `${command} ${failing}`).toBe(0)
      expect(await fixture.store.subjects.count('subject of ada'), `${command} ${failing}`).toBe(0)
    }
  })
})
