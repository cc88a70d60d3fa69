import { describe, expect, it } from 'vitest'
import { subjectKey } from '../protocol/subject-key.ts'
import { grantOf } from '../session/record.ts'
import type { Session } from '../session/sessions.ts'
import type { Grant } from '../vault/grant.ts'
import { accountAt, consentScope, hasJustAsked, maySend } from './consent.ts'
import { FlowsFixture } from './flows.fixture.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'

async function signedIn(fixture = new FlowsFixture()) {
  const browser = fixture.browser()
  await browser.signIn()
  const session = (await browser.session()) as Session // it has just signed in
  const [account] = session.record.accounts
  const subject = account?.subject ?? ''
  /** Puts another grant where the account's stands. */
  const become = async (grant: Grant): Promise<void> => {
    const { ref } = grantOf({ locator: session.locator, userId: session.record.userId }, account as never)
    const standing = await fixture.store.grants.read(ref)
    await fixture.store.grants.commit(ref, standing?.version ?? '', fixture.vault.seal(ref, grant))
  }
  return { fixture, browser, session, subject, become }
}

const ended = { state: 'ended', reason: 'invalid_grant', authorizedAt: 0, refreshCount: 0 } as const

describe('consentScope', () => {
  it('is what was granted and what is wanted, each once', async () => {
    const { fixture, session, subject } = await signedIn()
    expect(await consentScope(fixture, session, subject, ['write', 'read', 'write'])).toEqual([
      'read',
      'write',
    ])
  })

  it('is what an ended authorization had', async () => {
    const { fixture, session, subject, become } = await signedIn()
    await become({ ...ended, scope: ['read', 'list'] })
    expect(await consentScope(fixture, session, subject, [])).toEqual(['read', 'list'])
  })

  it('is what is wanted where nothing stands, or what another user keeps', async () => {
    const fixture = new FlowsFixture({
      clients: [new ScriptedSignInClient('example', { keepAccounts: true })],
    })
    const { session, subject, become } = await signedIn(fixture)
    expect(await consentScope(fixture, session, 'another subject', ['write'])).toEqual(['write'])
    expect(await consentScope(fixture, session, subject, ['write'])).toEqual(['read', 'write'])
    await become({ ...ended, scope: ['everything'], holder: 'another user' })
    expect(await consentScope(fixture, session, subject, ['write'])).toEqual(['write'])
  })
})

describe('accountAt', () => {
  it('is the one that signed in, wherever it stands, or the one with the id that is asked for', async () => {
    const { fixture, session } = await signedIn()
    const { client } = fixture
    const [own] = session.record.accounts
    const another = { ...own, id: 'grace', subject: subjectKey(client, 'grace') } as NonNullable<typeof own>
    const both = {
      ...session,
      record: { ...session.record, accounts: [another, own as NonNullable<typeof own>] },
    }
    expect(accountAt(both, client)?.id).toBe('ada')
    expect(accountAt(both, client, 'grace')?.id).toBe('grace')
    expect(accountAt(both, client, 'linus')).toBeUndefined()
    const linked = { ...both, record: { ...both.record, user: { provider: 'other', id: 'ada' } } }
    expect(accountAt(linked, client)?.id).toBe('grace')
    expect(accountAt(both, fixture.clients[1] as typeof client)).toBeUndefined()
  })

  it('case 54: is none that was issued by another server or to another client', async () => {
    const { fixture, session } = await signedIn()
    fixture.client.identity = () => 'https://another.example client'
    expect(accountAt(session, fixture.client)).toBeUndefined()
    expect(accountAt(session, fixture.client, 'ada')).toBeUndefined()
  })
})

describe('hasJustAsked', () => {
  it('is true for a minute, for the account and scope that the last login asked for', async () => {
    const { fixture, session, subject } = await signedIn()
    const asked = (scope: readonly string[], of = subject): boolean =>
      hasJustAsked(session, { subject: of, scope }, fixture.clock)
    expect([asked([]), asked(['read']), asked(['read', 'write']), asked(['read'], 'another')]).toEqual([
      true,
      true,
      false,
      false,
    ])
    await fixture.clock.advance(60)
    expect(asked(['read'])).toBe(false)
  })
})

describe('maySend', () => {
  it('is true once a minute for the same session, account and scope, in whatever order it is written', async () => {
    const { fixture, session, subject } = await signedIn()
    const may = (scope: readonly string[], of = subject, by = session): Promise<boolean> =>
      maySend(fixture, by, { subject: of, scope })
    expect([await may(['write', 'read']), await may(['read', 'write'])]).toEqual([true, false])
    expect([await may(['write']), await may(['write'], 'another')]).toEqual([true, true])
    expect(await may(['write'], subject, { ...session, locator: 'another session' })).toBe(true)
    await fixture.clock.advance(59)
    expect(await may(['read', 'write'])).toBe(false)
    await fixture.clock.advance(1)
    expect(await may(['read', 'write'])).toBe(true)
  })

  it('is true for one of many requests at once', async () => {
    const { fixture, session, subject } = await signedIn()
    const asked = Array.from({ length: 50 }, () => maySend(fixture, session, { subject, scope: [] }))
    expect((await Promise.all(asked)).filter((may) => may)).toHaveLength(1)
  })

  it('settles a lost answer by asking once more, with the same value', async () => {
    const { fixture, session, subject } = await signedIn()
    fixture.watched.after = ({ name }) => {
      if (name !== 'usedMarkers.take') return
      fixture.watched.after = () => undefined
      throw new Error('the answer was lost')
    }
    expect(await maySend(fixture, session, { subject, scope: [] })).toBe(true)
  })
})
