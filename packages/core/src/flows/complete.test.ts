import { describe, expect, it } from 'vitest'
import { Sealer } from '../crypto/seal.ts'
import { LatchkeyError } from '../errors.ts'
import { Events } from '../events.ts'
import type { Provider } from '../protocol/provider.ts'
import { subjectKey } from '../protocol/subject-key.ts'
import { grantRefOf, subjectRef } from '../session/record.ts'
import type { Grant } from '../vault/grant.ts'
import { Vault } from '../vault/vault.ts'
import { type Browser, FlowsFixture } from './flows.fixture.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'
import type { SignInClient } from './sign-in-client.ts'

/** Three providers whose accounts a user keeps. */
function keeping(): FlowsFixture {
  const clients = ['example', 'other', 'third'].map(
    (id) => new ScriptedSignInClient(id, { keepAccounts: true }),
  )
  return new FlowsFixture({ clients })
}

/** The grant of the account that signed in. */
async function keptGrant(fixture: FlowsFixture, browser: Browser): Promise<Grant | undefined> {
  const session = await browser.session()
  const [account] = session?.record.accounts ?? []
  return account && fixture.vault.read({ ref: grantRefOf(session?.locator ?? '', account) })
}

/** Runs `meanwhile` once, just before the store is asked `command`. */
function once({ watched }: FlowsFixture, command: string, meanwhile: () => Promise<unknown>): void {
  watched.before = async ({ name }) => {
    if (name !== command) return
    watched.before = () => {}
    await meanwhile()
  }
}

describe('an authorization response that says more than a code', () => {
  it('grants the scope that it names, and describes the user to onLogin', async () => {
    const raws: unknown[] = []
    const fixture = new FlowsFixture({
      onLogin: async ({ raw }) => {
        raws.push(raw.user)
        return undefined
      },
    })
    fixture.client.beside = { scope: ['less'], user: { name: 'Ada' } }
    const browser = fixture.browser()
    await browser.signIn()
    expect(fixture.client.exchanges[0]?.scope).toEqual(['less'])
    expect(raws).toEqual([{ name: 'Ada' }])
    expect((await browser.session())?.record.completed?.scope).toEqual(['read'])
  })
})

describe('a link that another tab of its browser overtakes', () => {
  it('keeps both accounts, and revokes none of their tokens (keepAccounts)', async () => {
    const fixture = keeping()
    const browser = fixture.browser()
    await browser.signIn()
    const slow = await browser.beginStep('link', 'other', 'slow')
    const quick = await browser.beginStep('link', 'third', 'quick')
    once(fixture, 'sessions.write', () => browser.get(quick))
    expect((await browser.get(slow)).status).toBe(303)
    const session = await browser.session()
    expect(session?.record.accounts.map(({ provider }) => provider)).toEqual(['example', 'third', 'other'])
    expect(fixture.clients.flatMap(({ revoked }) => revoked)).toEqual([])
  })
})

describe('two sign-ins of one browser that meet', () => {
  it('case 69: leave a kept account with tokens that nobody has revoked', async () => {
    const fixture = keeping()
    const browser = fixture.browser()
    await browser.signIn()
    const slow = await browser.begin('example', '', 'slow')
    const quick = await browser.begin('example', '', 'quick')
    once(fixture, 'sessions.write', () => browser.get(quick))
    expect((await browser.get(slow)).status).toBe(303)
    const kept = await keptGrant(fixture, browser)
    expect(kept).toMatchObject({
      state: 'live',
      holder: 'example:ada',
      tokens: { refreshToken: 'refresh of quick' },
    })
    expect(new Set(fixture.client.revoked)).toEqual(new Set(['refresh of code', 'refresh of slow']))
  })
})

/** Who owns the grants of `other`, to which the account is linked. */
const owners = [
  ['its session', {}],
  ['its subject (exclusive)', { exclusive: true }],
  ['its user (keepAccounts)', { keepAccounts: true }],
  ['its user (exclusive)', { keepAccounts: true, exclusive: true }],
] as const

function linking(provider: Partial<Provider>): FlowsFixture {
  const clients = [new ScriptedSignInClient('example'), new ScriptedSignInClient('other', provider)]
  return new FlowsFixture({ clients })
}

/** The grant that stands in the subject's slot of the account at `other`. */
function grantAtOther({ clients, vault }: FlowsFixture): Promise<Grant | undefined> {
  return vault.read({ ref: subjectRef(subjectKey(clients[1] as SignInClient, 'ada')) })
}

describe.each(owners)('a link whose grant belongs to %s', (_, provider) => {
  it('stores nothing and revokes its tokens when its user signs out in the middle', async () => {
    const fixture = linking(provider)
    const browser = fixture.browser()
    await browser.signIn()
    const session = await browser.session()
    const answer = await browser.beginStep('link', 'other', 'late')
    once(fixture, 'sessions.write', () => browser.copy().post('/logout'))
    expect((await browser.get(answer)).status).toBe(401)
    expect(await browser.session()).toBeUndefined()
    expect(await grantAtOther(fixture)).toBeUndefined()
    expect(await fixture.kept.list('example:ada')).toEqual([])
    expect(fixture.clients[1]?.revoked).toEqual(['refresh of late'])
    const subject = subjectKey(fixture.clients[1] as SignInClient, 'ada')
    expect(await fixture.store.subjects.members(subject)).toEqual([])
    expect(await fixture.store.sessions.peek(session?.locator ?? '')).toBeUndefined()
  })
})

describe('a link of an account that is kept', () => {
  const kept = { keepAccounts: true }

  it('stays as it was made when its user signs out in the middle of another one', async () => {
    const fixture = linking(kept)
    const browser = fixture.browser()
    await browser.signIn()
    await browser.link('other', 'first')
    const answer = await browser.beginStep('link', 'other', 'second')
    once(fixture, 'sessions.write', () => browser.copy().post('/logout'))
    expect((await browser.get(answer)).status).toBe(401)
    expect(await grantAtOther(fixture)).toMatchObject({ holder: 'example:ada', state: 'live' })
    expect(await fixture.kept.list('example:ada')).toMatchObject([{ provider: 'other', id: 'ada' }])
    const standing = await grantAtOther(fixture)
    const used = standing?.state === 'live' ? standing.tokens.refreshToken : undefined
    expect(fixture.clients[1]?.revoked).toEqual(
      ['refresh of first', 'refresh of second'].filter((one) => one !== used),
    )
  })

  it('stays on its user’s list when a new one fails for the server', async () => {
    const fixture = linking({ ...kept, exclusive: true })
    const browser = fixture.browser()
    await browser.signIn()
    await browser.link('other', 'first')
    let calls = 0
    Object.assign(fixture.clients[1] ?? {}, {
      beforeProfile: () => {
        calls += 1
        if (calls === 2) throw new LatchkeyError('as_unavailable', 'The user cannot be asked for.')
      },
    })
    expect((await browser.link('other', 'second')).status).toBe(503)
    expect(await fixture.kept.list('example:ada')).toMatchObject([{ provider: 'other', id: 'ada' }])
    expect(await grantAtOther(fixture)).toMatchObject({ holder: 'example:ada', state: 'live' })
  })

  it('case 46: replaces no grant that only another secret opens: its keeper may be another user', async () => {
    const fixture = linking(kept)
    const browser = fixture.browser()
    await browser.signIn()
    const ref = subjectRef(subjectKey(fixture.clients[1] as SignInClient, 'ada'))
    const { log, clock } = fixture
    const sealer = new Sealer(['the secret of another process'])
    const elsewhere = new Vault({ store: fixture.store, sealer, clock, events: new Events(log), log })
    const tokens = fixture.client.tokens('access of grace', ['read'])
    const grant = { state: 'live', tokens, authorizedAt: 0, refreshCount: 0, holder: 'grace' } as const
    const record = elsewhere.seal(ref, grant)
    await fixture.store.grants.create(ref, record, 1_000)
    const reply = await browser.link('other')
    expect(reply.status).toBe(503)
    expect(await fixture.store.grants.read(ref)).toEqual(record)
  })

  it('case 45: takes the place of a grant that was tampered with, after a sign-in too', async () => {
    const fixture = keeping()
    const browser = fixture.browser()
    await browser.signIn()
    const ref = subjectRef(subjectKey(fixture.client, 'ada'))
    const standing = await fixture.store.grants.read(ref)
    const record = { version: 'tampered', sealed: (standing?.sealed ?? new Uint8Array()).slice(0, -1) }
    await fixture.store.grants.commit(ref, standing?.version ?? '', record)
    expect((await browser.signIn('example', '', 'again')).status).toBe(303)
    expect(await keptGrant(fixture, browser)).toMatchObject({ tokens: { accessToken: 'access of again' } })
  })

  it('is not revoked when nobody knows whether it was stored', async () => {
    const fixture = linking(kept)
    const browser = fixture.browser()
    await browser.signIn()
    const answer = await browser.beginStep('link', 'other', 'unheard')
    fixture.watched.after = ({ name }) => {
      if (name === 'subjects.admit') throw new Error('the answer was lost')
    }
    const reply = browser.get(answer)
    for (let passed = 0; passed < 6; passed += 0.25) await fixture.clock.advance(0.25)
    expect((await reply).status).toBe(503)
    fixture.watched.after = () => undefined
    expect(await grantAtOther(fixture)).toMatchObject({ tokens: { refreshToken: 'refresh of unheard' } })
    expect(fixture.clients[1]?.revoked).toEqual([])
    expect(await fixture.kept.list('example:ada')).toMatchObject([{ provider: 'other', id: 'ada' }])
  })

  it('leaves no grant that its user could not disconnect when the list cannot be written', async () => {
    const fixture = linking(kept)
    const browser = fixture.browser()
    await browser.signIn()
    const answer = await browser.beginStep('link', 'other', 'late')
    fixture.watched.before = ({ name }) => {
      if (name === 'users.write') throw new Error('no connection')
    }
    expect((await browser.get(answer)).status).toBe(503)
    fixture.watched.before = () => {}
    expect(await grantAtOther(fixture)).toBeUndefined()
    expect(fixture.clients[1]?.revoked).toEqual(['refresh of late'])
  })

  it('revokes what has become of its tokens when it is refused in the end', async () => {
    const fixture = linking(kept)
    const browser = fixture.browser()
    await browser.signIn()
    const answer = await browser.beginStep('link', 'other', 'late')
    const ref = subjectRef(subjectKey(fixture.clients[1] as SignInClient, 'ada'))
    once(fixture, 'sessions.write', async () => {
      const standing = await fixture.store.grants.read(ref)
      const tokens = fixture.client.tokens('access of refreshed', ['read'])
      const grant = {
        state: 'live',
        tokens,
        authorizedAt: 0,
        refreshCount: 1,
        holder: 'example:ada',
      } as const
      await fixture.store.grants.commit(ref, standing?.version ?? '', fixture.vault.seal(ref, grant))
      await browser.copy().post('/logout')
    })
    expect((await browser.get(answer)).status).toBe(401)
    expect(await grantAtOther(fixture)).toBeUndefined()
    expect(await fixture.kept.list('example:ada')).toEqual([])
    expect(new Set(fixture.clients[1]?.revoked)).toEqual(new Set(['refresh of refreshed', 'refresh of late']))
  })

  it('stays on its user’s list when an older try, which was too early, is refused', async () => {
    const fixture = linking(kept)
    const ada = fixture.browser()
    await ada.signIn()
    fixture.client.person = { id: 'grace' }
    const grace = fixture.browser()
    await grace.signIn()
    await grace.link('other', 'of grace')
    const [held] = (await grace.session())?.record.accounts.slice(1) ?? []
    const early = await ada.beginStep('link', 'other', 'early')
    const later = await ada.beginStep('link', 'other', 'later')
    let writes = 0
    fixture.watched.before = async ({ name }) => {
      if (name !== 'users.write') return
      writes += 1
      // The first one puts it on the list, the second takes it off.
      if (writes !== 2) return
      fixture.watched.before = () => {}
      if (held) await fixture.flows().disconnect('example:grace', held)
      await ada.get(later)
    }
    expect((await ada.copy().get(early)).status).toBe(409)
    expect(await grantAtOther(fixture)).toMatchObject({ holder: 'example:ada', state: 'live' })
    expect(await fixture.kept.list('example:ada')).toMatchObject([{ provider: 'other', id: 'ada' }])
  })

  it('is refused to another user, whose tokens are revoked and whose list stays empty', async () => {
    const fixture = linking(kept)
    const ada = fixture.browser()
    await ada.signIn()
    await ada.link('other', 'first')
    const before = await grantAtOther(fixture)
    fixture.client.person = { id: 'grace' }
    const grace = fixture.browser()
    await grace.signIn()
    const cookie = grace.cookie
    const reply = await grace.link('other', 'second')
    expect([reply.status, grace.cookie]).toEqual([409, cookie])
    expect(reply.body).toContain('This account is in use')
    expect((await grace.session())?.record.accounts.map(({ id }) => id)).toEqual(['grace'])
    expect(await fixture.kept.list('example:grace')).toEqual([])
    expect(await grantAtOther(fixture)).toEqual(before)
    expect(fixture.clients[1]?.revoked).toEqual(['refresh of second'])
  })
})
