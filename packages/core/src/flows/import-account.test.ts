import { describe, expect, it } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import type { Provider } from '../protocol/provider.ts'
import { subjectKey } from '../protocol/subject-key.ts'
import type { TokenAnswer, TokenSet } from '../protocol/token.ts'
import { subjectRef } from '../session/record.ts'
import { startAt } from '../session/session.fixture.ts'
import type { Grant } from '../vault/grant.ts'
import { FlowsFixture } from './flows.fixture.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'

const day = 86_400
const unauthorized = new LatchkeyError('as_unavailable', 'Refused.', { reason: 'userinfo_unauthorized' })

class ImportFixture extends FlowsFixture {
  constructor(provider: Partial<Provider> = {}) {
    super({ clients: [new ScriptedSignInClient('example', { keepAccounts: true, ...provider })] })
  }

  /** Tokens as another library left them. */
  tokens(more: Partial<TokenSet> = {}): TokenSet {
    return { ...this.client.tokens('access of old', ['read']), receivedAt: startAt - 60, ...more }
  }

  import(tokens: TokenSet, userId = 'ada lovelace', vault = this.vault): Promise<void> {
    const authorizedAt = startAt - 30 * day
    return this.flows(vault).importAccount({ client: this.client, userId, tokens, authorizedAt })
  }

  willRefresh(): void {
    this.client.answers.push((tokens) => rotated(this.clock.now(), tokens))
  }

  grant(): Promise<Grant | undefined> {
    return this.vault.read({ ref: subjectRef(subjectKey(this.client, 'ada')) })
  }

  async keptIds(userId = 'ada lovelace'): Promise<readonly string[]> {
    return (await this.kept.list(userId)).map(({ id }) => id)
  }
}

/** Lets time pass until it is done: leases run out, and whoever waits looks again. */
async function passing<Result>({ clock }: ImportFixture, work: Promise<Result>): Promise<Result> {
  let isDone = false
  const done = work.finally(() => {
    isDone = true
  })
  done.catch(() => {})
  while (!isDone) await clock.advance(0.1)
  return done
}

function ignored(): void {}

function rotated(now: number, { accessToken, refreshToken, scope }: TokenSet): TokenAnswer {
  const tokens = {
    accessToken: `${accessToken}, refreshed`,
    refreshToken: `${refreshToken}, rotated`,
    tokenType: 'Bearer',
    receivedAt: now,
    expiresAt: now + 3_600,
    scope,
  }
  return { kind: 'token_set', tokens, raw: {} }
}

describe('Flows.importAccount', () => {
  it('keeps the account for its user as if it had been linked, with the day of its authorization', async () => {
    const fixture = new ImportFixture()
    await fixture.import(fixture.tokens())
    expect(await fixture.grant()).toEqual({
      state: 'live',
      holder: 'ada lovelace',
      tokens: fixture.tokens(),
      authorizedAt: startAt - 30 * day,
      refreshCount: 0,
    })
    expect(await fixture.kept.list('ada lovelace')).toEqual([
      { provider: 'example', id: 'ada', subject: subjectKey(fixture.client, 'ada') },
    ])
    expect([fixture.client.refreshed, fixture.client.revoked]).toEqual([[], []])
  })

  it('does nothing the second time', async () => {
    const fixture = new ImportFixture()
    await fixture.import(fixture.tokens())
    let asked = 0
    fixture.client.beforeProfile = () => {
      asked += 1
    }
    const before = await fixture.grant()
    await fixture.import(fixture.tokens())
    expect([asked, await fixture.grant()]).toEqual([0, before])
  })

  it('leaves an account alone that its user keeps already', async () => {
    const fixture = new ImportFixture()
    await fixture.import(fixture.tokens())
    const before = await fixture.grant()
    await fixture.import({
      ...fixture.tokens(),
      accessToken: 'access of older',
      refreshToken: 'refresh of older',
    })
    expect(await fixture.grant()).toEqual(before)
    expect(fixture.client.revoked).toEqual([])
  })

  it('takes the place of one that the server has ended', async () => {
    const fixture = new ImportFixture()
    await fixture.import(fixture.tokens())
    const ref = subjectRef(subjectKey(fixture.client, 'ada'))
    const standing = await fixture.store.grants.read(ref)
    const ended = {
      state: 'ended',
      reason: 'invalid_grant',
      scope: [],
      authorizedAt: 0,
      refreshCount: 0,
    } as const
    await fixture.store.grants.commit(
      ref,
      standing?.version ?? '',
      fixture.vault.seal(ref, { ...ended, holder: 'ada lovelace' }),
    )
    const tokens = { ...fixture.tokens(), accessToken: 'access of new', refreshToken: 'refresh of new' }
    await fixture.import(tokens)
    expect(await fixture.grant()).toMatchObject({ state: 'live', holder: 'ada lovelace', tokens })
  })

  it('takes the place of what its tokens have killed, where a server keeps one token set alive', async () => {
    const fixture = new ImportFixture({ exclusive: true })
    await fixture.import(fixture.tokens())
    const tokens = fixture.tokens({ accessToken: 'access of newest', refreshToken: 'refresh of newest' })
    await fixture.import(tokens)
    expect(await fixture.grant()).toMatchObject({ holder: 'ada lovelace', tokens })
  })

  it('refreshes expired tokens once, for twenty calls at a time', async () => {
    const fixture = new ImportFixture()
    fixture.willRefresh()
    const tokens = fixture.tokens({ expiresAt: startAt - 10 })
    const calls = Array.from({ length: 20 }, () => fixture.import(tokens))
    expect(await Promise.all(calls)).toHaveLength(20)
    expect(await fixture.grant()).toMatchObject({
      tokens: { refreshToken: 'refresh of old, rotated' },
      refreshCount: 0,
    })
    expect(fixture.client.refreshed).toHaveLength(1)
    expect(await fixture.keptIds()).toEqual(['ada'])
  })

  it('refreshes tokens of unknown age that userinfo refuses, once', async () => {
    const fixture = new ImportFixture()
    fixture.willRefresh()
    fixture.client.beforeProfile = ({ accessToken }) => {
      if (accessToken === 'access of old') throw unauthorized
    }
    const { expiresAt: _, ...ageless } = fixture.tokens()
    await Promise.all(Array.from({ length: 20 }, () => fixture.import(ageless)))
    expect(await fixture.grant()).toMatchObject({ tokens: { refreshToken: 'refresh of old, rotated' } })
    expect(fixture.client.refreshed).toHaveLength(1)
  })

  it('refreshes tokens that are about to expire before anything else, so that no refresh runs beside it', async () => {
    const fixture = new ImportFixture()
    fixture.willRefresh()
    await fixture.import(fixture.tokens({ expiresAt: startAt + 30 }))
    expect(await fixture.grant()).toMatchObject({ tokens: { refreshToken: 'refresh of old, rotated' } })
    await fixture.clock.advance(1)
    expect(fixture.client.refreshed).toHaveLength(1)
  })

  it('is done when another call was faster, at whichever command', async () => {
    for (let overtaken = 0, isOvertaken = true; isOvertaken; overtaken += 1) {
      const fixture = new ImportFixture()
      fixture.willRefresh()
      const tokens = fixture.tokens({ expiresAt: startAt - 10 })
      let commands = 0
      isOvertaken = false
      fixture.watched.before = async () => {
        if (commands++ !== overtaken) return
        isOvertaken = true
        fixture.watched.before = () => {}
        // While the refresh itself is under way it waits for it in vain: that one waits for us.
        await passing(fixture, fixture.import(tokens, undefined, fixture.anotherVault()).catch(ignored))
      }
      await passing(fixture, fixture.import(tokens))
      expect(await fixture.grant(), `command ${overtaken}`).toMatchObject({
        tokens: { refreshToken: 'refresh of old, rotated' },
      })
      expect([fixture.client.refreshed.length, await fixture.keptIds()]).toEqual([1, ['ada']])
    }
  })

  it('goes on where it stopped when userinfo failed after the rotation: nothing is lost', async () => {
    const fixture = new ImportFixture()
    fixture.willRefresh()
    const tokens = fixture.tokens({ expiresAt: startAt - 10 })
    fixture.client.beforeProfile = () => {
      throw new LatchkeyError('as_unavailable', 'Down.')
    }
    await expect(fixture.import(tokens)).rejects.toMatchObject({ code: 'as_unavailable' })
    expect(await fixture.keptIds()).toEqual([])
    fixture.client.beforeProfile = () => {}
    await fixture.import(tokens)
    expect(await fixture.grant()).toMatchObject({ tokens: { refreshToken: 'refresh of old, rotated' } })
    expect(fixture.client.refreshed).toHaveLength(1)
  })

  it('loses nothing at whichever command the store fails, and finishes when called again', async () => {
    for (const outage of ['refused', 'lost'] as const) {
      for (let failing = 0, failed = true; failed; failing += 1) {
        const fixture = new ImportFixture()
        fixture.willRefresh()
        const tokens = fixture.tokens({ expiresAt: startAt - 10 })
        let commands = 0
        const step = (): void => {
          if (commands++ === failing) throw new Error('no connection')
        }
        if (outage === 'refused') fixture.watched.before = step
        else fixture.watched.after = step
        const outcome = await passing(
          fixture,
          fixture.import(tokens).catch((error: unknown) => error),
        )
        failed = commands > failing
        fixture.watched.before = () => {}
        fixture.watched.after = () => undefined
        if (outcome !== undefined)
          expect(outcome, `${outage} ${failing}`).toMatchObject({ code: 'store_unavailable' })
        await passing(fixture, fixture.import(tokens))
        expect(await fixture.grant(), `${outage} ${failing}`).toMatchObject({
          tokens: { refreshToken: 'refresh of old, rotated' },
          holder: 'ada lovelace',
        })
        expect(await fixture.keptIds()).toEqual(['ada'])
        expect(fixture.client.refreshed).toHaveLength(1)
      }
    }
  })

  it.each([
    ['dead', () => ({ kind: 'dead', oauth: { error: 'invalid_grant' } }) as const],
    ['gone', undefined],
  ])('says that the user must sign in when the tokens are %s, however often', async (_, answer) => {
    const fixture = new ImportFixture()
    if (answer !== undefined) fixture.client.answers.push(answer)
    const { refreshToken, ...rest } = fixture.tokens({ expiresAt: startAt - 10 })
    const tokens = answer === undefined ? rest : { ...rest, refreshToken: refreshToken ?? '' }
    for (let call = 0; call < 2; call += 1) {
      await expect(fixture.import(tokens)).rejects.toMatchObject({
        code: 'login_required',
        reason: 'grant_ended',
      })
    }
    expect([await fixture.grant(), await fixture.keptIds()]).toEqual([undefined, []])
  })

  it('is refused for another user, and changes nothing of the one who keeps the account', async () => {
    const fixture = new ImportFixture()
    await fixture.import(fixture.tokens())
    const before = await fixture.grant()
    const others = { ...fixture.tokens(), accessToken: 'access of theirs', refreshToken: 'refresh of theirs' }
    await expect(fixture.import(others, 'grace')).rejects.toMatchObject({ code: 'account_in_use' })
    expect([await fixture.grant(), await fixture.keptIds('grace')]).toEqual([before, []])
    expect(fixture.client.revoked).toEqual([])
  })
})
