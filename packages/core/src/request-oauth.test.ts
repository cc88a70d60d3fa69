import { inspect } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { LatchkeyError } from './errors.ts'
import type { Reply } from './flows/http.ts'
import type { Provider } from './protocol/provider.ts'
import { subjectKey } from './protocol/subject-key.ts'
import { oauth2 } from './providers/index.ts'
import {
  type RequestOAuth,
  requestOAuth,
  type SessionOutcome,
  sessionOf as sessionBehind,
} from './request-oauth.ts'
import { Agent } from './transport/undici.ts'
import type { Grant, TokenSource } from './vault/grant.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

const reply: Reply = { status: 303, headers: {}, setCookies: [], body: '' }

/** Two providers, of which `shared` origins belong to both; sessions point to grants named after the account. */
function fixture({
  accounts = [['a', 'ada']],
  failure,
  grant,
  resolvesMore = false,
  areListed = true,
}: {
  readonly accounts?: readonly (readonly [provider: string, id: string])[] | undefined
  readonly failure?: Error
  readonly grant?: Grant
  readonly resolvesMore?: boolean
  readonly areListed?: boolean
} = {}) {
  const clients = ['a', 'b'].map(
    (id): TokenSource => ({
      provider: provider(id),
      identity: () => id,
      canRefresh: () => true,
      refresh: () => Promise.reject(new Error('not scripted')),
      revoke: async () => true,
    }),
  )
  const fresh = vi.fn(
    async ({ ref, account }: { ref: { slot: string; id: string }; account: { id: string } }) => ({
      accessToken: `token-of-${account.id}`,
      tokenType: 'Bearer',
      receivedAt: 1_000,
      expiresAt: 4_600,
      scope: [ref.slot, ref.id],
    }),
  )
  const sent = vi.fn(async (_url: string, _init: RequestInit) => new Response('ok'))
  vi.stubGlobal('fetch', sent)
  const outcome: SessionOutcome = failure === undefined ? { session: sessionOf(accounts) } : { failure }
  const written: Reply[] = []
  const parts = {
    outcome,
    vault: { fresh, read: vi.fn(async () => grant) },
    clients: {
      listed: areListed ? clients : [],
      resolvesMore,
      find: async (id: string) => clients.find((one) => one.provider.id === id),
    },
    dispatcher: new Agent(),
    disconnect: vi.fn(async () => {}),
    onLook: vi.fn(),
    login: vi.fn(async () => reply),
    logout: vi.fn(async () => reply),
    answer: vi.fn(async (make: () => Promise<Reply>) => void written.push(await make())),
  }
  const oauth: RequestOAuth = requestOAuth(parts)
  const authorizationOf = (call: number): string | null =>
    new Headers(sent.mock.calls[call]?.[1].headers).get('authorization')
  return { oauth, parts, fresh, sent, written, authorizationOf }
}

function provider(id: string): Provider {
  const preset = oauth2({
    id,
    authorizationEndpoint: 'https://as.example/authorize',
    tokenEndpoint: 'https://as.example/token',
    resourceOrigins: [`https://${id}.example`, 'https://shared.example'],
    refreshTokenLifetime: { months: 6 },
  })
  return { ...preset, clientId: 'client-1', clientSecret: 'client-secret-1' }
}

function sessionOf(accounts: readonly (readonly [string, string])[]) {
  const [first] = accounts
  if (first === undefined) return undefined
  const [signedInWith, id] = first
  return {
    locator: 'locator-secret',
    version: 'version-1',
    record: {
      user: { provider: signedInWith, id, name: 'Ada' },
      userId: `${signedInWith}:${id}`,
      accounts: accounts.map(([name, accountId]) => ({
        provider: name,
        id: accountId,
        owner: 'session' as const,
        grantId: `grant-secret-${accountId}`,
        subject: subjectKey({ identity: () => name }, accountId),
      })),
      loginAt: 1_000,
      expiresAt: 2_000,
      secretDigest: 'digest-secret',
      membership: { id: 'locator.random', joinedAt: 1_000 },
      completed: { transaction: 'transaction-secret', returnTo: '/', subject: '', scope: [], at: 1_000 },
    },
  }
}

const code = (expected: string) => expect.objectContaining({ code: expected })

describe('req.oauth of somebody who is signed in', () => {
  it('says who', () => {
    const { oauth } = fixture()
    expect(oauth.isAuthenticated).toBe(true)
    expect(oauth.userId).toBe('a:ada')
    expect(oauth.user?.name).toBe('Ada')
    expect([oauth.requireUser().id, oauth.requireUserId()]).toEqual(['ada', 'a:ada'])
    expect(oauth.accounts.map(({ provider: at, id }) => [at, id])).toEqual([['a', 'ada']])
  })

  it('works detached', async () => {
    const { oauth, authorizationOf } = fixture()
    const { fetch, accessToken, account, requireUser, requireUserId } = oauth
    await fetch('https://a.example/me')
    expect(authorizationOf(0)).toBe('Bearer token-of-ada')
    expect((await accessToken()).value).toBe('token-of-ada')
    const { fetch: fetchOfAccount } = account('a')
    expect((await fetchOfAccount('https://a.example/me')).status).toBe(200)
    expect([requireUser().name, requireUserId()]).toEqual(['Ada', 'a:ada'])
  })

  it('names the grant by the session’s locator and the account’s pointer', async () => {
    const { oauth, fresh } = fixture()
    expect(await oauth.accessToken({ minTtlSeconds: 90 })).toEqual({
      value: 'token-of-ada',
      tokenType: 'Bearer',
      expiresAt: 4_600,
      scope: ['locator-secret', 'grant-secret-ada'],
    })
    expect(fresh.mock.calls[0]?.[0].account).toEqual({ provider: 'a', id: 'ada' })
    expect(fresh.mock.calls[0]).toHaveLength(2)
    expect((fresh.mock.calls[0] as unknown[])[1]).toEqual({ minTtlSeconds: 90 })
  })

  it('looks the provider up again after a lookup that failed', async () => {
    const { oauth, parts } = fixture({ resolvesMore: true, areListed: false })
    vi.spyOn(parts.clients, 'find').mockRejectedValueOnce(new LatchkeyError('as_unavailable', 'not now'))
    const account = oauth.account('a')
    await expect(account.accessToken()).rejects.toThrow('not now')
    expect((await account.accessToken()).value).toBe('token-of-ada')
  })

  it('picks the account by the origin of the URL', async () => {
    const { oauth, authorizationOf } = fixture({
      accounts: [
        ['a', 'ada'],
        ['b', 'bob'],
      ],
    })
    await oauth.fetch('https://b.example/x')
    await oauth.fetch(new Request('https://a.example/x'))
    expect([authorizationOf(0), authorizationOf(1)]).toEqual(['Bearer token-of-bob', 'Bearer token-of-ada'])
  })

  it('picks the one that signed in when an origin belongs to several', async () => {
    const { oauth, authorizationOf } = fixture({
      accounts: [
        ['b', 'bob'],
        ['a', 'ada'],
      ],
    })
    await oauth.fetch('https://shared.example/x')
    expect(authorizationOf(0)).toBe('Bearer token-of-bob')
    expect((await oauth.accessToken()).value).toBe('token-of-bob')
  })

  it('asks which of two accounts is meant when neither signed in', async () => {
    const { oauth, sent } = fixture({
      accounts: [
        ['a', 'ada'],
        ['b', 'bob'],
        ['b', 'bea'],
      ],
    })
    await expect(oauth.fetch('https://b.example/x')).rejects.toEqual(code('account_ambiguous'))
    expect(() => oauth.account('b')).toThrow(code('account_ambiguous'))
    expect(oauth.account('b', 'bea').id).toBe('bea')
    expect(sent).not.toHaveBeenCalled()
  })

  it('case 51: sends nothing to an origin that no provider lists', async () => {
    const { oauth, fresh, sent } = fixture()
    await expect(oauth.fetch('https://evil.example/x')).rejects.toEqual(code('origin_not_allowed'))
    await expect(oauth.request('https://evil.example/x')).rejects.toEqual(code('origin_not_allowed'))
    await expect(oauth.account('a').fetch('https://b.example/x')).rejects.toEqual(code('origin_not_allowed'))
    expect([fresh.mock.calls, sent.mock.calls]).toEqual([[], []])
  })

  it('asks for a sign-in at the provider whose API is called', async () => {
    const { oauth } = fixture()
    await expect(oauth.fetch('https://b.example/x')).rejects.toMatchObject({
      code: 'login_required',
      reason: 'no_account',
      provider: 'b',
    })
    expect(() => oauth.account('b')).toThrow(code('login_required'))
    expect(() => oauth.account('a', 'bob')).toThrow(code('login_required'))
  })

  it('tells how the authorization stands, six months from it included', async () => {
    const tokens = {
      accessToken: 't',
      refreshToken: 'r',
      tokenType: 'Bearer',
      receivedAt: 0,
      expiresAt: 9,
      scope: ['s'],
    }
    const { oauth } = fixture({ grant: { state: 'live', tokens, authorizedAt: 0, refreshCount: 3 } })
    expect(await oauth.account('a').status()).toEqual({
      state: 'live',
      scope: ['s'],
      expiresAt: 9,
      refreshTokenExpiresAt: Date.UTC(1970, 6, 1) / 1_000,
      authorizedAt: 0,
      refreshCount: 3,
    })
  })

  it('tells that an authorization ended, and that its record is gone', async () => {
    const ended = {
      state: 'ended',
      reason: 'invalid_grant',
      scope: ['s'],
      authorizedAt: 0,
      refreshCount: 3,
    } as const
    expect(await fixture({ grant: ended }).oauth.account('a').status()).toEqual({
      state: 'ended',
      scope: ['s'],
      authorizedAt: 0,
      refreshCount: 3,
    })
    await expect(fixture().oauth.account('a').status()).rejects.toMatchObject({
      code: 'login_required',
      reason: 'grant_ended',
    })
  })

  it('signs out: ends the session, answers, and is signed out from then on', async () => {
    const { oauth, parts, written } = fixture()
    await oauth.logout({ returnTo: '/bye' })
    expect(parts.logout).toHaveBeenCalledWith(expect.objectContaining({ locator: 'locator-secret' }), {
      returnTo: '/bye',
    })
    expect(written).toEqual([reply])
    expect(oauth.isAuthenticated).toBe(false)
    expect(oauth.accounts).toEqual([])
  })

  it('stays signed in when the response has begun and no answer can be written', async () => {
    const { oauth, parts } = fixture()
    parts.answer.mockRejectedValueOnce(new LatchkeyError('not_supported', 'Too late.'))
    await expect(oauth.logout()).rejects.toMatchObject({ code: 'not_supported' })
    expect(parts.logout).not.toHaveBeenCalled()
    expect(oauth.isAuthenticated).toBe(true)
  })

  it('case 99: prints provider, id and user, and nothing of session, grant or token', async () => {
    const { oauth } = fixture()
    await oauth.accessToken()
    const account = oauth.account('a')
    await account.accessToken()
    for (const shown of [oauth, account, { deep: { oauth, accounts: oauth.accounts } }]) {
      for (const text of [
        JSON.stringify(shown),
        inspect(shown, { depth: Infinity, showHidden: true }),
        String(shown),
      ]) {
        expect(text).not.toMatch(/secret|token-of/)
      }
    }
    expect(JSON.parse(JSON.stringify(oauth))).toEqual({
      isAuthenticated: true,
      userId: 'a:ada',
      user: { provider: 'a', id: 'ada', name: 'Ada' },
      accounts: [{ provider: 'a', id: 'ada' }],
    })
    expect(inspect(account)).toBe("{ provider: 'a', id: 'ada' }")
  })
})

describe('req.oauth of a stranger', () => {
  it('says that nobody is signed in', () => {
    const { oauth } = fixture({ accounts: [] })
    expect([oauth.isAuthenticated, oauth.user, oauth.userId, oauth.accounts]).toEqual([
      false,
      undefined,
      undefined,
      [],
    ])
  })

  it('asks for a sign-in by everything that needs one, and sends nothing', async () => {
    const { oauth, sent } = fixture({ accounts: [] })
    const signedOut = { code: 'login_required', reason: 'signed_out' }
    await expect(oauth.fetch('https://a.example/x')).rejects.toMatchObject(signedOut)
    await expect(oauth.request('https://a.example/x')).rejects.toMatchObject(signedOut)
    await expect(oauth.accessToken()).rejects.toMatchObject(signedOut)
    expect(() => oauth.requireUser()).toThrow(expect.objectContaining(signedOut))
    expect(() => oauth.requireUserId()).toThrow(expect.objectContaining(signedOut))
    expect(() => oauth.account('a')).toThrow(expect.objectContaining(signedOut))
    expect(sent).not.toHaveBeenCalled()
  })

  it('learns of a wrong URL first, unless the provider may be one that is resolved', async () => {
    const known = fixture({ accounts: [] })
    await expect(known.oauth.fetch('https://tenant.example/x')).rejects.toEqual(code('origin_not_allowed'))
    const open = fixture({ accounts: [], resolvesMore: true })
    await expect(open.oauth.fetch('https://tenant.example/x')).rejects.toEqual(code('login_required'))
  })

  it('signs in: hands the options on and answers', async () => {
    const { oauth, parts, written } = fixture({ accounts: [] })
    await oauth.login({ provider: 'a', prompt: 'consent' })
    expect(parts.login).toHaveBeenCalledWith({ provider: 'a', prompt: 'consent' })
    expect(written).toEqual([reply])
  })
})

describe('req.oauth of a session that could not be read', () => {
  const failure = new LatchkeyError('store_unavailable', 'The store is down.')

  it('throws store_unavailable at every read, and never says that nobody is signed in', async () => {
    const { oauth, sent } = fixture({ failure })
    const reads: readonly (() => unknown)[] = [
      () => oauth.isAuthenticated,
      () => oauth.user,
      () => oauth.userId,
      () => oauth.accounts,
      () => oauth.requireUser(),
      () => oauth.requireUserId(),
      () => oauth.account('a'),
    ]
    for (const read of reads) expect(read).toThrow(failure)
    await expect(oauth.fetch('https://a.example/x')).rejects.toBe(failure)
    await expect(oauth.request('https://a.example/x')).rejects.toBe(failure)
    await expect(oauth.accessToken()).rejects.toBe(failure)
    await expect(oauth.logout()).rejects.toBe(failure)
    expect(sent).not.toHaveBeenCalled()
  })

  it('still signs in', async () => {
    const { oauth, written } = fixture({ failure })
    await oauth.login()
    expect(written).toEqual([reply])
  })

  it('prints without throwing', () => {
    const { oauth } = fixture({ failure })
    expect(inspect(oauth)).toContain('unknown')
    expect(JSON.stringify(oauth)).toContain('unknown')
  })
})

describe('a look at the session', () => {
  type Look = (oauth: RequestOAuth) => unknown
  const looks: Readonly<Record<string, Look>> = {
    isAuthenticated: (oauth) => oauth.isAuthenticated,
    user: (oauth) => oauth.user,
    userId: (oauth) => oauth.userId,
    accounts: (oauth) => oauth.accounts,
    'account()': (oauth) => oauth.account('a'),
    'requireUser()': (oauth) => oauth.requireUser(),
    'requireUserId()': (oauth) => oauth.requireUserId(),
    'fetch()': (oauth) => oauth.fetch('https://a.example/x'),
    'request()': (oauth) => oauth.request('https://a.example/x'),
    'accessToken()': (oauth) => oauth.accessToken(),
    'logout()': (oauth) => oauth.logout(),
    'JSON.stringify()': (oauth) => JSON.stringify(oauth),
    'a guard': (oauth) => sessionBehind(oauth),
  }
  const visitors = {
    'somebody signed in': () => fixture(),
    'a stranger': () => fixture({ accounts: [] }),
    'nobody knows whom': () =>
      fixture({ failure: new LatchkeyError('store_unavailable', 'The store is down.') }),
  }

  describe.each(Object.entries(visitors))('of %s', (_visitor, made) => {
    it.each(Object.entries(looks))('case 32: by %s is reported, once', async (_name, look) => {
      const { oauth, parts } = made()
      expect(parts.onLook).not.toHaveBeenCalled()
      for (let turn = 0; turn < 2; turn += 1)
        await Promise.resolve(oauth)
          .then(look)
          .catch(() => {})
      expect(parts.onLook).toHaveBeenCalledTimes(1)
    })

    it('case 32: is not what a log or a login does', async () => {
      const { oauth, parts } = made()
      inspect({ oauth }, { depth: Infinity, showHidden: true })
      await oauth.login()
      expect(parts.onLook).not.toHaveBeenCalled()
    })
  })
})
