import { describe, expect, it } from 'vitest'
import { pairOf } from '../session/session.fixture.ts'
import type { Session } from '../session/sessions.ts'
import type { SessionRequest } from './create-session.ts'
import { FlowsFixture } from './flows.fixture.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'

function requestOf(fixture: FlowsFixture, more: Partial<SessionRequest> = {}): SessionRequest {
  const user = { provider: 'example', id: 'ada', name: 'Ada' }
  const tokens = fixture.client.tokens('access of import', ['read'])
  return { client: fixture.client, user, userId: undefined, tokens, authorizedAt: undefined, ...more }
}

function keeping(): FlowsFixture {
  return new FlowsFixture({ clients: [new ScriptedSignInClient('example', { keepAccounts: true })] })
}

async function sessionFor(
  fixture: FlowsFixture,
  more: Partial<SessionRequest> = {},
): Promise<Session | undefined> {
  return fixture.sessions.resume(pairOf(await fixture.flows().createSession(requestOf(fixture, more))))
}

describe('Flows.createSession', () => {
  it('makes the session that a sign-in makes', async () => {
    const fixture = new FlowsFixture()
    const browser = fixture.browser()
    await browser.signIn()
    const signedIn = (await browser.session())?.record
    const created = (await sessionFor(fixture))?.record
    const varying = {
      secretDigest: expect.any(String),
      membership: expect.any(Object),
      completed: expect.any(Object),
    }
    const account = { ...signedIn?.accounts[0], grantId: expect.any(String), membership: expect.any(Object) }
    expect(created).toEqual({ ...signedIn, ...varying, accounts: [account] })
  })

  it('without tokens: the account is there, and leads to a consent', async () => {
    for (const fixture of [new FlowsFixture(), keeping()]) {
      const session = await sessionFor(fixture, { tokens: undefined })
      const guarded = fixture.flows().guard(
        {
          method: 'GET',
          url: '/',
          headers: {},
          native: undefined,
          ready: async () => {},
          readBody: async () => '',
        },
        session,
        { provider: 'example', scope: ['read'] },
      )
      await expect(guarded).rejects.toMatchObject({
        code: 'login_required',
        reason: 'grant_ended',
        accountId: 'ada',
      })
    }
  })

  it('signs the keeper of an account in by default, with everything they keep', async () => {
    const fixture = keeping()
    await sessionFor(fixture, { userId: 'the keeper' })
    await sessionFor(fixture, { userId: 'the keeper', user: { provider: 'example', id: 'second' } })
    const session = await sessionFor(fixture)
    expect(session?.record).toMatchObject({ userId: 'the keeper', user: { id: 'ada' } })
    expect(session?.record.accounts.map(({ id }) => id)).toEqual(['ada', 'second'])
  })

  it.each(['with', 'without'])('refuses an account that another user keeps, %s tokens', async (given) => {
    const fixture = keeping()
    await sessionFor(fixture, { userId: 'the keeper' })
    const more = given === 'with' ? {} : { tokens: undefined }
    await expect(sessionFor(fixture, { userId: 'another', ...more })).rejects.toMatchObject({
      code: 'account_in_use',
    })
    expect(await fixture.sessions.count('another')).toBe(0)
  })

  it('revokes nothing when it fails: the tokens stay the app’s', async () => {
    for (const fixture of [new FlowsFixture(), keeping()]) {
      fixture.watched.before = ({ name }) => {
        if (name === 'sessions.write') throw new Error('no connection')
      }
      await expect(sessionFor(fixture)).rejects.toMatchObject({ code: 'store_unavailable' })
      expect(fixture.client.revoked).toEqual([])
      fixture.watched.before = () => {}
      expect((await sessionFor(fixture))?.record).toMatchObject({ userId: 'example:ada' })
    }
  })
})
