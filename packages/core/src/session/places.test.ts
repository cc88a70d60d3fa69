import { describe, expect, it } from 'vitest'
import { Sealer } from '../crypto/seal.ts'
import type { Joined, Member } from '../store/store.ts'
import { subjectRef } from './record.ts'
import {
  accountOf,
  type Command,
  idleSeconds,
  pairOf,
  SessionsFixture,
  type Stored,
  secrets,
  startAt,
} from './session.fixture.ts'
import { type Session, SessionSlots } from './session-slots.ts'
import type { BroughtAccount, EndedGrant } from './sessions.ts'

const key = 'subject of ada'
const ref = subjectRef(key)
const record = { version: 'shared', sealed: Buffer.from('shared') }

/** An account whose grant is shared by its sessions. */
function shared({ store }: SessionsFixture): BroughtAccount {
  const admit = async (member: Member): Promise<Joined> => {
    const expectedVersion = (await store.grants.read(ref))?.version
    const admission = { grantId: ref.id, expectedVersion, record, ttlSeconds: 60, member }
    const outcome = await store.subjects.admit(key, admission)
    if (outcome.outcome === 'moved') throw new Error('Nobody else writes here.')
    return outcome
  }
  return { provider: 'example', id: 'ada', subject: key, grant: { owner: 'subject', admit } }
}

/** Runs `meanwhile` once, just before the store is asked `command`. */
function once(
  { watched }: SessionsFixture,
  command: string,
  meanwhile: (asked: Command) => Promise<unknown>,
): void {
  watched.before = async (asked) => {
    if (asked.name !== command) return
    watched.before = () => {}
    await meanwhile(asked)
  }
}

/** The session that stands in a slot. */
async function standing({ store, clock, log }: SessionsFixture, locator: string): Promise<Session> {
  const parts = { store: store.sessions, sealer: new Sealer(secrets), clock, log, idleSeconds }
  const session = await new SessionSlots(parts).peek(locator)
  if (session === undefined) throw new Error('No session stands there.')
  return session
}

/** How many places each index has. */
async function places({ sessions, store }: SessionsFixture): Promise<readonly [number, number]> {
  return [await sessions.count('example:ada'), await store.subjects.count(key)]
}

describe('the places that a sign-in takes in the indexes', () => {
  it('hold the shared grant when it starts over and everybody else leaves meanwhile', async () => {
    const fixture = new SessionsFixture()
    const { session } = await fixture.signIn()
    const elsewhere = await fixture.signIn(undefined, { account: shared(fixture) })
    let ended: readonly EndedGrant[] | undefined
    once(fixture, 'sessions.write', async () => {
      await fixture.signIn(session, { account: accountOf('grace') })
      // Its first attempt came too late, and the second has no place yet.
      once(fixture, 'sessions.read', async () => {
        ended = await fixture.sessions.endings.end(elsewhere.session)
      })
    })
    await fixture.signIn(session, { account: shared(fixture) })
    expect(ended).toEqual([])
    expect(await fixture.store.grants.read(ref)).toEqual(record)
    expect(await places(fixture)).toEqual([1, 1])
  })

  it('are given back when it fails, with the grant that nobody shares any more', async () => {
    const fixture = new SessionsFixture()
    fixture.watched.before = ({ name }) => {
      if (name === 'sessions.write') throw new Error('no connection')
    }
    const grants: EndedGrant[] = []
    const ended = (more: readonly EndedGrant[]): void => void grants.push(...more)
    const refused = fixture.signIn(undefined, { account: shared(fixture), ended })
    await expect(refused).rejects.toMatchObject({ code: 'store_unavailable' })
    const account = { provider: 'example', id: 'ada', subject: key }
    expect(grants).toMatchObject([{ account, ref, record, lastOfSubject: true }])
    expect(await places(fixture)).toEqual([0, 0])
  })

  it('do not come back when its user signs out before the last look at the indexes', async () => {
    const fixture = new SessionsFixture()
    const { session } = await fixture.signIn()
    once(fixture, 'subjects.notBefore', async () => {
      await fixture.sessions.endings.end(await standing(fixture, session.locator))
    })
    await fixture.signIn(session)
    expect(await places(fixture)).toEqual([0, 0])
  })

  it('leave a later sign-in of the same browser alone when they are refused', async () => {
    const fixture = new SessionsFixture()
    const { session } = await fixture.signIn()
    let later: Stored | undefined
    fixture.watched.after = async ({ name }) => {
      if (name !== 'subjects.notBefore') return undefined
      fixture.watched.after = () => undefined
      later = await fixture.signIn(await standing(fixture, session.locator))
      return startAt
    }
    await expect(fixture.signIn(session)).rejects.toMatchObject({ code: 'login_required' })
    expect(await fixture.sessions.resume(pairOf(later?.setCookie ?? ''))).toEqual(later?.session)
    expect(await places(fixture)).toEqual([1, 1])
  })

  it.each(['session', 'subject'] as const)(
    'are given back when nobody knows whether they were taken (%s)',
    async (owner) => {
      const fixture = new SessionsFixture()
      const account = owner === 'session' ? accountOf('ada') : shared(fixture)
      fixture.watched.after = ({ name }) => {
        if (name === 'subjects.join' || name === 'subjects.admit') throw new Error('the answer was lost')
      }
      await expect(fixture.signIn(undefined, { account })).rejects.toMatchObject({
        code: 'store_unavailable',
      })
      fixture.watched.after = () => undefined
      expect(await places(fixture)).toEqual([0, 0])
      expect(await fixture.store.grants.read(ref)).toBeUndefined()
    },
  )
})
