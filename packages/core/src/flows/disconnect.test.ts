import { describe, expect, it } from 'vitest'
import type { Provider } from '../protocol/provider.ts'
import type { SessionAccount } from '../session/record.ts'
import { subjectRef } from '../session/record.ts'
import type { LiveGrant } from '../vault/grant.ts'
import { type Browser, FlowsFixture } from './flows.fixture.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'

function linking(provider: Partial<Provider>): FlowsFixture {
  const clients = [new ScriptedSignInClient('example'), new ScriptedSignInClient('other', provider)]
  return new FlowsFixture({ clients })
}

/** Ada with two devices, and Grace: all have an account at `other`. */
async function threeBrowsers(fixture: FlowsFixture): Promise<readonly [Browser, Browser, Browser]> {
  const [, other] = fixture.clients
  const ada = [fixture.browser(), fixture.browser()] as const
  for (const [index, browser] of ada.entries()) {
    await browser.signIn('example', '', `ada${index}`)
    await browser.link('other', `adas${index}`)
  }
  fixture.client.person = { id: 'grace' }
  Object.assign(other ?? {}, { person: { id: 'graces' } })
  const grace = fixture.browser()
  await grace.signIn('example', '', 'grace')
  await grace.link('other', 'graces')
  return [...ada, grace]
}

async function accountAtOther(browser: Browser): Promise<SessionAccount | undefined> {
  return (await browser.session())?.record.accounts.find(({ provider }) => provider === 'other')
}

async function disconnectOther(fixture: FlowsFixture, account: SessionAccount | undefined): Promise<void> {
  if (account === undefined) throw new Error('There is no account to disconnect.')
  await fixture.flows().disconnect('example:ada', account)
}

describe.each([
  ['its session', {}, ['refresh of adas0', 'refresh of adas1']],
  [
    'its session, and revoking ends all',
    { revocation: 'authorization' },
    [expect.stringMatching(/^refresh of adas/)],
  ],
  ['its subject', { exclusive: true }, ['refresh of adas1']],
  ['its user', { keepAccounts: true }, ['refresh of adas0', 'refresh of adas1']],
  [
    'its user, and revoking ends all',
    { keepAccounts: true, revocation: 'authorization' },
    ['refresh of adas1'],
  ],
] as const)('Flows.disconnect of an account whose grant belongs to %s', (_, provider, revoked) => {
  it('takes it out of every session of its user, and revokes it; the user stays signed in', async () => {
    const fixture = linking(provider)
    const [first, second, grace] = await threeBrowsers(fixture)
    const account = await accountAtOther(first)
    await disconnectOther(fixture, account)
    for (const browser of [first, second]) {
      expect((await browser.session())?.record.accounts.map(({ provider: at }) => at)).toEqual(['example'])
    }
    expect([...(fixture.clients[1]?.revoked ?? [])].sort()).toEqual(revoked)
    expect(await fixture.kept.list('example:ada')).toEqual([])
    expect(await fixture.store.grants.read(subjectRef(account?.subject ?? ''))).toBeUndefined()
    expect(await fixture.store.subjects.count(account?.subject ?? '')).toBe(0)
    expect(await accountAtOther(grace)).toMatchObject({ id: 'graces' })
    expect(fixture.clients[0]?.revoked).toEqual([])
  })

  it('goes on where it stopped when the store fails at any command', async () => {
    for (let failing = 0, failed = true; failed; failing += 1) {
      const fixture = linking(provider)
      const [first, second] = await threeBrowsers(fixture)
      const account = await accountAtOther(first)
      let commands = 0
      fixture.watched.before = ({ name }) => {
        if (commands++ === failing) throw new Error(`no connection: ${name}`)
      }
      failed = await disconnectOther(fixture, account).then(
        () => commands > failing,
        () => true,
      )
      fixture.watched.before = () => {}
      await disconnectOther(fixture, account)
      for (const browser of [first, second]) expect(await accountAtOther(browser)).toBeUndefined()
      expect(await fixture.kept.list('example:ada')).toEqual([])
      expect(await fixture.store.grants.read(subjectRef(account?.subject ?? ''))).toBeUndefined()
      // Where the whole authorization would end, an index that was not told keeps it.
      if (!('revocation' in provider)) {
        expect(new Set(fixture.clients[1]?.revoked), `command ${failing}`).toEqual(new Set(revoked))
      }
    }
  })
})

describe('Flows.disconnect', () => {
  it('ends what its user keeps, also where the provider keeps nothing any more', async () => {
    const fixture = linking({})
    const [first] = await threeBrowsers(fixture)
    const account = await accountAtOther(first)
    const ref = subjectRef(account?.subject ?? '')
    const tokens = fixture.client.tokens('access of before', ['read'])
    const grant: LiveGrant = {
      state: 'live',
      tokens,
      authorizedAt: 0,
      refreshCount: 0,
      holder: 'example:ada',
    }
    await fixture.store.grants.create(ref, fixture.vault.seal(ref, grant), 1_000)
    await fixture.kept.add('example:ada', { provider: 'other', id: 'ada', subject: ref.slot })
    await disconnectOther(fixture, account)
    expect(await fixture.store.grants.read(ref)).toBeUndefined()
    expect(await fixture.kept.list('example:ada')).toEqual([])
    expect(fixture.clients[1]?.revoked).toContain('refresh of before')
  })

  it('leaves a grant alone that another user keeps meanwhile', async () => {
    const fixture = linking({ keepAccounts: true })
    const [first, , grace] = await threeBrowsers(fixture)
    const account = await accountAtOther(first)
    await disconnectOther(fixture, account)
    Object.assign(fixture.clients[1] ?? {}, { person: { id: 'ada' } })
    await grace.link('other', 'bought')
    await disconnectOther(fixture, account)
    expect(await fixture.vault.read({ ref: subjectRef(account?.subject ?? '') })).toMatchObject({
      holder: 'example:grace',
      state: 'live',
    })
    expect(fixture.clients[1]?.revoked).not.toContain('refresh of bought')
  })

  it('leaves it alone also when it comes between the look at its holder and the deletion', async () => {
    const fixture = linking({ keepAccounts: true })
    const [first, , grace] = await threeBrowsers(fixture)
    const account = await accountAtOther(first)
    Object.assign(fixture.clients[1] ?? {}, { person: { id: 'ada' } })
    const answer = await grace.beginStep('link', 'other', 'bought')
    fixture.watched.before = async ({ name }) => {
      if (name !== 'grants.delete') return
      fixture.watched.before = () => {}
      await disconnectOther(fixture, account)
      await grace.get(answer)
    }
    await disconnectOther(fixture, account)
    expect(await fixture.vault.read({ ref: subjectRef(account?.subject ?? '') })).toMatchObject({
      holder: 'example:grace',
      tokens: { refreshToken: 'refresh of bought' },
    })
    expect(fixture.clients[1]?.revoked).not.toContain('refresh of bought')
  })
})

describe.each(['users.write', 'subjects.admit'])(
  'a disconnect and a link of one account that meet (at %s)',
  (command) => {
    it('leave the account on its user’s list as long as its grant is kept', async () => {
      const fixture = linking({ keepAccounts: true })
      const third = fixture.browser()
      await third.signIn('example', '', 'ada2')
      const [first] = await threeBrowsers(fixture)
      fixture.client.person = { id: 'ada' }
      Object.assign(fixture.clients[1] ?? {}, { person: { id: 'ada' } })
      const account = await accountAtOther(first)
      const answer = await third.beginStep('link', 'other', 'anew')
      const link = async (): Promise<number> => (await third.get(answer)).status
      const disconnecting = (): Promise<void> => disconnectOther(fixture, account)
      const [slow, quick] = command === 'users.write' ? [disconnecting, link] : [link, disconnecting]
      fixture.watched.before = async ({ name }) => {
        if (name !== command) return
        fixture.watched.before = () => {}
        await quick()
      }
      await slow()
      expect(await fixture.vault.read({ ref: subjectRef(account?.subject ?? '') })).toMatchObject({
        holder: 'example:ada',
        tokens: { refreshToken: 'refresh of anew' },
      })
      expect(await fixture.kept.list('example:ada')).toMatchObject([{ provider: 'other', id: 'ada' }])
      expect(fixture.clients[1]?.revoked).not.toContain('refresh of anew')
      expect(await accountAtOther(third)).toMatchObject({ subject: account?.subject })
    })
  },
)
