import { describe, expect, it } from 'vitest'
import { Sealer } from '../crypto/seal.ts'
import { LatchkeyError } from '../errors.ts'
import { Events } from '../events.ts'
import { type Answer, rejection } from '../protocol/fake-server.fixture.ts'
import { clientFixture, tokenEndpoint } from '../protocol/protocol-client.fixture.ts'
import type { ProtocolClient } from '../protocol/protocol-client.ts'
import { oauthProvider } from '../protocol/provider.fixture.ts'
import type { Provider } from '../protocol/provider.ts'
import { memoryStore } from '../store/memory-store.ts'
import { Agent } from '../transport/undici.ts'
import { Vault } from '../vault/vault.ts'
import { Applications } from './applications.ts'

/** One application over a scripted token endpoint that numbers its tokens. */
function fixture({ answer, provider, listed = true }: Setup = {}) {
  let minted = 0
  const numbered = (): Answer => ({ body: { access_token: `app-${++minted}`, expires_in: 3_600 } })
  const { client, server } = clientFixture(oauthProvider(provider), answer ?? numbered)
  const { clock, log } = server
  const store = memoryStore({ clock })
  const sealer = new Sealer(['a secret of the tests, long enough to seal with'])
  const vault = new Vault({ store, sealer, clock, log, events: new Events(log) })
  const lookups: (() => ProtocolClient | undefined)[] = []
  const clients = {
    configured: listed ? [client] : [],
    find: async () => (listed ? client : lookups.shift()?.()),
  }
  const applications = new Applications({ clients, vault, dispatcher: new Agent() })
  const mints = (): number => server.to(tokenEndpoint).length
  return { applications, client, clock, lookups, mints }
}

interface Setup {
  readonly answer?: () => Answer
  readonly provider?: Partial<Provider>
  /** False: the provider is only found when asked for. */
  readonly listed?: boolean
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
}

describe('Applications', () => {
  it('mints nothing before a token is needed, then once for all who need it', async () => {
    const { applications, mints, clock } = fixture()
    const [first, second] = [applications.access('example'), applications.access('example')]
    await settle()
    expect(mints()).toBe(0)
    const tokens = await Promise.all(
      Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? first : second).accessToken()),
    )
    expect(tokens[0]).toEqual({
      value: 'app-1',
      tokenType: 'Bearer',
      scope: [],
      expiresAt: clock.now() + 3_600,
    })
    expect([new Set(tokens.map(({ value }) => value)).size, mints()]).toEqual([1, 1])
  })

  it('mints anew when more time is asked for than is left, at most every 10 seconds', async () => {
    const { applications, mints, clock } = fixture()
    const { accessToken } = applications.access('example')
    const values: string[] = []
    for (let second = 0; second < 30; second += 1) {
      values.push((await accessToken({ minTtlSeconds: 1e9 })).value)
      clock.advance(1)
    }
    expect([new Set(values).size, mints()]).toEqual([3, 3])
  })

  it('keeps no failed mint: after its cool-down the next caller asks again', async () => {
    const answers: Answer[] = [{ status: 429 }, 'refused', { body: { access_token: 'app-1' } }]
    const { applications, mints, clock } = fixture({ answer: () => answers.shift() ?? 'silent' })
    const { accessToken } = applications.access('example')
    for (const failed of [1, 2]) {
      for (let call = 0; call < 5; call += 1)
        expect(await rejection(accessToken())).toMatchObject({ code: 'as_unavailable' })
      expect(mints()).toBe(failed)
      clock.advance(11)
    }
    expect((await accessToken()).value).toBe('app-1')
  })

  it('keeps no failed lookup of a provider', async () => {
    const { applications, client, lookups } = fixture({ listed: false })
    const { accessToken } = applications.access('example')
    lookups.push(
      () => undefined,
      () => {
        throw new LatchkeyError('as_unavailable', 'the lookup failed')
      },
      () => client,
    )
    expect(await rejection(accessToken())).toMatchObject({ code: 'invalid_options' })
    expect(await rejection(accessToken())).toMatchObject({ code: 'as_unavailable' })
    expect((await accessToken()).value).toBe('app-1')
    expect((await accessToken()).value).toBe('app-1')
    expect(lookups).toEqual([])
  })

  it('refuses two kinds of token where one kills the other, as soon as the provider is known', async () => {
    const exclusive = { provider: { exclusive: true } }
    expect(() => fixture(exclusive).applications.access('example', { scope: ['a'] })).toThrow(
      'Example keeps only one application token alive',
    )
    const { applications, client, lookups, mints } = fixture({ ...exclusive, listed: false })
    lookups.push(() => client)
    const { accessToken } = applications.access('example', { audience: 'a' })
    expect(await rejection(accessToken())).toMatchObject({ code: 'invalid_options' })
    expect(mints()).toBe(0)
  })

  it.each([
    ['the server has no such tokens', { clientCredentials: false }, 'clientCredentials: true'],
    ['the client has no secret', { clientAuth: { method: 'none' } }, 'Configure clientAuth'],
  ] as const)('says that %s, as soon as the provider is known', async (_why, provider, fix) => {
    const refused = {
      code: 'not_supported',
      provider: 'example',
      message: expect.stringMatching(`Example.*${fix}`),
    }
    expect(() => fixture({ provider }).applications.access('example')).toThrow(
      expect.objectContaining(refused),
    )
    const { applications, client, lookups, mints } = fixture({ provider, listed: false })
    lookups.push(() => client)
    expect(await rejection(applications.access('example').accessToken())).toMatchObject(refused)
    expect(mints()).toBe(0)
  })

  it('says what was asked for when the server refuses it', async () => {
    const { applications } = fixture({ answer: () => ({ status: 400, body: { error: 'invalid_scope' } }) })
    const error = await rejection(applications.access('example', { scope: ['a'] }).accessToken())
    expect(error).toMatchObject({
      code: 'as_misconfigured',
      message: expect.stringContaining('the scope "a"'),
    })
  })
})
